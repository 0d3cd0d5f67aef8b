"""Molecules as PyG ``Data`` over flat, memory-mapped arrays."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from ase.data import atomic_masses
from numpy.typing import ArrayLike
from torch.utils.data import Dataset
from torch_geometric.data import Data

from gschnet_pyg.data.arrays import MoleculeArrays, Property
from gschnet_pyg.errors import DataError

__all__ = ["MoleculeDataset", "Property"]

_TAKEN = (set(dir(Data())) | {"z", "pos", "id"}) - {"y"}


class MoleculeDataset(Dataset[Data]):
    """Molecules with their properties.

    ``dataset[i]`` is a ``Data`` with ``z [N]`` int64, ``pos [N, 3]`` float64 in Å, centred on the centre of mass,
    ``id [1]`` int64 and one ``[1, k]`` float64 tensor for each property, under its name. The arrays are opened again,
    not copied, in worker processes.

    Args:
        arrays: molecules, checked.
        properties: names to carry; all that every molecule has by default.
        rows: molecules of ``arrays`` to show, in this order; all by default.

    Attributes:
        arrays: the molecules of the source.
        rows: those of them that are shown; none for all.

    Raises:
        DataError: if a property is unknown, lacks values or cannot be used.
    """

    def __init__(
        self, arrays: MoleculeArrays, properties: Sequence[str] | None = None, rows: np.ndarray | None = None
    ) -> None:
        self.arrays = arrays
        self.rows = rows
        if properties is None:
            self._names = tuple(name for name in arrays.properties if self._objection(name) is None)
        else:
            self._names = tuple(dict.fromkeys(properties))
            for name in self._names:
                if objection := self._objection(name):
                    raise DataError(objection)
        self._values = [arrays.properties[name].values for name in self._names]

    def _objection(self, name: str) -> str | None:
        """Why a property cannot be carried; none if it can."""
        arrays = self.arrays
        if name in arrays.unusable:
            return f"{arrays.source}: property {name!r} cannot be used: it {arrays.unusable[name]}"
        if name not in arrays.properties:
            return (
                f"{arrays.source}: there is no property {name!r}; "
                f"there are: {', '.join(sorted(arrays.properties)) or 'none'}"
            )
        if name in _TAKEN or name.startswith("_"):
            return f"{arrays.source}: property {name!r} has a name that molecules use for something else; rename it"
        values = arrays.properties[name].values if self.rows is None else arrays.properties[name].values[self.rows]
        complete = np.isfinite(values).all(axis=1)
        if not complete.all():
            return (
                f"{self.describe(int(np.argmin(complete)))}: has no value of {name!r} "
                f"(nor have {np.sum(~complete) - 1:,} others); leave out the molecules or the property"
            )
        return None

    def __reduce__(self) -> Any:
        """Only what is needed to open the same view again."""
        return MoleculeDataset, (self.arrays, self._names, self.rows)

    def __len__(self) -> int:
        return len(self.arrays) if self.rows is None else len(self.rows)

    def __getitem__(self, index: int) -> Data:
        if not -len(self) <= index < len(self):
            raise IndexError(f"molecule {index} of {len(self)}")
        index = index % len(self)
        row = index if self.rows is None else self.rows[index]
        arrays = self.arrays
        start, stop = arrays.offsets[row], arrays.offsets[row + 1]
        z = arrays.z[start:stop].astype(np.int64)
        pos = arrays.pos[start:stop]
        mass = atomic_masses[z]
        data = Data(
            z=torch.from_numpy(z),
            pos=torch.from_numpy(pos - (mass @ pos) / mass.sum()),
            id=torch.from_numpy(arrays.ids[row : row + 1].copy()),
        )
        for name, values in zip(self._names, self._values, strict=True):
            data[name] = torch.from_numpy(values[row : row + 1].copy())
        return data

    def subset(self, indices: ArrayLike) -> MoleculeDataset:
        """The molecules at ``indices`` (integers or a mask ``[M]``), as a view with the same properties."""
        chosen = np.asarray(indices)
        rows = np.arange(len(self.arrays)) if self.rows is None else self.rows
        return MoleculeDataset(self.arrays, self._names, rows[chosen if chosen.size else chosen.astype(np.int64)])

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
        return tuple(np.flatnonzero(np.bincount(self.z, minlength=119)).tolist())

    @property
    def left_out(self) -> dict[str, str]:
        """Properties of the source that cannot be carried, with the reason."""
        names = sorted({*self.arrays.properties, *self.arrays.unusable})
        return {name: objection for name in names if (objection := self._objection(name))}

    @cached_property
    def properties(self) -> dict[str, Property]:
        """Properties by name, values ``[M, k]``."""
        chosen = {name: self.arrays.properties[name] for name in self._names}
        if self.rows is None:
            return chosen
        return {name: Property(prop.values[self.rows], prop.unit) for name, prop in chosen.items()}
