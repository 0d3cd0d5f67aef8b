"""All molecules of a source as flat arrays, and how they are collected one by one."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from gschnet_pyg.data.spool import Spool
from gschnet_pyg.errors import DataError

PIECE_ATOMS = 50_000
"""Atoms that are looked at together; large sets are never in memory as a whole."""

PIECE_NUMBERS = 1 << 18
"""Numbers of properties that are looked at together: 2 MB."""


@dataclass(frozen=True)
class Property:
    """One number, or ``k`` of them, for every molecule.

    Attributes:
        values: ``[M, k]`` float64; NaN where the source has none.
        unit: stated by the source or the user, else none. Energies are in eV.
    """

    values: np.ndarray
    unit: str | None = None


@dataclass(frozen=True)
class MoleculeArrays:
    """All molecules of a source, one after the other.

    Attributes:
        z: ``[sum N]`` atomic numbers, uint8.
        pos: ``[sum N, 3]`` positions as the source has them, Å, float64.
        offsets: ``[M + 1]`` first atom of every molecule, int64.
        ids: ``[M]`` id in the original file, int64.
        properties: by name.
        source: file or name, for messages.
        id_label: what an id counts: ``row``, ``record`` (from 0) or ``gdb index``.
        unusable: properties that were left out, with the reason.
        distance_unit: unit of ``pos`` the source states itself (readers only).
        smiles: ``[M]`` text, where the source is made from SMILES.
        names: ``[M]`` text, what the source calls its molecules, where it is a list of SMILES (not kept in caches).
        directory: where the arrays lie, if they are memory-mapped.
    """

    z: np.ndarray
    pos: np.ndarray
    offsets: np.ndarray
    ids: np.ndarray
    properties: Mapping[str, Property]
    source: str
    id_label: str = "record"
    unusable: Mapping[str, str] = field(default_factory=dict)
    distance_unit: str | None = None
    smiles: np.ndarray | None = None
    names: np.ndarray | None = None
    directory: Path | None = None
    fingerprint: str = ""

    def __len__(self) -> int:
        return len(self.ids)

    def __reduce__(self) -> Any:
        """Memory-mapped arrays are opened again where they are unpickled, never copied."""
        if self.directory is not None:
            from gschnet_pyg.data.cache import load_arrays

            return load_arrays, (self.directory,)
        return super().__reduce__()

    def describe(self, molecule: int) -> str:
        """``water.xyz, record 3`` for messages."""
        return f"{self.source}, {self.id_label} {self.ids[molecule]}"

    def atoms_of(self, rows: np.ndarray) -> np.ndarray:
        """Numbers of the atoms of some molecules, one molecule after the other."""
        n_atoms = self.offsets[rows + 1] - self.offsets[rows]
        first = self.offsets[rows] - np.cumsum(n_atoms) + n_atoms
        return np.repeat(first, n_atoms) + np.arange(n_atoms.sum())

    def take(self, rows: np.ndarray) -> MoleculeArrays:
        """Some of the molecules, as arrays of their own."""
        atoms = self.atoms_of(rows)
        return replace(
            self,
            z=self.z[atoms],
            pos=self.pos[atoms],
            offsets=np.concatenate([[0], np.cumsum(np.diff(self.offsets)[rows])]),
            ids=self.ids[rows],
            properties={name: Property(prop.values[rows], prop.unit) for name, prop in self.properties.items()},
            smiles=None if self.smiles is None else self.smiles[rows],
            names=None if self.names is None else self.names[rows],
            directory=None,
            fingerprint="",
        )

    def hash_content(self) -> str:
        """Short hash of atoms, positions and ids."""
        digest = hashlib.blake2b(digest_size=8)
        for values in (self.z, self.pos, self.offsets, self.ids):
            digest.update(np.ascontiguousarray(values).data)
        return digest.hexdigest()


def pieces(offsets: np.ndarray, n_atoms: int | None = None) -> Iterator[slice]:
    """Whole molecules one after the other, so many at a time that they have at most some number of atoms.

    Args:
        offsets: ``[M + 1]`` first atom of every molecule.
        n_atoms: at most, unless a single molecule has more; ``PIECE_ATOMS`` by default.

    Yields:
        Their rows.
    """
    first, n_molecules, n_atoms = 0, len(offsets) - 1, n_atoms or PIECE_ATOMS
    while first < n_molecules:
        last = max(first + 1, int(np.searchsorted(offsets, offsets[first] + n_atoms, side="right")) - 1)
        yield slice(first, last)
        first = last


def row_pieces(n_rows: int, width: int = 1) -> Iterator[slice]:
    """Rows ``[M, width]`` of numbers, ``PIECE_NUMBERS`` at a time."""
    step = max(1, PIECE_NUMBERS // max(1, width))
    return (slice(first, min(first + step, n_rows)) for first in range(0, n_rows, step))


def as_numbers(value: Any) -> np.ndarray | None:
    """Flat float64 array of a number or array of numbers; none for anything else (text, flags, nothing)."""
    if isinstance(value, float):  # by far the most frequent
        return np.array([value])
    try:
        array = np.asarray(value)
    except ValueError:  # ragged lists
        return None
    if array.dtype.kind not in "iuf" or array.size == 0:
        return None
    return array.astype(np.float64).ravel()


def text_as_numbers(text: str) -> np.ndarray | None:
    """Numbers separated by blanks; none if there is anything else."""
    try:
        return as_numbers([float(word) for word in text.split()])
    except ValueError:
        return None


class Collector:
    """Gathers molecules one by one into flat arrays; many of them gather in temporary files, see ``Spool``.

    Args:
        source: file or name, for messages.
        id_label: what an id counts.
    """

    def __init__(self, source: str, id_label: str = "record") -> None:
        self.source = source
        self.id_label = id_label
        self._z, self._pos = Spool(np.uint8), Spool(np.float64)
        self._n_atoms, self._ids = array("q"), array("q")
        self._columns: dict[str, _CollectedColumn] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, molecule_id: int, z: np.ndarray, pos: np.ndarray, properties: Mapping[str, Any]) -> None:
        """Add a molecule: ``z [N]``, ``pos [N, 3]``; properties that are no numbers are passed over.

        Raises:
            DataError: if an atomic number is none, there are more or fewer positions, or no room for a temporary file.
        """
        z, pos = np.asarray(z, dtype=np.int64), np.asarray(pos, dtype=np.float64)
        if pos.size != 3 * len(z):
            raise DataError(
                f"{self.source}, {self.id_label} {molecule_id}: has {len(z):,} atoms and {pos.size:,} coordinates; "
                "remove the molecule"
            )
        if len(z) and not (z.min() >= 1 and z.max() <= 118):
            wrong = z[(z < 1) | (z > 118)][0]
            raise DataError(
                f"{self.source}, {self.id_label} {molecule_id}: {wrong} is not an atomic number; remove the molecule"
            )
        row = len(self._ids)
        self._z.add(z)
        self._pos.add(pos.reshape(-1, 3))
        self._n_atoms.append(len(z))
        self._ids.append(molecule_id)
        for name, value in properties.items():
            numbers = as_numbers(value)
            if numbers is not None:
                if name not in self._columns:
                    self._columns[name] = _CollectedColumn(numbers.size, row)
                self._columns[name].add(row, numbers)

    def finish(self, distance_unit: str | None = None, units: Mapping[str, str | None] | None = None) -> MoleculeArrays:
        """The collected molecules, with the units that the source states.

        Raises:
            DataError: if there are none, or there is no room for a temporary file.
        """
        if not self._ids:
            raise DataError(f"{self.source}: holds no molecules")
        units = units or {}
        properties, unusable = {}, {}
        for name, column in self._columns.items():
            if column.other is None:
                properties[name] = Property(column.finish(len(self._ids)), units.get(name))
                continue
            row, size = column.other
            unusable[name] = (
                f"changes its shape: {column.size} values for {self.id_label} {self._ids[column.first]}, "
                f"{size} for {self.id_label} {self._ids[row]}"
            )
        n_atoms = np.array(self._n_atoms, dtype=np.int64)
        return MoleculeArrays(
            z=self._z.finish(-1),
            pos=self._pos.finish(-1, 3),
            offsets=np.concatenate([[0], np.cumsum(n_atoms)]),
            ids=np.array(self._ids, dtype=np.int64),
            properties=properties,
            source=self.source,
            id_label=self.id_label,
            unusable=unusable,
            distance_unit=distance_unit,
        )


class _CollectedColumn:
    """One property while it is gathered.

    Args:
        size: numbers for each molecule.
        first: row of the first molecule that has it.

    Attributes:
        other: first row that has another number of them, and that number; the property cannot be used then.
    """

    def __init__(self, size: int, first: int) -> None:
        self.size, self.first = size, first
        self.other: tuple[int, int] | None = None
        self._values = Spool(np.float64)

    def add(self, row: int, numbers: np.ndarray) -> None:
        """The numbers of a row; those between the last one and it have none."""
        if self.other is None and numbers.size != self.size:
            self.other, self._values = (row, numbers.size), Spool(np.float64)
        if self.other is None:
            self._pad(row)
            self._values.add(numbers)

    def finish(self, n_rows: int) -> np.ndarray:
        """``[n_rows, size]``, NaN where there is nothing."""
        self._pad(n_rows)
        return self._values.finish(n_rows, self.size)

    def _pad(self, row: int) -> None:
        n_missing = row * self.size - len(self._values)
        if n_missing:
            self._values.add(np.full(n_missing, np.nan))
