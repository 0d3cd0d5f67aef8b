"""What the gallery says of each molecule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import numpy as np
from tqdm import tqdm

from gschnet_pyg.bonds import PerceptionOptions
from gschnet_pyg.contracts import ValidityReport
from gschnet_pyg.page.drawing import Drawn, Unsearched, draw
from gschnet_pyg.page.words import failure_words
from gschnet_pyg.validity.checks import Molecule
from gschnet_pyg.validity.rates import MoleculeClasses
from gschnet_pyg.validity.samples import sample_rows
from gschnet_pyg.workers.pool import Lost, map_in_workers

_TIMEOUT = 10.0  # seconds for a drawing


@dataclass(frozen=True)
class PageEntry:
    """One file of molecules.

    Attributes:
        name: for the reader.
        report: on it.
        molecules: the finished ones, ``(z [N], pos [N, 3] Å)``, in the order of the verdicts.
        classes: which of them are valid, unique, unseen and novel.
    """

    name: str
    report: ValidityReport
    molecules: Sequence[Molecule]
    classes: MoleculeClasses


def sampled_rows(sizes: Sequence[int], gallery: int, seed: int) -> list[np.ndarray]:
    """Rows of each file that the page holds: all, or a sample of the same size from each, in the file's order.

    Args:
        sizes: molecules of each file.
        gallery: most molecules of all files together.
        seed: of the sample.
    """
    each = gallery // max(len(sizes), 1)
    return [sample_rows(np.arange(size), each, seed) for size in sizes]


def to_draw(entry: PageEntry, rows: np.ndarray) -> list[Molecule]:
    """Molecules of some rows; what RDKit did not survive when it was judged is not given to it again."""
    lost = {"timeout", "crash"}
    return [
        Unsearched(*entry.molecules[row]) if entry.report.verdicts[row].failure in lost else entry.molecules[row]
        for row in rows
    ]


def draw_all(
    items: Sequence[Molecule | str], options: PerceptionOptions, *, workers: int | None, progress: bool
) -> list[Drawn]:
    """Draw molecules in worker processes; one that takes too long or its worker down has no drawing."""
    outcomes = map_in_workers(partial(draw, options=options), items, workers=workers, timeout=_TIMEOUT)
    bar = tqdm(outcomes, "drawing", total=len(items), unit=" molecules", disable=None if progress else True)
    return [Drawn(None, None) if isinstance(outcome, Lost) else outcome for outcome in bar]


def perception_options(options: Mapping[str, Any]) -> PerceptionOptions:
    """Those of a report, by which the drawn bonds are those that were judged."""
    names = {field.name for field in fields(PerceptionOptions)}
    found = {name: value for name, value in options.items() if name in names}
    if "charges" in found:
        found["charges"] = tuple(found["charges"])
    return PerceptionOptions(**found)


def smiles_to_draw(report: ValidityReport, rows: np.ndarray) -> list[str]:
    """Most frequent molecules, and nearest training molecules of some rows."""
    shown = set(rows.tolist())
    smiles = [each.smiles for each in report.chemistry.frequent]
    if (found := report.chemistry.similarity) is not None:
        smiles += [near for row, (_, near) in zip(found.molecules, found.nearest, strict=True) if row in shown]
    return list(dict.fromkeys(smiles))


def records(entry: PageEntry, rows: np.ndarray, drawn: Sequence[Drawn]) -> list[dict[str, Any]]:
    """One mapping for every molecule of the gallery; what is not known is left out.

    Args:
        entry: a file.
        rows: of its molecules, as many as are drawn.
        drawn: their drawings.
    """
    report, classes = entry.report, entry.classes
    more = _measured(report)
    found = []
    for row, drawing in zip(rows.tolist(), drawn, strict=True):
        verdict = report.verdicts[row]
        record: dict[str, Any] = {
            "number": row + 1,
            "formula": verdict.formula,
            "smiles": verdict.smiles,
            "failure": verdict.failure,
            "reason": failure_words(verdict.failure) if verdict.failure else None,
            "atoms": verdict.n_atoms,
            "stableAtoms": verdict.n_stable_atoms,
            "stable": verdict.is_stable,
            "clashes": verdict.n_clashes,
            "unique": bool(classes.is_unique[row]),
            "unseen": None if classes.is_unseen is None else bool(classes.is_unseen[row]),
            "novel": None if classes.is_novel is None else bool(classes.is_novel[row]),
            **more.get(row, {}),
            "svg": drawing.svg,
            "block": drawing.block,
        }
        found.append({name: value for name, value in record.items() if value is not None})
    return found


def _measured(report: ValidityReport) -> dict[int, dict[str, Any]]:
    """By row: strain, relaxation, nearest training molecule, targets and what was reached."""
    found: dict[int, dict[str, Any]] = {}
    for name, relaxation in (("strain", report.geometry.strain), ("relaxed", report.geometry.relaxation)):
        if relaxation is not None:
            for row, pair in zip(relaxation.molecules, relaxation.pairs, strict=True):
                found.setdefault(row, {})[name] = [
                    *(round(value, 4) for value in pair),
                    relaxation.unit,
                    relaxation.method,
                ]
    if (similarity := report.chemistry.similarity) is not None:
        for row, (value, smiles) in zip(similarity.molecules, similarity.nearest, strict=True):
            found.setdefault(row, {})["nearest"] = [round(value, 4), smiles]
    for target in report.targets:
        for row, (asked, reached) in zip(target.molecules, target.pairs, strict=True):
            entry = [target.name, target.unit or "", *(_rounded(value) for value in (asked, reached))]
            found.setdefault(row, {}).setdefault("targets", []).append(entry)
    return found


def _rounded(value: float | str) -> float | str:
    return round(value, 4) if isinstance(value, float) else value
