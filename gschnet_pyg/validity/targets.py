"""Targets of conditional generation against what the molecules reach."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from gschnet_pyg.bonds import smiles_fingerprint, tanimoto
from gschnet_pyg.contracts import Rate, TargetComparison, TargetGroup, Verdict
from gschnet_pyg.data.properties import RelativeAtomicEnergy
from gschnet_pyg.data.readers import bar
from gschnet_pyg.errors import DataError
from gschnet_pyg.validity.calculators import Measured, measure_all
from gschnet_pyg.validity.checks import Molecule, hill_formula
from gschnet_pyg.validity.trained_ranges import trained_range

MAX_DISTINCT = 12
"""Numbers that are asked for; more of them are put into ranges."""

RANGES = 8
"""At most; each holds about as many molecules as the others."""

_Rows = tuple[str, float | None, np.ndarray]  # label, number that was asked for, molecules


@dataclass(frozen=True)
class Target:
    """What one condition asked of every molecule.

    Args:
        description: of the condition, as in the metadata of a generated file: ``kind``, ``property``, ``unit``,
            ``computed``, and what belongs to the kind.
        values: ``[M, k]``, finite; of the finished molecules in the order of the file.
    """

    description: Mapping[str, Any]
    values: np.ndarray

    def __post_init__(self) -> None:
        if missing := [name for name in ("kind", "property") if name not in self.description]:
            raise DataError(f"conditions: a description lacks {missing[0]!r}; generate the file again")
        if self.values.ndim != 2:
            raise ValueError(f"targets of {self.name}: {self.values.shape} is not [M, k]")
        width = self._width()
        if width is not None and self.values.shape[1] != width:
            raise DataError(f"target_{self.name}: has {self.values.shape[1]} components, its description says {width}")
        if len(bad := np.flatnonzero(~np.isfinite(self.values).all(axis=1))):
            raise DataError(f"target_{self.name}: molecule {bad[0] + 1} has none that is finite; generate it again")

    @property
    def name(self) -> str:
        """Of the condition's property."""
        return str(self.description["property"])

    @property
    def computed(self) -> Mapping[str, Any]:
        """How the property is computed from a molecule; empty if it is data."""
        return self.description.get("computed") or {}

    @property
    def kind(self) -> str:
        """As in ``TargetComparison``."""
        kinds = {"n_atoms": "count", "n_heavy_atoms": "count", "fingerprint": "fingerprint"}
        return kinds.get(self.computed.get("kind", ""), str(self.description["kind"]))

    def _width(self) -> int | None:
        if self.kind == "composition":
            return len(self.description["atom_types"])
        if self.kind == "fingerprint":
            return int(self.computed["bits"])
        return 1 if self.kind in ("scalar", "count") else None


def compare_targets(
    targets: Sequence[Target],
    molecules: Sequence[Molecule],
    verdicts: Sequence[Verdict],
    calculator: Any = None,
    progress: bool = True,
) -> tuple[TargetComparison, ...]:
    """Compare what was asked for with what the molecules are.

    Counts and compositions are known of all finished molecules, fingerprints of valid ones (Morgan bits without
    hydrogens, against the target by Tanimoto similarity). All other numbers come from a calculator, for valid
    molecules: it must be of the level of theory that the training data were computed with, and its numbers are in eV.

    Args:
        targets: one for every condition.
        molecules: the finished ones, ``(z [N], pos [N, 3] Å)`` each.
        verdicts: on them.
        calculator: of ASE, from ``load_calculator``; without one, only what follows from the atoms is compared.
        progress: show a bar on a terminal.

    Raises:
        ValueError: if targets, molecules and verdicts are not equally many.
        DataError: if the targets do not fit their description.
    """
    if len({len(molecules), len(verdicts), *(len(target.values) for target in targets)}) > 1:
        raise ValueError("targets, molecules and verdicts: not equally many")
    is_valid = np.array([verdict.is_valid for verdict in verdicts], dtype=bool)
    wanted = list(dict.fromkeys(_measurement(target) for target in targets if target.kind == "scalar"))
    measured: dict[str, Measured] = {}
    if calculator is not None and wanted:
        chosen = [molecule for molecule, good in zip(molecules, is_valid, strict=True) if good]
        measured = measure_all(calculator, wanted, chosen, progress=progress)
    compared = []
    for target in targets:
        found = measured.get(_measurement(target)) if target.kind == "scalar" else None
        name = type(calculator).__name__ if found else None
        if target.kind == "scalar":
            reached = _measured(target, [z for z, _ in molecules], is_valid, found, name)
        else:
            reached = _follow(target, [np.asarray(z) for z, _ in molecules], verdicts, progress)
        compared.append(_compare(target, reached, is_valid, name))
    return tuple(compared)


@dataclass(frozen=True)
class _Reached:
    """What the finished molecules reached.

    Attributes:
        is_known: ``[M]``.
        values: ``[M]`` numbers, where ``is_known``; none of compositions.
        formulas: in place of numbers.
        is_exact: ``[M]``, where the target can be reached exactly.
        reason, failed, failure: as in ``TargetComparison``.
    """

    is_known: np.ndarray
    values: np.ndarray | None = None
    formulas: Sequence[str] = ()
    is_exact: np.ndarray | None = None
    reason: str | None = None
    failed: int = 0
    failure: str | None = None


def _measurement(target: Target) -> str:
    """What the calculator is asked for."""
    return "energy" if target.computed.get("kind") == "relative_atomic_energy" else target.name


def _measured(
    target: Target, z: Sequence[np.ndarray], is_valid: np.ndarray, found: Measured | None, calculator: str | None
) -> _Reached:
    """Scalars: from what the calculator found for the valid molecules."""
    values = np.full(len(z), np.nan)
    reason = "no molecule is valid"
    unit = target.description.get("unit")
    if unit not in (None, "", "eV"):
        return _Reached(np.isfinite(values), reason=f"is in {unit}, while calculators give the units of ASE")
    if found is None:
        return _Reached(np.isfinite(values), reason="needs a calculator: name an ASE calculator with --calculator")
    if found.is_lacking:
        reason = f"{calculator} gives no {_measurement(target)}: name another calculator with --calculator"
    elif found.failed and found.failed == len(found.values):
        reason = f"{calculator} failed for every valid molecule ({found.failure}): name another one with --calculator"
    elif target.computed.get("kind") == "relative_atomic_energy" and is_valid.any():
        chosen = [each for each, good in zip(z, is_valid, strict=True) if good]
        values[is_valid] = _relative(RelativeAtomicEnergy.from_json(target.computed), found.values, chosen)
        reason = "no valid molecule has coefficients for all of its elements"
    else:
        values[is_valid] = found.values
    return _Reached(np.isfinite(values), values, reason=reason, failed=found.failed, failure=found.failure)


def _relative(reference: RelativeAtomicEnergy, energies: np.ndarray, z: Sequence[np.ndarray]) -> np.ndarray:
    """``[M]`` eV per atom; NaN for a molecule with elements that the reference lacks."""
    counts = np.array([[np.sum(each == number) for number in reference.atom_types] for each in z], dtype=np.float64)
    is_covered = counts.sum(axis=1) == [len(each) for each in z]
    return np.where(is_covered, reference.values(energies, counts), np.nan)


def _follow(target: Target, z: Sequence[np.ndarray], verdicts: Sequence[Verdict], progress: bool) -> _Reached:
    """Everything that follows from atoms and bonds."""
    everyone = np.ones(len(z), dtype=bool)
    if target.kind == "count":
        kept = [each[each > 1] for each in z] if target.computed["kind"] == "n_heavy_atoms" else z
        count = np.array([len(each) for each in kept], dtype=np.float64)
        return _Reached(everyone, count, is_exact=count == target.values[:, 0])
    if target.kind == "composition":
        formulas = [_formula(target, each) for each in z]
        return _Reached(everyone, formulas=formulas, is_exact=np.array(formulas) == np.array(_labels(target)))
    if target.kind == "fingerprint":
        return _similarities(target, verdicts, progress)
    return _Reached(~everyone, reason=f"a {target.kind} of the data: neither atoms nor a calculator give one")


def _similarities(target: Target, verdicts: Sequence[Verdict], progress: bool) -> _Reached:
    """Fingerprints of what the SMILES of valid molecules name, which are those of the molecules themselves."""
    similarity = np.full(len(verdicts), np.nan)
    is_exact = np.zeros(len(verdicts), dtype=bool)
    asked = target.values > 0.5
    failures: list[str] = []
    for row, verdict in enumerate(bar(verdicts, f"comparing {target.name}", progress)):
        if verdict.smiles is None:
            continue
        try:
            found = smiles_fingerprint(verdict.smiles, int(target.computed["radius"]), int(target.computed["bits"]))
        except ValueError as error:  # once in very many molecules RDKit does not accept a SMILES of its own
            failures.append(str(error))
            continue
        similarity[row] = tanimoto(asked[row], found)
        is_exact[row] = np.array_equal(asked[row], found.astype(bool))
    failure = next(iter(failures), None)
    reason = failure or "no molecule is valid"
    return _Reached(np.isfinite(similarity), similarity, (), is_exact, reason, len(failures), failure)


def _formula(target: Target, z: np.ndarray) -> str:
    """As far as the condition minds."""
    if target.description.get("skip_hydrogen"):
        return hill_formula(z[z > 1]) + ", any H"
    return hill_formula(z)


def _labels(target: Target) -> list[str]:
    """What was asked of each molecule, where it is no number."""
    if target.kind == "composition":
        types = np.array(target.description["atom_types"])
        return [_formula(target, np.repeat(types, row)) for row in np.rint(target.values).astype(int)]
    seen: dict[bytes, str] = {}
    return [seen.setdefault(row.tobytes(), f"{len(seen) + 1}, {row.sum()} bits") for row in target.values > 0.5]


def _compare(target: Target, reached: _Reached, is_valid: np.ndarray, calculator: str | None) -> TargetComparison:
    unit = target.description.get("unit")
    comparison = TargetComparison(
        target.name, target.kind, unit, calculator, failed=reached.failed, failure=reached.failure
    )
    known = np.flatnonzero(reached.is_known).tolist()
    if not known:
        return replace(comparison, reason=reached.reason or "no molecule is finished")
    numbers = target.values[:, 0] if target.kind in ("scalar", "count") else None
    groups = _equal(_labels(target)) if numbers is None else _ranges(numbers)
    asked: list[Any] = _labels(target) if numbers is None else numbers.tolist()
    found: Sequence[Any] = reached.formulas if reached.values is None else reached.values.tolist()
    describe = partial(_group, numbers=numbers, reached=reached, is_valid=is_valid)
    return replace(
        comparison,
        measured=len(known),
        overall=describe(("all", None, np.arange(len(is_valid)))),
        groups=tuple(describe(group) for group in groups),
        trained=trained_range(target.description),
        correlation=_pearson(numbers, reached.values, known),
        molecules=tuple(known),
        pairs=tuple((asked[row], found[row]) for row in known),
    )


def _equal(labels: Sequence[str]) -> list[_Rows]:
    """Rows of each label, in the order in which they appear."""
    rows: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        rows.setdefault(label, []).append(row)
    return [(label, None, np.array(found)) for label, found in rows.items()]


def _ranges(asked: np.ndarray) -> list[_Rows]:
    """Rows of each number, ascending; of ranges of numbers if they are many."""
    distinct, place = np.unique(asked, return_inverse=True)
    if len(distinct) > MAX_DISTINCT:
        inner = np.quantile(asked, np.linspace(0, 1, RANGES + 1)[1:-1])
        place = np.searchsorted(inner, asked, side="right")
    decimals = max(0, 2 - math.floor(math.log10(np.ptp(asked)))) if len(distinct) > 1 else 0
    groups: list[_Rows] = []
    for index in np.unique(place):
        rows = np.flatnonzero(place == index)
        low, high = asked[rows].min(), asked[rows].max()
        label = f"{low:.7g}" if low == high else f"{low:.{decimals}f} to {high:.{decimals}f}"
        groups.append((label, float(asked[rows].mean()), rows))
    return groups


def _group(rows_of: _Rows, numbers: np.ndarray | None, reached: _Reached, is_valid: np.ndarray) -> TargetGroup:
    label, target, rows = rows_of
    valid = rows[is_valid[rows]]
    known = rows[reached.is_known[rows]]
    group = TargetGroup(label, target, finished=len(rows), valid=len(valid), measured=len(known))
    if reached.values is not None and len(known):
        values = reached.values[known]
        deviation = float(values.std(ddof=1)) if len(known) > 1 else None
        error = None if numbers is None else float(np.abs(values - numbers[known]).mean())
        group = replace(group, mean=float(values.mean()), deviation=deviation, error=error)
    if reached.is_exact is not None:
        exact, of_finished = (Rate(int(reached.is_exact[each].sum()), len(each)) for each in (valid, rows))
        group = replace(group, exact=exact, exact_of_finished=of_finished)
    return group


def _pearson(numbers: np.ndarray | None, values: np.ndarray | None, known: list[int]) -> float | None:
    """None where one of the two is no number or always the same."""
    if numbers is None or values is None or not np.ptp(numbers[known]) or not np.ptp(values[known]):
        return None
    return float(np.corrcoef(numbers[known], values[known])[0, 1])
