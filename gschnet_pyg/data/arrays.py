"""All molecules of a source as flat arrays, and how they are collected one by one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from gschnet_pyg.errors import DataError


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
        n_atoms = np.diff(self.offsets)[rows]
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
        for array in (self.z, self.pos, self.offsets, self.ids):
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


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
    """Gathers molecules one by one into flat arrays.

    Args:
        source: file or name, for messages.
        id_label: what an id counts.
    """

    def __init__(self, source: str, id_label: str = "record") -> None:
        self.source = source
        self.id_label = id_label
        self._z: list[np.ndarray] = []
        self._pos: list[np.ndarray] = []
        self._ids: list[int] = []
        self._columns: dict[str, dict[int, np.ndarray]] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, molecule_id: int, z: np.ndarray, pos: np.ndarray, properties: Mapping[str, Any]) -> None:
        """Add a molecule: ``z [N]``, ``pos [N, 3]``; properties that are no numbers are passed over.

        Raises:
            DataError: if an atomic number is none, or there are more or fewer positions.
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
        self._z.append(z.astype(np.uint8))
        self._pos.append(pos.reshape(-1, 3))
        self._ids.append(molecule_id)
        for name, value in properties.items():
            numbers = as_numbers(value)
            if numbers is not None:
                self._columns.setdefault(name, {})[row] = numbers

    def finish(self, distance_unit: str | None = None, units: Mapping[str, str | None] | None = None) -> MoleculeArrays:
        """The collected molecules, with the units that the source states.

        Raises:
            DataError: if there are none.
        """
        if not self._ids:
            raise DataError(f"{self.source}: holds no molecules")
        units = units or {}
        properties, unusable = {}, {}
        for name, column in self._columns.items():
            sizes = {values.size: row for row, values in reversed(column.items())}
            if len(sizes) > 1:
                (k, first), (other, second) = sorted(sizes.items(), key=lambda item: item[1])[:2]
                unusable[name] = (
                    f"changes its shape: {k} values for {self.id_label} {self._ids[first]}, "
                    f"{other} for {self.id_label} {self._ids[second]}"
                )
                continue
            values = np.full((len(self._ids), *sizes), np.nan)
            values[list(column)] = np.stack(list(column.values()))
            properties[name] = Property(values, units.get(name))
        n_atoms = np.array([len(z) for z in self._z], dtype=np.int64)
        return MoleculeArrays(
            z=np.concatenate(self._z),
            pos=np.concatenate(self._pos),
            offsets=np.concatenate([[0], np.cumsum(n_atoms)]),
            ids=np.array(self._ids, dtype=np.int64),
            properties=properties,
            source=self.source,
            id_label=self.id_label,
            unusable=unusable,
            distance_unit=distance_unit,
        )
