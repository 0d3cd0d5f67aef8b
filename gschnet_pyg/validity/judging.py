"""Molecules -> verdicts, in this process or in workers that can be killed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np
from tqdm import tqdm

from gschnet_pyg.contracts import Verdict
from gschnet_pyg.validity.checks import Findings, Molecule, ValidityOptions, examine, examine_by_edm, hill_formula
from gschnet_pyg.validity.pool import Lost, map_in_workers


class Examination(Protocol):
    """What is done with a molecule; a module-level function, so that workers find it."""

    def __call__(self, molecule: Molecule, options: ValidityOptions) -> Findings:
        """Fields of the verdict on one molecule."""


def judge(z: np.ndarray, pos: np.ndarray, options: ValidityOptions) -> Verdict:
    """Judge one molecule in this process, without a limit of time.

    Args:
        z: ``[N]`` atomic numbers.
        pos: ``[N, 3]`` Å.
        options: how.
    """
    return Verdict(**examine((z, pos), options))


def judge_all(
    molecules: Iterable[Molecule],
    options: ValidityOptions,
    *,
    workers: int | None = None,
    progress: bool = True,
    examine_one: Examination = examine,
) -> list[Verdict]:
    """Judge molecules in worker processes.

    A molecule that takes longer than ``options.timeout`` gets the failure ``timeout``, one that takes its worker down
    (a segmentation fault, no memory) the failure ``crash``; EDM's rules are then applied to it on their own.

    Args:
        molecules: ``(z [N], pos [N, 3] Å)`` each.
        options: how.
        workers: most processes to start; one per available core by default; 0 to judge in this process, where
            nothing interrupts a molecule that hangs.
        progress: show a bar on a terminal.
        examine_one: what is done with a molecule.

    Returns:
        Verdicts in the order of the molecules.

    Raises:
        ValueError: if the shapes of a molecule do not fit each other.
    """
    items = [_checked(index, molecule) for index, molecule in enumerate(molecules)]
    function = partial(examine_one, options=options)
    outcomes: Iterator[Any]
    if workers == 0:
        outcomes = map(function, items)
    else:
        outcomes = map_in_workers(function, items, workers=workers, timeout=options.timeout)
    bar = tqdm(outcomes, "judging", total=len(items), unit=" molecules", disable=None if progress else True)
    findings = list(bar)
    lost = [index for index, outcome in enumerate(findings) if isinstance(outcome, Lost)]
    for index, found in zip(lost, _examine_lost([items[index] for index in lost], options, workers), strict=True):
        findings[index] = {"smiles": None, "failure": findings[index].value, **found}
    return [Verdict(**found) for found in findings]


def _checked(index: int, molecule: Molecule) -> Molecule:
    z, pos = (np.asarray(array) for array in molecule)
    if z.ndim != 1 or pos.shape != (len(z), 3):
        raise ValueError(f"molecule {index}: z {z.shape} and pos {pos.shape} are not [N] and [N, 3]")
    return z, pos


def _examine_lost(items: Sequence[Molecule], options: ValidityOptions, workers: int | None) -> Iterator[Findings]:
    """Molecules that RDKit did not survive, by EDM's rules; should they fail there too, nothing is stable."""
    outcomes = map_in_workers(examine_by_edm, items, workers=workers, timeout=options.timeout)
    for (z, _), outcome in zip(items, outcomes, strict=True):
        found = {"n_atoms": len(z), "n_stable_atoms": 0, "edm_smiles": None} if isinstance(outcome, Lost) else outcome
        yield {"formula": hill_formula(z), **found}
