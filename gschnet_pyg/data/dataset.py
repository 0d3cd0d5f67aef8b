"""Molecules as PyG ``Data`` over flat, memory-mapped arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.data import atomic_masses
from numpy.typing import ArrayLike

from gschnet_pyg.data.arrays import MoleculeArrays, Property, pieces, row_pieces
from gschnet_pyg.data.columns import Column, PropertyView, StoredColumn
from gschnet_pyg.errors import DataError

__all__ = ["Column", "MoleculeDataset", "Property"]

if TYPE_CHECKING:
    from torch.utils.data import Dataset
    from torch_geometric.data import Data

    _Dataset = Dataset[Data]
else:  # a DataLoader asks for no more than length and items; torch takes seconds, and comes with the first item
    _Dataset = object


class MoleculeDataset(_Dataset):
    """Molecules with their properties.

    ``dataset[i]`` is a ``Data`` with ``z [N]`` int64, ``pos [N, 3]`` float64 in Å, centred on the centre of mass,
    ``id [1]`` int64 and one ``[1, k]`` float64 tensor for each property, under its name. The arrays are opened again,
    not copied, in worker processes.

    Args:
        arrays: molecules, checked.
        properties: names to carry; all that every molecule has by default.
        rows: molecules of ``arrays`` to show, in this order; all by default.
        computed: further properties, as :meth:`with_computed` adds them.
        units: of the computed ones.

    Attributes:
        arrays: the molecules of the source.
        rows: those of them that are shown; none for all.

    Raises:
        DataError: if a property is unknown, lacks values or cannot be used.
    """

    def __init__(
        self,
        arrays: MoleculeArrays,
        properties: Sequence[str] | None = None,
        rows: np.ndarray | None = None,
        computed: Mapping[str, Column] | None = None,
        units: Mapping[str, str | None] | None = None,
    ) -> None:
        self.arrays = arrays
        self.rows = rows
        self._computed = dict(computed or {})
        self._units = {name: (units or {}).get(name) for name in self._computed}
        if properties is None:
            self._names = tuple(name for name in arrays.properties if self._objection(name) is None)
        else:
            self._names = tuple(dict.fromkeys(properties))
            for name in self._names:
                if objection := self._objection(name):
                    raise DataError(objection)
        for name, column in self._computed.items():
            if objection := self._objection_to_computed(name, column):
                raise DataError(objection)
        self._columns: dict[str, Column] = {name: arrays.properties[name].values for name in self._names}
        self._columns |= self._computed

    def _objection(self, name: str) -> str | None:
        """Why a property of the source cannot be carried; none if it can."""
        return (
            self._absence(name)
            or self._objection_to_name(name)
            or self._objection_to_values(name, self.arrays.properties[name].values)
        )

    def _absence(self, name: str) -> str | None:
        """Why the source has no such property; none if it has."""
        arrays = self.arrays
        if name in arrays.unusable:
            return f"{arrays.source}: property {name!r} cannot be used: it {arrays.unusable[name]}"
        if name not in arrays.properties:
            return (
                f"{arrays.source}: there is no property {name!r}; "
                f"there are: {', '.join(sorted(arrays.properties)) or 'none'}"
            )
        return None

    def require(self, names: Sequence[str]) -> None:
        """Refuse names of properties that the source lacks, at once; carrying them looks at their values too.

        Raises:
            DataError: naming the first that it lacks.
        """
        for name in names:
            if absence := self._absence(name):
                raise DataError(absence)

    def _objection_to_computed(self, name: str, column: Column) -> str | None:
        """Why a computed property cannot be carried; none if it can."""
        if len(column.shape) != 2 or column.shape[0] != len(self.arrays):
            raise ValueError(f"{name}: {column.shape} is not [{len(self.arrays)}, k], a row for each of the source's")
        if name in self._names:
            return (
                f"{self.source}: has a property {name!r} itself, which is computed from the atoms too; "
                "rename it in the source, or do not carry it"
            )
        # others are too large to be read at once
        values = self._objection_to_values(name, column) if isinstance(column, np.ndarray) else None
        return self._objection_to_name(name) or values

    def _objection_to_name(self, name: str) -> str | None:
        if name in _taken_names() or name.startswith("_"):
            return f"{self.source}: property {name!r} has a name that molecules use for something else; rename it"
        return None

    def _objection_to_values(self, name: str, values: np.ndarray) -> str | None:
        complete = np.empty(len(self), dtype=bool)
        for piece in row_pieces(len(self), values.shape[1]):
            complete[piece] = np.isfinite(values[piece if self.rows is None else self.rows[piece]]).all(axis=1)
        if not complete.all():
            return (
                f"{self.describe(int(np.argmin(complete)))}: has no value of {name!r} "
                f"(nor have {np.sum(~complete) - 1:,} others); leave out the molecules or the property"
            )
        return None

    def __reduce__(self) -> Any:
        """Only what is needed to open the same view again."""
        return MoleculeDataset, (self.arrays, self._names, self.rows, self._computed, self._units)

    def __len__(self) -> int:
        return len(self.arrays) if self.rows is None else len(self.rows)

    def __getitem__(self, index: int) -> Data:
        if not -len(self) <= index < len(self):
            raise IndexError(f"molecule {index} of {len(self)}")
        import torch
        from torch_geometric.data import Data

        index = index % len(self)
        row = index if self.rows is None else self.rows[index]
        arrays = self.arrays
        start, stop = arrays.offsets[row], arrays.offsets[row + 1]
        z = arrays.z[start:stop].astype(np.int64)
        data = Data(
            z=torch.from_numpy(z),
            pos=torch.from_numpy(centred(z, arrays.pos[start:stop])),
            id=torch.from_numpy(arrays.ids[row : row + 1].copy()),
        )
        for name, column in self._columns.items():
            data[name] = torch.from_numpy(np.array(column[row], dtype=np.float64)[None])
        return data

    def subset(self, indices: ArrayLike) -> MoleculeDataset:
        """The molecules at ``indices`` (integers or a mask ``[M]``), as a view with the same properties."""
        chosen = np.asarray(indices)
        rows = np.arange(len(self.arrays)) if self.rows is None else self.rows
        chosen = rows[chosen if chosen.size else chosen.astype(np.int64)]
        return MoleculeDataset(self.arrays, self._names, chosen, self._computed, self._units)

    def with_computed(
        self, columns: Mapping[str, Column], units: Mapping[str, str | None] | None = None
    ) -> MoleculeDataset:
        """The same view with further properties, which its subsets carry too.

        Args:
            columns: name -> numbers for every molecule *of the source*, ``[M, k]``; a computed property of the same
                name is replaced, one of the source that is not carried is hidden.
            units: of the new ones; none by default.

        Raises:
            DataError: if a property of that name is carried already, the name cannot be used, or an array lacks a
                value of a molecule of this view.
        """
        return MoleculeDataset(
            self.arrays, self._names, self.rows, {**self._computed, **columns}, {**self._units, **(units or {})}
        )

    def carrying(self, names: Sequence[str]) -> MoleculeDataset:
        """The same view with only some of its properties, in the given order, those of the source first."""
        own = [name for name in names if name not in self._computed]
        computed = {name: self._computed[name] for name in names if name in self._computed}
        return MoleculeDataset(self.arrays, own, self.rows, computed, self._units)

    def on_arrays(self, arrays: MoleculeArrays) -> MoleculeDataset:
        """The same view over a copy of the arrays; what is stored beside them is read from beside the copy."""
        computed = {
            name: column.in_directory(arrays.directory)
            if arrays.directory is not None and isinstance(column, StoredColumn)
            else column
            for name, column in self._computed.items()
        }
        return MoleculeDataset(arrays, self._names, self.rows, computed, self._units)

    @property
    def whole(self) -> MoleculeDataset:
        """All molecules of the source, without properties: what computed ones are made from."""
        return MoleculeDataset(self.arrays, ())

    def describe(self, index: int) -> str:
        """``water.xyz, record 3`` for messages."""
        return self.arrays.describe(index if self.rows is None else int(self.rows[index]))

    @property
    def source(self) -> str:
        """File or name that the molecules come from."""
        return self.arrays.source

    @cached_property
    def fingerprint(self) -> str:
        """Short hash of the atoms, positions and ids of the whole source."""
        return self.arrays.fingerprint or self.arrays.hash_content()

    def hash_values(self) -> str:
        """Short hash of the carried properties; not of large computed columns, which follow from the atoms."""
        digest = hashlib.blake2b(digest_size=8)
        for name, column in self._columns.items():
            if isinstance(column, np.ndarray):
                digest.update(name.encode())
                for piece in row_pieces(len(self), column.shape[1]):
                    values = column[piece if self.rows is None else self.rows[piece]]
                    digest.update(np.ascontiguousarray(values).data)
        return digest.hexdigest()

    @cached_property
    def n_atoms(self) -> np.ndarray:
        """``[M]`` atoms of every molecule."""
        n_atoms = np.diff(self.arrays.offsets)
        return n_atoms if self.rows is None else n_atoms[self.rows]

    @cached_property
    def ids(self) -> np.ndarray:
        """``[M]`` id of every molecule in the original file."""
        return self.arrays.ids if self.rows is None else self.arrays.ids[self.rows]

    @cached_property
    def offsets(self) -> np.ndarray:
        """``[M + 1]`` first atom of every molecule in ``z`` and ``pos``."""
        return self.arrays.offsets if self.rows is None else np.concatenate([[0], np.cumsum(self.n_atoms)])

    @cached_property
    def z(self) -> np.ndarray:
        """``[sum N]`` atomic numbers, uint8."""
        return self.arrays.z if self.rows is None else self.arrays.z[self.arrays.atoms_of(self.rows)]

    @cached_property
    def pos(self) -> np.ndarray:
        """``[sum N, 3]`` positions as the source has them, Å: not centred."""
        return self.arrays.pos if self.rows is None else self.arrays.pos[self.arrays.atoms_of(self.rows)]

    @property
    def smiles(self) -> list[str]:
        """``[M]`` SMILES that the molecules were made from; empty for other sources."""
        if self.arrays.smiles is None:
            return []
        return [str(name) for name in (self.arrays.smiles if self.rows is None else self.arrays.smiles[self.rows])]

    @cached_property
    def elements(self) -> tuple[int, ...]:
        """Atomic numbers that occur, ascending."""
        occurs = np.zeros(119, dtype=bool)
        for _, z in self.elements_in_pieces():
            occurs |= np.bincount(z, minlength=119) > 0
        return tuple(np.flatnonzero(occurs).tolist())

    def elements_in_pieces(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Some molecules at a time: which, and their atomic numbers ``[sum N]``."""
        for piece in pieces(self.offsets):
            if self.rows is None:
                yield piece, self.arrays.z[self.offsets[piece.start] : self.offsets[piece.stop]]
            else:
                yield piece, self.arrays.z[self.arrays.atoms_of(self.rows[piece])]

    @property
    def left_out(self) -> dict[str, str]:
        """Properties of the source that cannot be carried, with the reason."""
        names = sorted({*self.arrays.properties, *self.arrays.unusable} - set(self._computed))
        return {name: objection for name in names if (objection := self._objection(name))}

    @cached_property
    def properties(self) -> Mapping[str, Property]:
        """Properties by name, values ``[M, k]``; those of a large computed one are read where they are indexed."""
        units = {name: self.arrays.properties[name].unit for name in self._names} | self._units
        return PropertyView(self._columns, units, self.rows)


def centred(z: np.ndarray, pos: np.ndarray) -> np.ndarray:
    """Positions ``[N, 3]`` of a molecule's atoms relative to their centre of mass.

    Rounding may carry a distance over a cutoff, so everybody who compares distances takes them from here.
    """
    mass = atomic_masses[z]
    positions: np.ndarray = pos - (mass @ pos) / mass.sum()
    return positions


@cache
def _taken_names() -> frozenset[str]:
    """What no property can be called."""
    from torch_geometric.data import Data

    return frozenset((set(dir(Data())) | {"z", "pos", "id", "seed"}) - {"y"})
