"""A judgement -> report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from gschnet_pyg.contracts import (
    Chemistry,
    FrequentMolecule,
    FunctionalGroup,
    Geometry,
    Rate,
    TargetComparison,
    ValidityReport,
    Verdict,
)
from gschnet_pyg.validity.checks import ValidityOptions
from gschnet_pyg.validity.distributions import compare, ring_statistics
from gschnet_pyg.validity.judging import Judgement
from gschnet_pyg.validity.rates import edm_rates, rdkit_rates
from gschnet_pyg.validity.reference import Reference
from gschnet_pyg.validity.similarity import search_training
from gschnet_pyg.validity.tally import Tally

FREQUENT = 20
"""Molecules that are named, those that were generated most often."""


def summarise(
    judgement: Judgement,
    *,
    options: ValidityOptions,
    requested: int | None = None,
    reference: Reference | None = None,
    targets: Sequence[TargetComparison] = (),
    source: Mapping[str, Any] | None = None,
) -> ValidityReport:
    """Count what the verdicts say.

    Rates are over the requested molecules; those that were never finished fail as ``unfinished``. *Unique* molecules
    are different canonical SMILES of valid ones, *unseen* those of them that are not among training and validation
    molecules, *novel* those that are not in the reference at all. Of the geometry only clashes are filled in.

    Args:
        judgement: on the finished molecules.
        options: they were judged with.
        requested: attempts; the molecules that are there by default, as for a plain file.
        reference: to compare with, judged with the same options.
        targets: how well those of conditional generation are reached, from ``compare_targets``.
        source: the file, and what is stored of how it was made.

    Raises:
        ValueError: if there are more verdicts than requested molecules, or the reference was judged otherwise.
    """
    verdicts, tally = judgement.verdicts, judgement.tally
    finished = len(verdicts)
    requested = finished if requested is None else requested
    if requested < finished:
        raise ValueError(f"{finished} molecules are finished, but only {requested} were requested")
    if reference is not None and reference.options != options:
        raise ValueError("the reference was judged with other options; its SMILES do not compare")
    failures = Counter(verdict.failure for verdict in verdicts if verdict.failure is not None)
    if requested > finished:
        failures["unfinished"] = requested - finished
    known = reference.tally if reference else None
    return ValidityReport(
        options=options.in_force(),
        requested=requested,
        finished=finished,
        rdkit=rdkit_rates(
            verdicts,
            requested,
            seen=reference.seen_smiles if reference else None,
            known=reference.known_smiles if reference else None,
        ),
        failures=dict(failures.most_common()),
        edm=edm_rates(verdicts, requested),
        rings=ring_statistics(tally, known),
        distributions=compare(tally, known),
        geometry=Geometry(clashes=_clashes(tally), reference_clashes=_clashes(known) if known else None),
        chemistry=Chemistry(
            functional_groups=_functional_groups(tally, known),
            frequent=_frequent(verdicts, reference),
            similarity=search_training(judgement, reference) if reference else None,
        ),
        reference=reference.describe() if reference else None,
        targets=tuple(targets),
        verdicts=verdicts,
        source=source or {},
    )


def _clashes(tally: Tally) -> Rate:
    return Rate(tally.clashing, tally.molecules)


def _functional_groups(tally: Tally, known: Tally | None) -> dict[str, FunctionalGroup]:
    """Those that either has, by their number here, then by that of the reference."""
    theirs = known.groups if known else Counter()
    names = sorted(tally.groups.keys() | theirs.keys(), key=lambda name: (-tally.groups[name], -theirs[name], name))
    return {
        name: FunctionalGroup(
            molecules=Rate(tally.groups[name], tally.molecules),
            reference=Rate(theirs[name], known.molecules) if known else None,
        )
        for name in names
    }


def _frequent(verdicts: Sequence[Verdict], reference: Reference | None) -> tuple[FrequentMolecule, ...]:
    """Of those that are equally frequent, the ones that came first."""
    formulas = {verdict.smiles: verdict.formula for verdict in verdicts}
    often = Counter(verdict.smiles for verdict in verdicts if verdict.smiles is not None).most_common(FREQUENT)
    wanted = {smiles for smiles, _ in often}
    theirs = Counter(smiles for smiles in reference.smiles if smiles in wanted) if reference else None
    return tuple(
        FrequentMolecule(smiles, formulas[smiles], count, theirs[smiles] if theirs is not None else None)
        for smiles, count in often
    )
