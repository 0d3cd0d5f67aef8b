"""What valid molecules are made of, added up one by one in little memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from ase.formula import Formula

from gschnet_pyg.contracts import Verdict
from gschnet_pyg.validity.checks import Contents
from gschnet_pyg.validity.chemistry import group_names
from gschnet_pyg.validity.geometry import decode, measure_geometry

RING_SIZES = (3, 4, 5, 6)
"""Each has a name of its own; all others together are ``other``."""

_ROOM = 1 << 19
"""Bytes of molecules that wait before their geometry is measured and counted: some 800 of QM9's size."""


def ring_names() -> tuple[str, ...]:
    """``3`` to ``6`` and ``other``."""
    return (*map(str, RING_SIZES), "other")


class Tally:
    """Counts over valid molecules; others are passed over.

    Attributes:
        formulas: in Hill order -> molecules.
        ring_sizes: size -> rings of the symmetric SSSR.
        ring_molecules: name of a size, see :func:`ring_names` -> molecules that have such a ring.
        groups: functional group -> molecules that have it.
        clashing: molecules in which atoms clash.
    """

    def __init__(self) -> None:
        self.formulas: Counter[str] = Counter()
        self.ring_sizes: Counter[int] = Counter()
        self.ring_molecules: Counter[str] = Counter()
        self.groups: Counter[str] = Counter()
        self.clashing = 0
        self._codes = np.zeros(0, dtype=np.int64)  # ascending
        self._counts = np.zeros(0, dtype=np.int64)
        self._waiting: list[Contents] = []
        self._n_waiting = 0

    @property
    def molecules(self) -> int:
        """How many were counted."""
        return self.formulas.total()

    @property
    def atom_counts(self) -> dict[int, int]:
        """Number of atoms -> molecules, ascending."""
        counts: Counter[int] = Counter()
        for formula, number in self.formulas.items():
            counts[sum(_composition(formula).values())] += number
        return dict(sorted(counts.items()))

    @property
    def atom_types(self) -> dict[str, int]:
        """Element -> atoms, alphabetical."""
        counts: Counter[str] = Counter()
        for formula, number in self.formulas.items():
            for symbol, count in _composition(formula).items():
                counts[symbol] += number * count
        return dict(sorted(counts.items()))

    @property
    def geometry(self) -> dict[str, dict[str, dict[str, int]]]:
        """``bond_lengths``, ``angles`` and ``dihedrals`` -> elements -> lower edge of a bin -> how many."""
        self._count()
        return decode(dict(zip(self._codes.tolist(), self._counts.tolist(), strict=True)))

    def add(self, verdict: Verdict, contents: Contents | None) -> None:
        """Count one molecule; contents there are of a valid one."""
        if not verdict.is_valid:
            return
        self.formulas[verdict.formula] += 1
        self.clashing += bool(verdict.n_clashes)
        if verdict.ring_sizes:
            self.ring_sizes.update(verdict.ring_sizes)
            self.ring_molecules.update({_ring_name(size) for size in verdict.ring_sizes})
        if contents is not None:
            names = group_names()
            self.groups.update([names[place] for place in contents.groups])
            self._keep(contents)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tally) and self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]  # it changes

    def to_json(self) -> dict[str, Any]:
        """Plain containers, sorted: equal tallies have equal ones."""
        self._count()
        return {
            "formulas": dict(sorted(self.formulas.items())),
            "ring_sizes": {str(size): count for size, count in sorted(self.ring_sizes.items())},
            "ring_molecules": dict(sorted(self.ring_molecules.items())),
            "groups": dict(sorted(self.groups.items())),
            "clashing": self.clashing,
            "geometry": [self._codes.tolist(), self._counts.tolist()],
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Tally:
        """What ``to_json`` gave.

        Raises:
            KeyError, TypeError, ValueError: if it is anything else.
        """
        tally = cls()
        tally.formulas.update(content["formulas"])
        tally.ring_sizes.update({int(size): count for size, count in content["ring_sizes"].items()})
        tally.ring_molecules.update(content["ring_molecules"])
        tally.groups.update(content["groups"])
        tally.clashing = int(content["clashing"])
        codes, counts = (np.array(column, dtype=np.int64) for column in content["geometry"])
        tally._codes, tally._counts = _summed(codes, counts)
        return tally

    def _keep(self, contents: Contents) -> None:
        self._waiting.append(contents)
        self._n_waiting += len(contents.pos)
        if self._n_waiting > _ROOM:
            self._count()

    def _count(self) -> None:
        if not self._waiting:
            return
        new = _measured(self._waiting)
        self._waiting, self._n_waiting = [], 0
        codes = np.concatenate([self._codes, new])
        self._codes, self._counts = _summed(codes, np.concatenate([self._counts, np.ones_like(new)]))


def _measured(molecules: Sequence[Contents]) -> np.ndarray:
    """Codes of the geometry of molecules, those of all together."""
    z = np.frombuffer(b"".join(each.z for each in molecules), dtype=np.uint8)
    pos = np.frombuffer(b"".join(each.pos for each in molecules)).reshape(-1, 3)
    bonds = np.frombuffer(b"".join(each.bonds for each in molecules), dtype=np.int64).reshape(-1, 2)
    n_atoms = np.array([len(each.z) for each in molecules])
    n_bonds = [len(each.bonds) // (2 * bonds.itemsize) for each in molecules]
    return measure_geometry(z, pos, bonds + np.repeat(np.cumsum(n_atoms) - n_atoms, n_bonds)[:, None])


def _summed(codes: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Different codes, ascending, and the sums of their counts."""
    if codes.shape != counts.shape:
        raise ValueError("codes and counts: not equally many")
    different, place = np.unique(codes, return_inverse=True)
    sums = np.zeros(len(different), dtype=np.int64)
    np.add.at(sums, place, counts)
    return different, sums


def _ring_name(size: int) -> str:
    return str(size) if size in RING_SIZES else "other"


@cache
def _composition(formula: str) -> dict[str, int]:
    return dict(Formula(formula).count())
