"""Properties from a table, joined to molecules by a key."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Literal

import numpy as np

from gschnet_pyg.data.arrays import MoleculeArrays, Property
from gschnet_pyg.data.tables import PropertiesTable
from gschnet_pyg.errors import DataError

_LISTED = 3  # examples in a message
_log = logging.getLogger(__name__)


def join(
    sources: Sequence[MoleculeArrays], table: PropertiesTable, missing: Literal["error", "drop"]
) -> list[MoleculeArrays]:
    """Molecules of some files with the columns of a table as further properties.

    The key is looked for in this order: a property of the molecules of that name; the names that molecules have in
    lists of SMILES; of a single file the ids, if the key is called ``id`` or as these are (``row`` of a database,
    ``record`` of other files); the names of files that hold one molecule each, with or without their suffix.

    Args:
        sources: molecules.
        table: its key says which row belongs to which molecule.
        missing: what to do with molecules that have no row.

    Returns:
        One for each source. Rows that belong to no molecule are passed over, with a warning.

    Raises:
        DataError: if the molecules have no such key, a key is that of several molecules, one molecule (or, where these
            are dropped, every one) has no row, or a property is in both.
    """
    for arrays in sources:
        if both := sorted(set(arrays.properties) & set(table.columns)):
            raise DataError(f"{table.path}: {both[0]!r} is a property in {arrays.source} already; rename or remove one")
    rows = _rows(sources, table)
    every = np.concatenate(rows)
    if (every < 0).all():
        raise DataError(
            f"{table.path}: no row belongs to any of the molecules; is {table.key!r} the same in both? "
            f"It is {table.labels[0]!r} in the first row, the first molecule is {sources[0].describe(0)}"
        )
    _report_missing(sources, rows, table, missing)
    unused = np.setdiff1d(np.arange(len(table.labels)), every)
    if len(unused):
        _log.warning("%s: %s of %s rows belong to no molecule and are passed over: %s", table.path,
                     f"{len(unused):,}", f"{len(table.labels):,}",
                     _some([table.labels[row] for row in unused[: _LISTED + 1]]))  # fmt: skip
    return [_joined(arrays, own, table) for arrays, own in zip(sources, rows, strict=True)]


def _some(labels: Sequence[str]) -> str:
    return ", ".join(labels[:_LISTED]) + (", ..." if len(labels) > _LISTED else "")


def _report_missing(
    sources: Sequence[MoleculeArrays], rows: Sequence[np.ndarray], table: PropertiesTable, missing: str
) -> None:
    """Molecules without a row are an error, or one warning."""
    counts = [int(np.sum(own < 0)) for own in rows]
    if not any(counts):
        return
    first = next(number for number, count in enumerate(counts) if count)
    where = sources[first].describe(int(np.argmin(rows[first])))
    total = sum(map(len, rows))
    if missing == "error":
        raise DataError(
            f"{where}: {table.path} has no row for it ({sum(counts):,} of {total:,} molecules have none); "
            "leave these out with --drop-missing (in Python: missing='drop')"
        )
    _log.warning("%s of %s molecules have no row in %s and are left out, the first: %s",
                 f"{sum(counts):,}", f"{total:,}", table.path, where)  # fmt: skip


def _joined(arrays: MoleculeArrays, row: np.ndarray, table: PropertiesTable) -> MoleculeArrays:
    """One file with the columns of the table, less the molecules without a row."""
    columns = {name: Property(column[row][:, None]) for name, column in table.columns.items()}
    joined = replace(arrays, properties={**arrays.properties, **columns})
    return joined if (row >= 0).all() else joined.take(np.flatnonzero(row >= 0))


def _rows(sources: Sequence[MoleculeArrays], table: PropertiesTable) -> list[np.ndarray]:
    """``[M]`` row of the table for the molecules of each file, ``-1`` where there is none."""
    if any(_is_number(arrays, table.key) for arrays in sources):
        return _rows_by_number([_property(arrays, table) for arrays in sources], table)
    if all(arrays.names is not None for arrays in sources):
        return _rows_by_name(sources, table)
    is_single = all(len(arrays) == 1 for arrays in sources)
    if table.key in ("id", sources[0].id_label) and table.keys is not None:
        if len(sources) == 1:
            return _rows_by_number([sources[0].ids.astype(np.float64)], table)
        if not is_single:
            raise DataError(
                f"{table.path}: cannot be joined on {table.key!r}, which starts again in every file; name a property "
                "of the molecules that tells them apart, or import each file on its own"
            )
    if is_single:
        return _rows_by_file(sources, table)
    unnamed = next(arrays for arrays in sources if arrays.names is None)
    raise DataError(
        f"{unnamed.source}: has no property {table.key!r} to join {table.path} on; "
        f"there are: {', '.join(sorted([*unnamed.properties, *(['id'] if len(sources) == 1 else [])])) or 'none'}. "
        "(The names of files can be the key where each holds one molecule.)"
    )


def _is_number(arrays: MoleculeArrays, name: str) -> bool:
    return name in arrays.properties and arrays.properties[name].values.shape[1] == 1


def _property(arrays: MoleculeArrays, table: PropertiesTable) -> np.ndarray:
    if not _is_number(arrays, table.key):
        raise DataError(f"{arrays.source}: has no property {table.key!r} to join {table.path} on, as other files have")
    return arrays.properties[table.key].values[:, 0]


def _rows_by_number(keys: Sequence[np.ndarray], table: PropertiesTable) -> list[np.ndarray]:
    if table.keys is None:
        raise DataError(f"{table.path}: the key {table.key!r} must be a number in every row, as in the molecules")
    order = np.argsort(table.keys)
    found = []
    for own in keys:
        row = order[np.searchsorted(table.keys, own, sorter=order).clip(max=len(order) - 1)]
        found.append(np.where(table.keys[row] == own, row, -1))
    return found


def _rows_by_name(sources: Sequence[MoleculeArrays], table: PropertiesTable) -> list[np.ndarray]:
    row_of = {_plain(label): row for row, label in enumerate(table.labels)}
    owner: dict[str, str] = {}
    found = []
    for arrays in sources:
        assert arrays.names is not None
        own = [_plain(name) for name in arrays.names.tolist()]
        for molecule, name in enumerate(own):
            if name in row_of and owner.setdefault(name, here := arrays.describe(molecule)) != here:
                raise DataError(f"{here}: is called {name!r}, as is {owner[name]}; the key must tell them apart")
        found.append(np.array([row_of.get(name, -1) for name in own], dtype=np.int64))
    return found


def _rows_by_file(sources: Sequence[MoleculeArrays], table: PropertiesTable) -> list[np.ndarray]:
    """Files of one molecule each, by their name with or without suffix; folders before it do not count."""
    row_of: dict[str, int] = {}
    for row, label in enumerate(table.labels):
        name = _plain(PurePath(label.replace("\\", "/")).name)
        if name in row_of:
            raise DataError(f"{table.path}: the key {table.key!r} names the file {name} in several rows that differ")
        row_of[name] = row
    file_of: dict[int, str] = {}
    found = []
    for arrays in sources:
        row = _row_of_file(Path(arrays.source), row_of, table)
        if row >= 0 and file_of.setdefault(row, arrays.source) != arrays.source:
            raise DataError(
                f"{table.path}: {table.labels[row]!r} names both {file_of[row]} and {arrays.source}; "
                "write suffixes in the table, rename a file, or import them apart"
            )
        found.append(np.array([row]))
    return found


def _row_of_file(file: Path, row_of: Mapping[str, int], table: PropertiesTable) -> int:
    rows = {row_of[name] for name in (_plain(file.name), _plain(file.stem)) if name in row_of}
    if len(rows) > 1:
        raise DataError(f"{table.path}: two rows belong to {file}, with and without its suffix; remove one")
    return rows.pop() if rows else -1


def _plain(name: str) -> str:
    """A name, without the leading zeros that spreadsheets take from names that are numbers."""
    return name.lstrip("0") or "0" if name.isdecimal() else name
