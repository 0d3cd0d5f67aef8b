"""Properties from a table, joined to molecules by a key."""

from __future__ import annotations

import csv
import gzip
import logging
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from gschnet_pyg.data.arrays import MoleculeArrays, Property
from gschnet_pyg.errors import DataError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PropertiesTable:
    """Rows of a CSV file.

    Attributes:
        path: the file.
        key: name of the column that says which molecule a row belongs to.
        keys: ``[R]`` its values.
        columns: the other columns of numbers, ``[R]`` each; an empty cell is NaN.
        text: names of the columns that hold something else.
    """

    path: Path
    key: str
    keys: np.ndarray
    columns: dict[str, np.ndarray]
    text: tuple[str, ...]


def read_table(path: Path, key: str) -> PropertiesTable:
    """Read a CSV file with a header, gzipped or not; a row that is repeated word for word counts once.

    Columns without a name (the index that pandas writes) are passed over.

    Raises:
        DataError: if the file is missing or damaged, two columns have one name, or the key is no column, no number
            or not unique.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        # Excel begins a file with a byte-order mark
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig", newline="") as file:
            header, *rows = csv.reader(file)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error, ValueError) as error:
        raise DataError(f"{path}: damaged or no table of comma-separated values ({error})") from error
    header = [name.strip() for name in header]
    if repeated := [name for name, count in Counter(header).items() if name and count > 1]:
        raise DataError(f"{path}: has several columns {repeated[0]!r}; rename or remove all but one")
    for number, row in enumerate(rows, start=1):
        if row and len(row) != len(header):
            raise DataError(f"{path}, row {number}: has {len(row)} cells where the header has {len(header)}")
    distinct = dict.fromkeys(tuple(row) for row in rows if row)
    if not distinct:
        raise DataError(f"{path}: has no rows")
    cells = {name: column for name, column in zip(header, zip(*distinct, strict=True), strict=True) if name}
    if key not in cells:
        raise DataError(f"{path}: has no column {key!r}; there are: {', '.join(cells)}")
    numbers = {name: _numbers(column) for name, column in cells.items()}
    keys = numbers[key]
    if keys is None or not np.isfinite(keys).all():
        raise DataError(f"{path}: the key {key!r} must be a number in every row")
    unique, counts = np.unique(keys, return_counts=True)
    if len(unique) < len(keys):
        raise DataError(f"{path}: the key {key!r} is {unique[counts > 1][0]:g} in rows that differ")
    columns = {name: column for name, column in numbers.items() if column is not None and name != key}
    return PropertiesTable(path, key, keys, columns, tuple(name for name, column in numbers.items() if column is None))


def _numbers(cells: Sequence[str]) -> np.ndarray | None:
    try:
        return np.array([float(cell) if cell.strip() else np.nan for cell in cells])
    except ValueError:
        return None


def join(
    sources: Sequence[MoleculeArrays], table: PropertiesTable, missing: Literal["error", "drop"]
) -> list[MoleculeArrays]:
    """Molecules of some files with the columns of a table as further properties.

    Args:
        sources: molecules; the key is one of their properties. Of a single file it may also be the ids, if it is
            named ``id`` or as these are (``row`` of a database, ``record`` of other files).
        table: its key says which row belongs to which molecule.
        missing: what to do with molecules that have no row.

    Returns:
        One for each source. Rows that belong to no molecule are passed over, with a warning.

    Raises:
        DataError: if the molecules have no such key, one (or, where these are dropped, every one) has no row, or a
            property is in both.
    """
    keys = [_keys(arrays, table, alone=len(sources) == 1) for arrays in sources]
    unused = ~np.isin(table.keys, np.concatenate(keys))
    if unused.all():
        raise DataError(f"{table.path}: no row belongs to any of the molecules; is {table.key!r} the same in both?")
    joined = [_joined(arrays, own, table, missing) for arrays, own in zip(sources, keys, strict=True)]
    if unused.any():
        _log.warning("%s: %s of %s rows belong to no molecule and are passed over", table.path,
                     f"{unused.sum():,}", f"{len(unused):,}")  # fmt: skip
    return joined


def _joined(
    arrays: MoleculeArrays, keys: np.ndarray, table: PropertiesTable, missing: Literal["error", "drop"]
) -> MoleculeArrays:
    """One file with the columns of the table."""
    if both := sorted(set(arrays.properties) & set(table.columns)):
        raise DataError(f"{table.path}: {both[0]!r} is a property in {arrays.source} already; rename or remove one")
    order = np.argsort(table.keys)
    row = order[np.searchsorted(table.keys, keys, sorter=order).clip(max=len(order) - 1)]
    found = table.keys[row] == keys
    if not found.all() and missing == "error":
        raise DataError(
            f"{arrays.describe(int(np.argmin(found)))}: {table.path} has no row for it "
            f"({np.sum(~found):,} of {len(arrays):,} molecules have none); "
            "leave these out with --drop-missing (in Python: missing='drop')"
        )
    if not found.all():
        _log.warning("%s: %s of %s molecules have no row in %s and are left out", arrays.source,
                     f"{np.sum(~found):,}", f"{len(arrays):,}", table.path)  # fmt: skip
    columns = {name: Property(column[row][:, None]) for name, column in table.columns.items()}
    joined = replace(arrays, properties={**arrays.properties, **columns})
    return joined if found.all() else joined.take(np.flatnonzero(found))


def _keys(arrays: MoleculeArrays, table: PropertiesTable, alone: bool) -> np.ndarray:
    """``[M]`` values of the key; ids only where one file is alone, since every file counts its own."""
    prop = arrays.properties.get(table.key)
    if prop is not None and prop.values.shape[1] == 1:
        return prop.values[:, 0]
    if table.key in ("id", arrays.id_label):
        if not alone:
            raise DataError(
                f"{table.path}: cannot be joined on {table.key!r}, which starts again in every file; name a property "
                "of the molecules that tells them apart, or import each file on its own"
            )
        return arrays.ids.astype(np.float64)
    raise DataError(
        f"{arrays.source}: has no property {table.key!r} to join {table.path} on; "
        f"there are: {', '.join(sorted([*arrays.properties, *(['id'] if alone else [])]))}"
    )
