"""Files that are read molecule by molecule through ASE or RDKit."""

from __future__ import annotations

import os
import sqlite3
import struct
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import ase.db
import ase.io
import numpy as np
from ase import Atoms
from ase.db.sqlite import SQLite3Database
from ase.io.formats import UnknownFileTypeError
from rdkit import Chem, rdBase
from tqdm import tqdm

from gschnet_pyg.data.arrays import Collector, MoleculeArrays, text_as_numbers
from gschnet_pyg.errors import DataError

DATABASE_SUFFIXES = (".db", ".json", ".aselmdb")
"""Files that are opened as ASE databases."""

_PAGE = 1000  # rows of a database that are in memory together

T = TypeVar("T")


def bar(items: Iterable[T], text: str, progress: bool, total: int | None = None) -> Iterable[T]:
    """Progress bar; silent where the output is no terminal."""
    bar: Iterable[T] = tqdm(items, desc=text, total=total, unit=" molecules", disable=off(progress), leave=False)
    return bar


def off(progress: bool) -> bool | None:
    """tqdm's ``disable``: off where nobody asks for a bar, or the output is no terminal."""
    return None if progress else True


def check_file(path: Path) -> None:
    """Refuse what is no file, or an empty one.

    Raises:
        DataError: saying which.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file")
    if not path.is_file():
        raise DataError(
            f"{path}: is a folder; name a file of molecules, or bring all in it into one: "
            f"gschnet-pyg data import {path} -o molecules.db"
        )
    if not path.stat().st_size:
        raise DataError(f"{path}: is empty; restore it from the original")


def database_metadata(path: Path) -> dict[str, Any]:
    """Metadata of an ASE database, which is left as it is.

    Raises:
        DataError: if there is no such file, or it is damaged or no ASE database.
    """
    with _open_database(path) as database:
        return _metadata(path, database)


def read_ase_database(path: Path, progress: bool = True, limit: int | None = None) -> MoleculeArrays:
    """Read an ASE database: properties from ``row.data``, numeric key-value pairs and the stored energy.

    Units as SchNetPack's metadata states them.

    Args:
        path: the database.
        progress: show a bar.
        limit: molecules to read, from the first; none for all.

    Raises:
        DataError: if the database is damaged or empty, or a cell is periodic.
    """
    collector = Collector(str(path), "row")
    with _open_database(path) as database:
        metadata = _metadata(path, database)
        for row in bar(_rows(database, limit), f"reading {path.name}", progress, limit or database.count()):
            if row.pbc.any():
                raise DataError(_periodic(f"{path}, row {row.id}"))
            properties = {**row.key_value_pairs, **row.data}
            if "energy" in row:
                properties.setdefault("energy", row.energy)
            collector.add(row.id, row.numbers, row.positions, properties)
    return collector.finish(metadata.get("_distance_unit"), metadata.get("_property_unit_dict"))


def _metadata(path: Path, database: Any) -> dict[str, Any]:
    """Metadata of a database; what is to be units in it is text."""
    metadata = dict(database.metadata)
    units = metadata.get("_property_unit_dict", {})
    texts = [metadata.get("_distance_unit"), *units.values()] if isinstance(units, dict) else [units]
    if strange := [text for text in texts if not isinstance(text, str | None)]:
        raise DataError(f"{path}: its metadata state {strange[0]!r} as a unit; remove that from the metadata")
    return metadata


def _rows(database: Any, limit: int | None) -> Iterator[Any]:
    """Rows by ascending id; ASE holds all that it has selected in memory, so a few are selected at a time."""
    if limit is not None or not isinstance(database, SQLite3Database):
        yield from database.select(limit=limit)
        return
    last = -1
    while page := list(database.select([("id", ">", last)], limit=_PAGE)):
        yield from page
        last = page[-1].id


@contextmanager
def _open_database(path: Path) -> Iterator[Any]:
    """An ASE database to read, whatever the case of its suffix; each failure is a ``DataError``."""
    check_file(path)
    kind = path.suffix.lower().removeprefix(".")
    try:
        if kind == "db":
            _check_sqlite(path)
        database = ase.db.connect(path, type=kind, use_lock_file=False)  # type: ignore[no-untyped-call]
        # else ASE opens an SQLite file anew for every row
        with database if kind == "db" else nullcontext():
            yield database
    except DataError:
        raise
    except ImportError as error:
        raise DataError(f"{path}: ASE needs another package to open this database ({error})") from error
    except Exception as error:  # ASE raises whatever comes up
        raise DataError(f"{path}: damaged or no ASE database ({error}); restore it from the original") from error


def _check_sqlite(path: Path) -> None:
    """Refuse what is no ASE database: ASE would write its tables into any other SQLite file.

    A file shorter than its header says is refused too: SQLite would read what is left of it.
    """
    with path.open("rb") as file:
        header = file.read(100)
    if len(header) < 100 or not header.startswith(b"SQLite format 3\0"):
        raise DataError(f"{path}: is no ASE database (not an SQLite file)")
    page_size, counter, n_pages, valid_for = struct.unpack(">16xH6xII60xI4x", header)
    # a page size of 1 means 65,536; the number of pages only counts if the last writer kept it
    if counter == valid_for and path.stat().st_size < n_pages * (65536 if page_size == 1 else page_size):
        raise DataError(f"{path}: is truncated; restore it from the original")
    # what a writer that was killed has left half-done can be taken back only where the file can be written
    mode = "rw" if os.access(path, os.W_OK) else "ro"
    with closing(sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode={mode}", uri=True)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'systems'")
        if tables.fetchone() is None:
            raise DataError(f"{path}: is no ASE database (an SQLite file without the table 'systems')")


def read_ase_file(path: Path, progress: bool = True) -> MoleculeArrays:
    """Read a file of molecules in any format that ASE knows.

    Properties are the numbers in ``atoms.info`` and, where the format carries one, the energy.

    Raises:
        DataError: if the format is unknown, the file damaged or empty, or a cell periodic.
    """
    collector = Collector(str(path))
    known = "extxyz" if path.suffix.lower() in (".xyz", ".extxyz") else None  # ASE takes longer to guess than to read
    stream = ase.io.iread(path, index=":", format=known, do_not_split_by_at_sign=True)
    frames = enumerate(bar(stream, f"reading {path.name}", progress))
    record = -1
    while True:
        try:
            record, atoms = next(frames)
        except StopIteration:
            break
        except UnknownFileTypeError as error:
            raise DataError(f"{path}: unknown format; convert it to extxyz, SDF, npz or an ASE database") from error
        except Exception as error:  # ASE's readers raise whatever comes up
            raise DataError(f"{path}, record {record + 1}: cannot be read ({error}); the file is damaged") from error
        if atoms.pbc.any():
            raise DataError(_periodic(f"{path}, record {record}"))
        collector.add(record, atoms.numbers, atoms.positions, properties_of(atoms))
    return collector.finish()


def properties_of(atoms: Atoms) -> dict[str, Any]:
    """``atoms.info``, and the energy of its calculator."""
    results = getattr(atoms.calc, "results", {})
    return {**{name: results[name] for name in ("energy",) if name in results}, **atoms.info}


def read_sdf(path: Path, progress: bool = True) -> MoleculeArrays:
    """Read an SDF with coordinates in space; properties are the tags that hold numbers.

    Raises:
        DataError: naming the record that RDKit cannot parse or that has no coordinates in space.
    """
    collector = Collector(str(path))
    with rdBase.BlockLogs():  # RDKit's complaints come back as our errors
        supplier = Chem.SDMolSupplier(str(path), removeHs=False, sanitize=False)
        for record, mol in enumerate(bar(supplier, f"reading {path.name}", progress)):
            try:
                _add_sdf_record(collector, f"{path}, record {record}", record, mol)
            except (ValueError, RuntimeError) as error:  # text in no encoding, atoms that RDKit does not place
                raise DataError(f"{path}, record {record}: cannot be read ({error}); the file is damaged") from error
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 64))
        if len(collector) > 1 and b"$$$$" not in file.read():
            raise DataError(f"{path}, record {len(collector) - 1}: the file ends before the record does; it is damaged")
    return collector.finish()


def _add_sdf_record(collector: Collector, where: str, record: int, mol: Chem.Mol | None) -> None:
    if mol is None:
        raise DataError(f"{where}: RDKit cannot read it; the file is damaged there")
    if mol.GetNumAtoms() > 1 and not (mol.GetNumConformers() and mol.GetConformer().Is3D()):
        raise DataError(f"{where}: is a drawing without coordinates in space; embed it first")
    pos = mol.GetConformer().GetPositions() if mol.GetNumAtoms() else []
    tags = {name: text_as_numbers(mol.GetProp(name)) for name in mol.GetPropNames()}
    collector.add(record, np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()]), np.asarray(pos), tags)


def _periodic(where: str) -> str:
    return f"{where}: has a periodic cell; only molecules can be used, remove the periodicity (atoms.pbc = False)"
