"""Open molecules from whatever file holds them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from gschnet_pyg.data.arrays import MoleculeArrays
from gschnet_pyg.data.cache import cached_beside, found_beside
from gschnet_pyg.data.checks import check_molecules
from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.data.demo import open_demo
from gschnet_pyg.data.npz import read_npz
from gschnet_pyg.data.readers import DATABASE_SUFFIXES, check_file, read_ase_database, read_ase_file, read_sdf
from gschnet_pyg.data.smiles_lists import is_smiles_list
from gschnet_pyg.data.staging import read_staged
from gschnet_pyg.data.units import in_internal_units
from gschnet_pyg.errors import DataError

DEMO = "demo"
"""Name of the built-in set of small organic molecules."""

_QUICK_SUFFIXES = (".db", ".aselmdb")
"""Databases that give one molecule without reading the others."""


def open_dataset(
    source: str | Path,
    *,
    properties: Sequence[str] | None = None,
    units: Mapping[str, str] | None = None,
    distance_unit: str | None = None,
    cache_dir: Path | None = None,
    work_directory: Path | None = None,
    progress: bool = True,
) -> MoleculeDataset:
    """Open molecules from a file, or the built-in set ``demo``.

    Read are ASE databases, SDF, flat npz and every format of many molecules that ASE reads (xyz, extxyz, ...). The
    file is converted once and cached beside it (in the user's cache where that cannot be written); the cache is
    rebuilt when the file changes.

    Args:
        source: file, or ``demo``.
        properties: names to carry; all that every molecule has by default.
        units: property -> unit in the source; energies become eV, other properties keep the unit.
        distance_unit: of the positions in the source; Å by default.
        cache_dir: folder for the cache instead.
        work_directory: folder on fast storage that a file is copied to while it is converted; none reads it in place.
        progress: show a bar while converting.

    Returns:
        Dataset in Å and eV.

    Raises:
        DataError: if the file is missing, damaged or unknown, holds a molecule that cannot be used, contradicts the
            units given, or lacks a property.
    """
    if source == DEMO:
        if units or distance_unit:
            raise DataError(f"the built-in set {DEMO!r} is in Å and eV; drop the units")
        return open_demo(properties=properties, cache_dir=cache_dir, progress=progress)
    path = Path(source)
    reader = reader_for(path)
    build = partial(_convert, path, reader, units, distance_unit, work_directory, progress)
    options = _options(path, reader, units, distance_unit)
    return MoleculeDataset(cached_beside(path, options, build, cache_dir), properties)


def glance(
    path: Path,
    *,
    units: Mapping[str, str] | None = None,
    distance_unit: str | None = None,
    cache_dir: Path | None = None,
) -> MoleculeArrays | None:
    """What a moment shows of the molecules of a file: all that are converted already, or the first of a database.

    Args:
        path, units, distance_unit, cache_dir: as for :func:`open_dataset`.

    Returns:
        Molecules with the properties that all of the file should have; none if the file would have to be read.

    Raises:
        DataError: if the file is missing, damaged or unknown, or contradicts the units given.
    """
    reader = reader_for(path)
    if (arrays := found_beside(path, _options(path, reader, units, distance_unit), cache_dir)) is not None:
        return arrays
    if path.suffix.lower() not in _QUICK_SUFFIXES:
        return None
    return in_internal_units(read_ase_database(path, progress=False, limit=1), units, distance_unit)


def _options(
    path: Path, reader: Callable[..., MoleculeArrays], units: Mapping[str, str] | None, distance_unit: str | None
) -> list[Any]:
    """Whatever decides what a file is converted to, beside its content."""
    return [reader.__name__, path.name, sorted((units or {}).items()), distance_unit]


def read_as_is(path: Path, progress: bool = True) -> MoleculeArrays:
    """Read the molecules of a file to judge them: in Å, but not checked, and nothing is cached.

    Args:
        path: any file that :func:`open_dataset` opens.
        progress: show a bar.

    Raises:
        DataError: if the file is missing, damaged or unknown.
    """
    return in_internal_units(reader_for(path)(path, progress))


def reader_for(path: Path) -> Callable[[Path, bool], MoleculeArrays]:
    """The reader for a file, by its suffix.

    Raises:
        DataError: if there is no such file, it is empty, or a list of SMILES.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file (nor is it the built-in set {DEMO!r})")
    check_file(path)
    if is_smiles_list(path):
        raise DataError(
            f"{path}: molecules without coordinates; embed them first: "
            f"gschnet-pyg data import {path} -o {path.with_suffix('.db')}"
        )
    suffix = path.suffix.lower()
    if suffix in DATABASE_SUFFIXES:
        return read_ase_database
    return {".npz": read_npz, ".sdf": read_sdf, ".sd": read_sdf, ".mol": read_sdf}.get(suffix, read_ase_file)


def _convert(
    path: Path,
    reader: Callable[[Path, bool], MoleculeArrays],
    units: Mapping[str, str] | None,
    distance_unit: str | None,
    work_directory: Path | None,
    progress: bool,
) -> MoleculeArrays:
    arrays = read_staged(path, work_directory, lambda file: reader(file, progress), progress)
    arrays = in_internal_units(arrays, units, distance_unit)
    check_molecules(arrays)
    return arrays
