"""Molecules from a flat npz file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gschnet_pyg.data.arrays import MoleculeArrays, Property
from gschnet_pyg.errors import DataError
from gschnet_pyg.untrusted import read_arrays


def read_npz(path: Path, progress: bool = True) -> MoleculeArrays:
    """Read ``n_atoms [M]``, ``z [sum N]``, ``pos [sum N, 3]``, optional ``ids [M]``.

    Every other array of numbers whose first dimension is M is a property. Nothing is unpickled.

    Raises:
        DataError: if the file is damaged, or arrays are missing or do not fit each other.
    """
    try:
        arrays = read_arrays(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: damaged or no npz file ({error}); restore it from the original") from error
    if missing := [name for name in ("n_atoms", "z", "pos") if name not in arrays]:
        raise DataError(f"{path}: lacks the array {missing[0]!r}; needed are n_atoms [M], z [sum N], pos [sum N, 3]")
    n_atoms, z, pos = (arrays.pop(name) for name in ("n_atoms", "z", "pos"))
    ids = arrays.pop("ids", np.arange(n_atoms.size))
    _check_shapes(path, n_atoms, z, pos, ids)
    n_molecules = len(n_atoms)
    offsets = np.concatenate([[0], np.cumsum(n_atoms, dtype=np.int64)])
    if not ((z >= 1) & (z <= 118)).all():
        atom = np.argmax((z < 1) | (z > 118))
        molecule = np.searchsorted(offsets, atom, side="right") - 1
        raise DataError(f"{path}, record {ids[molecule]}: {z[atom]} is not an atomic number; remove the molecule")
    properties, unusable = {}, {}
    for name, values in arrays.items():
        if values.dtype.kind not in "iuf" or values.size == 0:
            continue
        if values.ndim == 0 or len(values) != n_molecules:
            unusable[name] = f"has the shape {values.shape}, not one row for each of the {n_molecules:,} molecules"
        else:
            properties[name] = Property(values.reshape(n_molecules, -1).astype(np.float64, copy=False))
    return MoleculeArrays(
        z=z.astype(np.uint8, copy=False),
        pos=pos.astype(np.float64, copy=False),
        offsets=offsets,
        ids=ids.astype(np.int64, copy=False),
        properties=properties,
        source=str(path),
        unusable=unusable,
    )


def _check_shapes(path: Path, n_atoms: np.ndarray, z: np.ndarray, pos: np.ndarray, ids: np.ndarray) -> None:
    if n_atoms.size == 0:
        raise DataError(f"{path}: holds no molecules")
    for name, array in (("n_atoms", n_atoms), ("z", z), ("ids", ids)):
        if array.dtype.kind not in "iu" or array.ndim != 1 or (array < 0).any():
            raise DataError(f"{path}: {name} must be a list of whole numbers from 0, one dimension")
    if n_atoms.max() > len(z) or ids.max() >= 2**63:
        raise DataError(f"{path}: n_atoms or ids hold numbers beyond all molecules; restore it from the original")
    total = int(n_atoms.sum())
    if len(z) != total or pos.shape != (total, 3) or pos.dtype.kind not in "fiu" or len(ids) != len(n_atoms):
        raise DataError(
            f"{path}: n_atoms has {len(n_atoms):,} molecules of {total:,} atoms in all, "
            f"but z has the shape {z.shape}, pos {pos.shape}, ids {ids.shape}"
        )
