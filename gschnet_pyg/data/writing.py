"""Write molecules to files that ASE, SchNetPack and RDKit read."""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import ase.db
import numpy as np
from ase import Atoms
from ase.db.core import str_represents
from ase.io.extxyz import write_xyz
from rdkit import Chem

from gschnet_pyg.data.arrays import as_numbers
from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.data.readers import database_metadata, properties_of
from gschnet_pyg.errors import DataError
from gschnet_pyg.files import is_writable, replace_file

if TYPE_CHECKING:
    from torch_geometric.data import Data

SUFFIXES = (".db", ".extxyz", ".xyz", ".sdf")
"""Files that can be written."""

Molecules: TypeAlias = "Iterable[Atoms | Data] | MoleculeDataset"
Properties = Mapping[str, Sequence[Any] | np.ndarray] | Iterable[Mapping[str, Any]]


@dataclass(frozen=True)
class _Row:
    """One molecule to write: numbers as flat arrays, and text."""

    atoms: Atoms
    numbers: dict[str, np.ndarray]
    text: dict[str, str]


def check_writable(path: Path, suffixes: Sequence[str] = SUFFIXES) -> None:
    """Refuse a path that :func:`write_molecules` could not write, before any work is done.

    Args:
        path: file to be written.
        suffixes: those allowed, in lower case; ``(".db",)`` for :func:`write_database`.

    Raises:
        DataError: if its suffix is another one, it is a folder, or its folder cannot be written.
    """
    if path.suffix.lower() not in suffixes:
        raise DataError(f"{path}: cannot write a file of this kind; its name must end in {' or '.join(suffixes)}")
    if path.is_dir():
        raise DataError(f"{path}: is a folder; name a file")
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not is_writable(folder):
        raise DataError(f"{path}: cannot be written, because {folder} is no folder that you may write to")


def write_molecules(
    path: str | Path,
    molecules: Molecules,
    properties: Properties | None = None,
    units: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> int:
    """Write molecules to an ASE database (``.db``), ``.extxyz``, ``.xyz`` or ``.sdf``, by the suffix of the path.

    Arguments and result as :func:`write_database`. Formats other than the database have no place for units and
    metadata: these go to ``<path>.json``.

    Raises:
        DataError: if the suffix is another one, or as :func:`write_database`.
    """
    path = Path(path)
    check_writable(path)
    if path.suffix.lower() == ".db":
        return write_database(path, molecules, properties, units, metadata)
    write: Callable[[Path, Iterable[_Row]], int] = _write_sdf if path.suffix.lower() == ".sdf" else _write_extxyz
    with _replacing(path) as part:
        count = write(part, _rows(molecules, properties))
    units = _units(molecules, units)
    if units or metadata:
        with _replacing(Path(f"{path}.json")) as part:
            part.write_text(json.dumps({"units": units, **(metadata or {})}, indent=2) + "\n")
    return count


def write_database(
    path: str | Path,
    molecules: Molecules,
    properties: Properties | None = None,
    units: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    append: bool = False,
) -> int:
    """Write molecules to an ASE database that SchNetPack reads too.

    Numbers go to ``row.data``, text to the key-value pairs (but to ``row.data`` too if it looks like a number), units
    to the metadata ``_property_unit_dict``; the rows are numbered from 1. The file appears at once when everything is
    written.

    Args:
        path: ends in ``.db``; an existing file is replaced.
        molecules: ``ase.Atoms`` or ``Data`` with ``z`` and ``pos`` (Å), in any iterable.
        properties: name -> one value (number, array or text) for each molecule, or one mapping for each molecule;
            by default what the molecules carry (``atoms.info`` and the energy; the tensors of ``Data``).
        units: property -> unit, as the values are.
        metadata: anything that JSON can hold, kept with the database.
        append: add to an existing database instead.

    Returns:
        Number of molecules written.

    Raises:
        DataError: if the path cannot be written, a cell is periodic, properties and molecules differ in number, or
            what is appended has other units.
    """
    path = Path(path)
    check_writable(path, (".db",))
    units = _units(molecules, units)
    rows = _rows(molecules, properties)
    if append and path.exists():
        with _explained(path):
            return _fill(path, rows, _merged(path, database_metadata(path), units, metadata))
    with _replacing(path) as part:
        return _fill(part, rows, {"_distance_unit": "Ang", "atomrefs": {}, "_units": units, **(metadata or {})})


def _units(molecules: Molecules, units: Mapping[str, str] | None) -> dict[str, str]:
    """Units by the caller, or those of a dataset."""
    if units is None and isinstance(molecules, MoleculeDataset):
        return {name: prop.unit or "" for name, prop in molecules.properties.items()}
    return dict(units or {})


def _merged(
    path: Path, existing: dict[str, Any], units: Mapping[str, str], metadata: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Metadata of a database after appending."""
    if (length := existing.get("_distance_unit", "Ang")) != "Ang":
        raise DataError(f"{path}: holds distances in {length}; only databases in Å (Ang) can be appended to")
    stated = existing.pop("_property_unit_dict", {})
    for name, unit in units.items():
        if name in stated and (stated[name] or "") != unit:
            raise DataError(f"{path}: holds {name} in {stated[name] or 'no unit'}; convert it before appending {unit}")
    return {"_distance_unit": "Ang", "atomrefs": {}, **existing, **(metadata or {}), "_units": {**stated, **units}}


def _fill(path: Path, rows: Iterable[_Row], metadata: dict[str, Any]) -> int:
    """Write rows and metadata; ASE commits every few thousand rows."""
    units = metadata.pop("_units")
    count = 0
    with ase.db.connect(path, type="db", use_lock_file=False) as database:  # type: ignore[no-untyped-call]
        for row in rows:
            # ASE refuses text that looks like a number, such as a name, among the key-value pairs
            hidden = {name: text for name, text in row.text.items() if _is_refused(text)}
            pairs = {name: text for name, text in row.text.items() if name not in hidden}
            database.write(row.atoms, key_value_pairs=pairs, data={**row.numbers, **hidden})
            units.update({name: "" for name in row.numbers if name not in units})
            count += 1
        database.metadata = {**metadata, "_property_unit_dict": units}
    return count


def _is_refused(text: str) -> bool:
    return any(str_represents(text, kind) for kind in (bool, int, float))  # type: ignore[no-untyped-call]


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A temporary path that takes the file's place when all went well."""
    with _explained(path), replace_file(path) as part:
        yield part


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """What cannot be written is a ``DataError``."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise DataError(f"{path}: cannot be written ({error})") from error


def _rows(molecules: Molecules, properties: Properties | None) -> Iterator[_Row]:
    """Molecules with their properties, one by one."""
    if isinstance(properties, Mapping) and not properties:
        properties = itertools.repeat({})
    values = None if properties is None else iter(_per_molecule(properties))
    number = -1
    for number, molecule in enumerate(_iterate(molecules)):
        atoms, own = _atoms(molecule, number)
        carried = own if values is None else next(values, None)
        if carried is None:
            raise DataError(
                f"molecule {number} (counted from 0): there are no properties for it; give one row for each"
            )
        numbers = {name: array for name, value in carried.items() if (array := as_numbers(value)) is not None}
        yield _Row(atoms, numbers, {name: value for name, value in carried.items() if isinstance(value, str)})
    if values is not None and next(values, None):
        raise DataError(f"there are properties for more than the {number + 1:,} molecules")


def _iterate(molecules: Molecules) -> Iterable[Atoms | Data]:
    if isinstance(molecules, MoleculeDataset):
        return (molecules[i] for i in range(len(molecules)))
    return molecules


def _per_molecule(properties: Properties) -> Iterable[Mapping[str, Any]]:
    if not isinstance(properties, Mapping):
        return properties
    lengths = {name: len(values) for name, values in properties.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"properties differ in length: {', '.join(f'{name} {n:,}' for name, n in lengths.items())}")
    return (dict(zip(properties, row, strict=True)) for row in zip(*properties.values(), strict=True))


def _atoms(molecule: Atoms | Data, number: int) -> tuple[Atoms, dict[str, Any]]:
    """Atoms alone, and the properties that the molecule carries."""
    if isinstance(molecule, Atoms):
        if molecule.pbc.any():
            raise DataError(f"molecule {number} (counted from 0): has a periodic cell; remove it (atoms.pbc = False)")
        return Atoms(molecule.numbers, molecule.positions), properties_of(molecule)
    z, pos = np.asarray(molecule["z"]), np.asarray(molecule["pos"], dtype=np.float64)
    return Atoms(z, pos), {name: value for name, value in molecule.items() if name not in ("z", "pos", "id")}


def _write_extxyz(path: Path, rows: Iterable[_Row]) -> int:
    count = 0
    with path.open("w") as file:
        for row in rows:
            numbers = {name: values if values.size > 1 else values.item() for name, values in row.numbers.items()}
            # ASE reads a backslash, which SMILES may hold, as the start of an escape
            row.atoms.info.update(numbers, **{name: text.replace("\\", "\\\\") for name, text in row.text.items()})
            write_xyz(file, row.atoms)
            count += 1
    return count


def _write_sdf(path: Path, rows: Iterable[_Row]) -> int:
    """Atoms without bonds: these are for the reader to perceive."""
    count = 0
    with Chem.SDWriter(str(path)) as writer:
        writer.SetKekulize(False)
        for row in rows:
            mol = Chem.RWMol()
            for z in row.atoms.numbers:
                atom = Chem.Atom(int(z))
                atom.SetNoImplicit(True)
                mol.AddAtom(atom)
            conformer = Chem.Conformer(len(row.atoms))
            conformer.SetPositions(row.atoms.positions)
            conformer.Set3D(True)
            mol.AddConformer(conformer)
            mol.UpdatePropertyCache(strict=False)
            for name, values in row.numbers.items():
                mol.SetProp(name, " ".join(repr(float(value)) for value in values))
            for name, text in row.text.items():
                mol.SetProp(name, text)
            writer.write(mol)
            count += 1
    return count
