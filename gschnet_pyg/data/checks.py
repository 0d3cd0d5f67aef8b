"""What must hold of every molecule before it is used; one clear error each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase.data import chemical_symbols

from gschnet_pyg.data.arrays import MoleculeArrays, pieces
from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.errors import DataError

MIN_DISTANCE = 0.01
"""Å; atoms closer than this are the same atom twice."""

FARTHEST = 1e8
"""Å; beyond, float64 has no digits left for what is between the atoms."""


def check_molecules(arrays: MoleculeArrays) -> None:
    """Refuse molecules that no chemistry could mean.

    Args:
        arrays: molecules, positions in Å.

    Raises:
        DataError: naming the first molecule that has no atoms, a position that is not a number or very far away, or
            two atoms at one place, or an id that occurs twice.
    """
    n_atoms = np.diff(arrays.offsets)
    if (n_atoms == 0).any():
        raise DataError(f"{arrays.describe(int(np.argmin(n_atoms)))}: molecule without atoms; remove it")
    for rows in pieces(arrays.offsets):
        _check_positions(arrays, rows)
    unique, counts = np.unique(arrays.ids, return_counts=True)
    if len(unique) < len(arrays.ids):
        raise DataError(f"{arrays.source}: {arrays.id_label} {unique[counts > 1][0]} occurs twice; ids must be unique")


def _check_positions(arrays: MoleculeArrays, rows: slice) -> None:
    """Of some molecules, one after the other."""
    start = arrays.offsets[rows.start]
    pos = arrays.pos[start : arrays.offsets[rows.stop]]
    molecule = np.repeat(np.arange(rows.start, rows.stop), np.diff(arrays.offsets[rows.start : rows.stop + 1]))
    finite = np.isfinite(pos).all(axis=1)
    if not finite.all():
        first = molecule[np.argmin(finite)]
        raise DataError(f"{arrays.describe(first)}: a coordinate is not a finite number; remove the molecule")
    farthest = np.abs(pos).max(axis=1)
    if farthest.max() > FARTHEST:
        atom = int(np.argmax(farthest > FARTHEST))
        raise DataError(
            f"{arrays.describe(molecule[atom])}: a coordinate of {farthest[atom]:.3g} Å, where distances between atoms "
            "are lost in rounding; check the unit of lengths, or move the molecule to the origin"
        )
    if (pair := _coincident_atoms(pos, molecule)) is not None:
        row = molecule[pair[0]]
        a, b = sorted(pair + start - arrays.offsets[row])
        raise DataError(
            f"{arrays.describe(row)}: atoms {a} and {b} (counted from 0) are at one place; "
            "remove one of them or the molecule"
        )


def _coincident_atoms(pos: np.ndarray, molecule: np.ndarray) -> np.ndarray | None:
    """The first two atoms of one molecule closer than ``MIN_DISTANCE``: sorted by x, compare ever later neighbours."""
    order = np.lexsort((pos[:, 0], molecule))
    pos, molecule = pos[order], molecule[order]
    candidates = np.arange(len(pos))
    for shift in range(1, len(pos)):
        candidates = candidates[candidates + shift < len(pos)]
        others = candidates + shift
        near = (molecule[others] == molecule[candidates]) & (pos[others, 0] - pos[candidates, 0] < MIN_DISTANCE)
        candidates, others = candidates[near], others[near]
        if not len(candidates):
            return None
        close = np.linalg.norm(pos[others] - pos[candidates], axis=1) < MIN_DISTANCE
        if close.any():
            i = np.argmax(close)
            return order[[candidates[i], others[i]]]
    return None


def check_elements(dataset: MoleculeDataset, atom_types: Sequence[int]) -> None:
    """Refuse a dataset that holds an element outside the atom types.

    Args:
        dataset: molecules.
        atom_types: atomic numbers that the model can place.

    Raises:
        DataError: naming the element, the first molecule that holds it, and the remedy.
    """
    strange = np.setdiff1d(dataset.elements, atom_types)
    if not len(strange):
        return
    z = int(strange[0])
    atom = int(np.argmax(dataset.z == z))
    row = int(np.searchsorted(dataset.offsets, atom, side="right")) - 1
    raise DataError(
        f"{dataset.describe(row)}: holds {chemical_symbols[z]}, which is not among the atom types "
        f"({', '.join(chemical_symbols[t] for t in atom_types)}); add {z} to the atom types or remove the molecule"
    )
