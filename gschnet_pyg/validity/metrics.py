"""Verdicts -> report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from gschnet_pyg.contracts import TargetComparison, ValidityReport, Verdict
from gschnet_pyg.validity.checks import ValidityOptions
from gschnet_pyg.validity.distributions import Distributions, compare, ring_statistics
from gschnet_pyg.validity.rates import edm_rates, rdkit_rates
from gschnet_pyg.validity.reference import Reference


def summarise(
    verdicts: Sequence[Verdict],
    *,
    options: ValidityOptions,
    requested: int | None = None,
    reference: Reference | None = None,
    targets: Sequence[TargetComparison] = (),
) -> ValidityReport:
    """Count what the verdicts say.

    Rates are over the requested molecules; those that were never finished fail as ``unfinished``. *Unique* molecules
    are different canonical SMILES of valid ones, *unseen* those of them that are not among training and validation
    molecules, *novel* those that are not in the reference at all.

    Args:
        verdicts: of the finished molecules.
        options: they were judged with.
        requested: attempts; the molecules that are there by default, as for a plain file.
        reference: to compare with, judged with the same options.
        targets: how well those of conditional generation are reached, from ``compare_targets``.

    Raises:
        ValueError: if there are more verdicts than requested molecules, or the reference was judged otherwise.
    """
    finished = len(verdicts)
    requested = finished if requested is None else requested
    if requested < finished:
        raise ValueError(f"{finished} molecules are finished, but only {requested} were requested")
    if reference is not None and reference.options != options:
        raise ValueError("the reference was judged with other options; its SMILES do not compare")
    failures = Counter(verdict.failure for verdict in verdicts if verdict.failure is not None)
    if requested > finished:
        failures["unfinished"] = requested - finished
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
        rings=ring_statistics(verdicts),
        distributions=compare(Distributions.of(verdicts), reference.distributions if reference else None),
        reference=reference.describe() if reference else None,
        verdicts=tuple(verdicts),
        targets=tuple(targets),
    )
