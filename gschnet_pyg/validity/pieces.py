"""Molecules of flat arrays, one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import numpy as np

from gschnet_pyg.validity.checks import Molecule


class Pieces(Sequence[Molecule]):
    """Cut off when they are needed, so that many of them take no memory of their own.

    Args:
        z: ``[sum N]`` atomic numbers.
        pos: ``[sum N, 3]`` Å.
        offsets: ``[M + 1]`` first atom of every molecule.
    """

    def __init__(self, z: np.ndarray, pos: np.ndarray, offsets: np.ndarray) -> None:
        self._z, self._pos = z, pos
        self._offsets = np.asarray(offsets)

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @overload
    def __getitem__(self, index: int) -> Molecule: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Molecule]: ...

    def __getitem__(self, index: int | slice) -> Molecule | Sequence[Molecule]:
        chosen = range(len(self))[index]
        if isinstance(chosen, range):
            return [self[each] for each in chosen]
        atoms = slice(*self._offsets[chosen : chosen + 2].tolist())
        return self._z[atoms], self._pos[atoms]
