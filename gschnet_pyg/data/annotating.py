"""Write what was found out about molecules back to their database, and copy chosen molecules to a new file."""

from __future__ import annotations

import json
import shutil
import sqlite3
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from ase import Atoms
from ase.db.core import check, now
from ase.db.sqlite import all_tables

from gschnet_pyg.data.arrays import MoleculeArrays
from gschnet_pyg.data.readers import DATABASE_SUFFIXES, bar, database_metadata
from gschnet_pyg.data.sources import read_as_is
from gschnet_pyg.data.writing import check_writable, write_database, write_molecules
from gschnet_pyg.errors import DataError
from gschnet_pyg.files import replace_file

Columns = Mapping[str, Sequence[Any] | np.ndarray]
"""Name -> one value for each molecule of a file: text, number, flag, or none where there is nothing to say."""

_OF_UNITS = ("_distance_unit", "_property_unit_dict", "atomrefs")  # metadata that holds for the units of one file

_PATIENCE = 5.0  # seconds to wait for another program that writes to the database


def write_back(path: Path, columns: Columns, metadata: Mapping[str, Any] | None = None, progress: bool = True) -> None:
    """Write columns into the key-value pairs of an ASE database.

    Everything else stays as it is: molecules, ids, data, other key-value pairs and metadata. The work is done on a
    copy that takes the place of the file at once. Flags stay flags, which the readers of this package take for text;
    numbers become properties.

    Args:
        path: existing database, ``.db``.
        columns: one value for each row, in the order of the ids. None removes what an earlier writing left there.
        metadata: entries to add, anything that JSON can hold.
        progress: show a bar on a terminal.

    Raises:
        DataError: if the file is no such database, is in use by another program or cannot be written, or
            columns have another length, a name that ASE refuses, or values that cannot be stored.
    """
    if path.suffix.lower() != ".db":
        raise DataError(f"{path}: only an ASE database (.db) can be written back to; write the molecules to a new .db")
    database_metadata(path)  # or it is no ASE database
    columns = _plain(path, columns)
    with _unchanged(path), _replacing(path) as part:
        _copy_database(path, part)
        _annotate(part, path, columns, metadata or {}, progress)
        shutil.copymode(path, part)


def copy_rows(
    path: Path,
    output: Path,
    rows: Sequence[int] | np.ndarray,
    columns: Columns,
    metadata: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> int:
    """Write chosen molecules of a file to a new one, with columns.

    From one ASE database (``.db``) to another, all that a row and the metadata hold is kept; the rows are numbered
    from 1. Of any other file the molecules and the properties that are numbers are kept, in Å and eV. Columns go to
    the key-value pairs of a database; other formats hold flags as 0 and 1.

    Args:
        path: any file that ``open_dataset`` opens.
        output: new file, of a suffix that ``write_molecules`` knows.
        rows: of the chosen molecules, counted from 0, each at most once; they are written in this order.
        columns: one value for each molecule *of the file*, chosen or not.
        metadata: entries to add, anything that JSON can hold.
        progress: show bars on a terminal.

    Returns:
        Number of molecules written.

    Raises:
        DataError: if the output exists or cannot be written, the file cannot be read, or columns are refused as by
            ``write_back``.
        ValueError: if there is no such row, or one is chosen twice.
    """
    check_writable(output)
    if output.exists():
        raise DataError(f"{output}: exists already; name another output, or remove it")
    columns = _plain(output, columns)
    chosen = [int(row) for row in rows]
    if path.suffix.lower() == output.suffix.lower() == ".db":
        database_metadata(path)
        with _replacing(output) as part:
            _copy_database(path, part)
            _check_lengths(path, columns, _keep(part, chosen))
            _annotate(part, output, _picked(columns, chosen), metadata or {}, progress)
        return len(chosen)
    found = read_as_is(path, progress)
    _check_rows(chosen, len(found))
    _check_lengths(path, columns, len(found))
    metadata = {**_unitless_metadata(path), **(metadata or {})}
    _write(output, found.take(np.array(chosen, dtype=np.int64)), _picked(columns, chosen), metadata, progress)
    return len(chosen)


def _picked(columns: Columns, chosen: Sequence[int]) -> Columns:
    return {name: [values[row] for row in chosen] for name, values in columns.items()}


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A temporary path that takes the file's place when all went well; what SQLite or the disk refuse is an error."""
    try:
        with replace_file(path.resolve()) as part:
            yield part
    except (OSError, sqlite3.Error) as error:
        raise DataError(f"{path}: cannot be written ({error})") from error


@contextmanager
def _unchanged(path: Path) -> Iterator[None]:
    """Keep other programs from writing to a database; what they write meanwhile would be lost."""
    log = path.resolve().with_name(f"{path.resolve().name}-wal")
    if log.is_file() and log.stat().st_size:
        raise DataError(f"{path}: has changes in {log.name}; end the program that uses it")
    with closing(sqlite3.connect(path, timeout=_PATIENCE)) as database:
        try:
            database.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise DataError(f"{path}: {error}; end the program that uses it, or make it writable") from error
        yield


def _plain(path: Path, columns: Columns) -> Columns:
    """Columns of Python's own types; names that ASE could not write or select and other values are refused."""
    for name in columns:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                check({name: 0})  # type: ignore[no-untyped-call]
        except (ValueError, UserWarning) as error:
            raise DataError(f"{path}: ASE's databases cannot hold a column {name!r}; give it another name") from error
    plain = {
        name: [value.item() if isinstance(value, np.generic) else value for value in values]
        for name, values in columns.items()
    }
    for name, values in plain.items():
        if wrong := [value for value in values if value is not None and not isinstance(value, str | int | float)]:
            raise DataError(f"{path}: {name} cannot be a {type(wrong[0]).__name__}; give text, a number or a flag")
    return plain


def _check_lengths(path: Path, columns: Columns, n_molecules: int) -> None:
    for name, values in columns.items():
        if len(values) != n_molecules:
            raise DataError(f"{path}: holds {n_molecules:,} molecules, but {name} has {len(values):,} values")


def _copy_database(path: Path, part: Path) -> None:
    with (
        closing(sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(part)) as target,
    ):
        source.backup(target)
        target.execute("PRAGMA journal_mode = DELETE")  # one file in place of three, whatever the source does


def _annotate(part: Path, path: Path, columns: Columns, metadata: Mapping[str, Any], progress: bool) -> None:
    """Set key-value pairs of all rows and entries of the metadata.

    By SQL, since ASE's own update searches its tables of keys from end to end for every row, and refuses text that
    looks like a number.
    """
    with closing(sqlite3.connect(part)) as database, database:
        found = [row for (row,) in database.execute("SELECT id FROM systems ORDER BY id")]
        _check_lengths(path, columns, len(found))
        for table in ("keys", "text_key_values", "number_key_values"):
            database.executemany(f"DELETE FROM {table} WHERE key = ?", [(name,) for name in columns])
        time = now()  # type: ignore[no-untyped-call]
        for number, row in enumerate(bar(found, f"writing {path.name}", progress, len(found))):
            (text,) = database.execute("SELECT key_value_pairs FROM systems WHERE id = ?", (row,)).fetchone()
            new = {name: values[number] for name, values in columns.items()}
            pairs = _present({**json.loads(text or "{}"), **new})
            database.execute(
                "UPDATE systems SET key_value_pairs = ?, mtime = ? WHERE id = ?", (json.dumps(pairs), time, row)
            )
            _index(database, row, _present(new))
        if metadata:
            _set_metadata(database, metadata)


def _present(pairs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in pairs.items() if value is not None}


def _index(database: sqlite3.Connection, row: int, pairs: Mapping[str, str | float]) -> None:
    """Fill the tables in which ASE looks when rows are selected by a key."""
    for name, value in pairs.items():
        table, stored = ("text_key_values", value) if isinstance(value, str) else ("number_key_values", float(value))
        database.execute(f"INSERT INTO {table} VALUES (?, ?, ?)", (name, stored, row))
        database.execute("INSERT INTO keys VALUES (?, ?)", (name, row))


def _set_metadata(database: sqlite3.Connection, entries: Mapping[str, Any]) -> None:
    stored = database.execute("SELECT value FROM information WHERE name = 'metadata'").fetchone()
    database.execute("DELETE FROM information WHERE name = 'metadata'")
    merged = {**(json.loads(stored[0]) if stored else {}), **entries}
    database.execute("INSERT INTO information VALUES ('metadata', ?)", (json.dumps(merged),))


def _keep(part: Path, chosen: Sequence[int]) -> int:
    """Remove all other rows of a database and number the chosen ones from 1; how many rows there were."""
    with closing(sqlite3.connect(part)) as database:
        with database:
            ids = [row for (row,) in database.execute("SELECT id FROM systems ORDER BY id")]
            _check_rows(chosen, len(ids))
            external = database.execute("SELECT value FROM information WHERE name = 'external_table_name'").fetchall()
            database.execute("CREATE TEMP TABLE chosen (old INTEGER PRIMARY KEY, new INTEGER)")
            numbered = ((ids[row], new) for new, row in enumerate(chosen, start=1))
            database.executemany("INSERT INTO chosen VALUES (?, ?)", numbered)
            for table in (*all_tables, *(name for (name,) in external)):
                database.execute(f'DELETE FROM "{table}" WHERE id NOT IN (SELECT old FROM chosen)')
                # by way of negative numbers, so that no two rows ever share one
                database.execute(f'UPDATE "{table}" SET id = -(SELECT new FROM chosen WHERE old = "{table}".id)')
                database.execute(f'UPDATE "{table}" SET id = -id')
            database.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'systems'", (len(chosen),))
        database.execute("VACUUM")
    return len(ids)


def _check_rows(chosen: Sequence[int], n_molecules: int) -> None:
    if wrong := [row for row in chosen if not 0 <= row < n_molecules]:
        raise ValueError(f"row {wrong[0]} is not among {n_molecules:,} molecules")
    if len(set(chosen)) < len(chosen):
        raise ValueError("a row is chosen twice")


def _unitless_metadata(path: Path) -> dict[str, Any]:
    """Metadata of a file that holds in other units too."""
    stored = database_metadata(path) if path.suffix.lower() in DATABASE_SUFFIXES else {}
    return {name: value for name, value in stored.items() if name not in _OF_UNITS}


def _write(output: Path, found: MoleculeArrays, columns: Columns, metadata: Mapping[str, Any], progress: bool) -> None:
    """Write molecules with their properties and columns; a column takes the place of a property of its name."""
    pieces = pairwise(found.offsets.tolist())
    molecules = (Atoms(found.z[begin:end], found.pos[begin:end]) for begin, end in pieces)
    properties = {name: prop for name, prop in found.properties.items() if name not in columns}
    units = {name: prop.unit or "" for name, prop in properties.items()}
    carried: Iterator[dict[str, Any]] = (
        {name: prop.values[row] for name, prop in properties.items() if not np.isnan(prop.values[row]).all()}
        for row in range(len(found))
    )
    if output.suffix.lower() == ".db":
        with _replacing(output) as part:
            write_database(part, molecules, carried, units)
            _annotate(part, output, columns, metadata, progress)
        return
    flagless = {name: [int(v) if isinstance(v, bool) else v for v in values] for name, values in columns.items()}
    rows = ({**own, **{name: values[row] for name, values in flagless.items()}} for row, own in enumerate(carried))
    write_molecules(output, molecules, rows, units, metadata)
