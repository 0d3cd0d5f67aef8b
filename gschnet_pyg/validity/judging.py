"""Molecules -> verdicts, in this process or in workers that can be killed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from operator import length_hint
from sys import intern
from typing import Any, Protocol

import numpy as np
from tqdm import tqdm

from gschnet_pyg.contracts import Verdict
from gschnet_pyg.validity.checks import (
    Examined,
    Findings,
    Molecule,
    ValidityOptions,
    examine,
    examine_by_edm,
    hill_formula,
)
from gschnet_pyg.validity.fingerprints import FingerprintCollector, Fingerprints
from gschnet_pyg.validity.tally import Tally
from gschnet_pyg.workers.pool import Lost, each_in_workers


@dataclass(frozen=True)
class Judgement:
    """Many molecules judged.

    Attributes:
        verdicts: in the order of the molecules.
        tally: what the valid ones are made of.
        fingerprints: of all of them; empty where a molecule is not valid.
    """

    verdicts: tuple[Verdict, ...]
    tally: Tally
    fingerprints: Fingerprints

    @classmethod
    def empty(cls) -> Judgement:
        """No molecules."""
        return cls((), Tally(), Fingerprints.of([]))


class Examination(Protocol):
    """What is done with a molecule; a module-level function, so that workers find it."""

    def __call__(self, molecule: Molecule, options: ValidityOptions) -> Examined:
        """What is found out about one molecule."""


def judge(z: np.ndarray, pos: np.ndarray, options: ValidityOptions) -> Verdict:
    """Judge one molecule in this process, without a limit of time.

    Args:
        z: ``[N]`` atomic numbers.
        pos: ``[N, 3]`` Å.
        options: how.
    """
    return verdict_of(examine((z, pos), options).findings)


def verdict_of(findings: Findings) -> Verdict:
    """The verdict; what many molecules have in common is in memory once."""
    formula, failure, rings = findings["formula"], findings["failure"], findings.get("ring_sizes", ())
    is_same = findings["smiles"] == findings["edm_smiles"]
    shared = {
        "formula": intern(formula),
        "failure": None if failure is None else intern(failure),
        "edm_smiles": findings["smiles"] if is_same else findings["edm_smiles"],
        "ring_sizes": _once(tuple(rings)),
    }
    return Verdict(**{**findings, **shared})


@cache
def _once(sizes: tuple[int, ...]) -> tuple[int, ...]:
    """The first of equal ones."""
    return sizes


def judge_all(
    molecules: Iterable[Molecule],
    options: ValidityOptions,
    *,
    workers: int | None = None,
    progress: bool = True,
    examine_one: Examination = examine,
) -> Judgement:
    """Judge molecules in worker processes.

    Molecules are taken from the iterable as workers need them; of each only its verdict and fingerprint stay.

    A molecule that takes longer than ``options.timeout`` gets the failure ``timeout``, one that takes its worker down
    (a segmentation fault, no memory) the failure ``crash``; EDM's rules are then applied to it on their own.

    Args:
        molecules: ``(z [N], pos [N, 3] Å)`` each.
        options: how.
        workers: most processes to start; one per available core by default; 0 to judge in this process, where
            nothing interrupts a molecule that hangs.
        progress: show a bar on a terminal.
        examine_one: what is done with a molecule.

    Raises:
        ValueError: if the shapes of a molecule do not fit each other.
    """
    checked = (_checked(index, molecule) for index, molecule in enumerate(molecules))
    function = partial(examine_one, options=options)
    outcomes: Iterator[tuple[int, Molecule, Any]]
    if workers == 0:
        outcomes = ((index, molecule, function(molecule)) for index, molecule in enumerate(checked))
    else:
        outcomes = each_in_workers(function, checked, workers=workers, timeout=options.timeout)
    total = length_hint(molecules) or None
    verdicts: list[Verdict | None] = []
    fingerprints, tally = FingerprintCollector(), Tally()
    lost: list[tuple[int, Molecule, Lost]] = []
    for index, molecule, outcome in tqdm(
        outcomes, "judging", total=total, unit=" molecules", disable=None if progress else True
    ):
        if isinstance(outcome, Lost):
            lost.append((index, molecule, outcome))
            continue
        verdict = verdict_of(outcome.findings)
        _put(verdicts, index, verdict)
        tally.add(verdict, outcome.contents)
        if outcome.contents is not None:
            fingerprints.add(index, outcome.contents.on_bits)
    for index, findings in _examine_lost(lost, options, workers):
        _put(verdicts, index, verdict_of(findings))
    found = tuple(verdict for verdict in verdicts if verdict is not None)
    assert len(found) == len(verdicts)
    return Judgement(found, tally, fingerprints.finish(len(found)))


def _put(verdicts: list[Verdict | None], index: int, verdict: Verdict) -> None:
    """At its place, whichever come first."""
    verdicts.extend([None] * (index + 1 - len(verdicts)))
    verdicts[index] = verdict


def _checked(index: int, molecule: Molecule) -> Molecule:
    z, pos = (np.asarray(array) for array in molecule)
    if z.ndim != 1 or pos.shape != (len(z), 3):
        raise ValueError(f"molecule {index}: z {z.shape} and pos {pos.shape} are not [N] and [N, 3]")
    return z, pos


def _examine_lost(
    lost: list[tuple[int, Molecule, Lost]], options: ValidityOptions, workers: int | None
) -> Iterator[tuple[int, Findings]]:
    """Molecules that RDKit did not survive, by EDM's rules; should they fail there too, nothing is stable."""
    items = [molecule for _, molecule, _ in lost]
    for place, (z, _), outcome in each_in_workers(examine_by_edm, items, workers=workers, timeout=options.timeout):
        found = {"n_atoms": len(z), "n_stable_atoms": 0, "edm_smiles": None} if isinstance(outcome, Lost) else outcome
        index, _, reason = lost[place]
        yield index, {"formula": hill_formula(z), "smiles": None, "failure": reason.value, **found}
