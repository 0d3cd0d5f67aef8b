"""Substructures to start from, out of files of molecules."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase.data import atomic_masses

from gschnet_pyg.data.arrays import MoleculeArrays
from gschnet_pyg.data.sources import read_as_is
from gschnet_pyg.errors import DataError, RecipeError
from gschnet_pyg.generation.starts import Fragment


def read_fragments(
    path: Path,
    rows: Sequence[int] | None = None,
    *,
    atoms: Sequence[int] | None = None,
    origin: Sequence[float] | None = None,
    finished: Sequence[int] = (),
    open_atoms: Sequence[int] | None = None,
    progress: bool = True,
) -> list[Fragment]:
    """Take substructures from a file.

    A trained model knows the centre of mass of the *finished* molecule as its origin. That of a molecule yet to come is
    unknown; the further it lies from the fragment's own, the worse the default serves.

    Args:
        path: ASE database, or any other file that holds molecules.
        rows: ids of a database (from 1), numbers of the records of another file (from 0); all by default.
        atoms: numbers, from 0, of the atoms to take of each molecule, in this order; all by default.
        origin: ``[3]`` Å, where the origin token lies in the frame of the file; the centre of mass of each fragment
            by default.
        finished: numbers, from 0 and of the fragment as taken, of atoms that get no further neighbours.
        open_atoms: in place of ``finished``, the only atoms that may get neighbours; all others are finished.
        progress: show a bar on a terminal.

    Returns:
        One fragment for each row, in the order of ``rows``.

    Raises:
        DataError: if the file cannot be read, or lacks a row or an atom.
        RecipeError: if a list of rows or atoms is empty, an atom is given twice, the origin is no position, or
            ``finished`` and ``open_atoms`` are both given.
    """
    _check_options(rows, atoms, origin, finished, open_atoms)
    molecules = read_as_is(path, progress)
    chosen = range(len(molecules)) if rows is None else _find(molecules, rows)
    fragments = []
    for row in chosen:
        z, pos, name = _take(molecules, row, atoms)
        closed = _numbers(name, finished if open_atoms is None else open_atoms, len(z))
        if open_atoms is not None:
            closed = np.setdiff1d(np.arange(len(z)), closed)
        centre = atomic_masses[z] @ pos / atomic_masses[z].sum() if origin is None else np.asarray(origin, float)
        fragments.append(Fragment(z, pos - centre, tuple(closed.tolist()), name))
    return fragments


def _check_options(
    rows: Sequence[int] | None,
    atoms: Sequence[int] | None,
    origin: Sequence[float] | None,
    finished: Sequence[int],
    open_atoms: Sequence[int] | None,
) -> None:
    for name, numbers in (("rows", rows), ("atoms", atoms)):
        if numbers is not None and not len(numbers):
            raise RecipeError(f"{name}: the list is empty; name some, or leave it out to take all")
    for name, numbers in (("atoms", atoms), ("finished", finished), ("open_atoms", open_atoms)):
        if numbers is not None and len(set(numbers)) < len(numbers):
            raise RecipeError(f"{name}: an atom is given twice; drop one of them")
    if len(finished) and open_atoms is not None:
        raise RecipeError("finished, open_atoms: each says what the other leaves out; drop one of them")
    if origin is not None and (np.shape(origin) != (3,) or not np.isfinite(origin).all()):
        raise RecipeError(f"origin: {origin} is no position; give three numbers, in Å")


def _find(molecules: MoleculeArrays, ids: Sequence[int]) -> list[int]:
    """Places of ids of the file."""
    place = {number: row for row, number in enumerate(molecules.ids.tolist())}
    for number in ids:
        if number not in place:
            there = f"there are {len(place)}, from {molecules.ids.min()} to {molecules.ids.max()}"
            raise DataError(f"{molecules.source}: there is no {molecules.id_label} {number}; {there}")
    return [place[number] for number in ids]


def _take(molecules: MoleculeArrays, row: int, atoms: Sequence[int] | None) -> tuple[np.ndarray, np.ndarray, str]:
    """Atomic numbers, positions and name of a molecule, or of some of its atoms."""
    start, end = molecules.offsets[row : row + 2]
    name = molecules.describe(row)
    if start == end:
        raise DataError(f"{name}: molecule without atoms; choose another one")
    taken = slice(None) if atoms is None else _numbers(name, atoms, end - start)
    z, pos = molecules.z[start:end][taken].astype(np.int64), molecules.pos[start:end][taken]
    return z, pos, name


def _numbers(name: str, atoms: Sequence[int], n_atoms: int) -> np.ndarray:
    """Numbers of atoms that exist."""
    for atom in atoms:
        if not 0 <= atom < n_atoms:
            raise DataError(f"{name}: there is no atom {atom}; atoms are counted from 0 to {n_atoms - 1}")
    return np.array(atoms, dtype=np.int64)
