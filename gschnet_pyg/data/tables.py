"""Tables of properties."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gschnet_pyg.errors import DataError


@dataclass(frozen=True)
class PropertiesTable:
    """Rows of a table.

    Attributes:
        path: the file.
        key: name of the column that says which molecule a row belongs to.
        labels: ``[R]`` its cells, as they are written.
        keys: ``[R]`` the same as numbers, if they all are.
        columns: the other columns of numbers, ``[R]`` each; an empty cell is NaN.
        text: names of the columns that hold something else.
    """

    path: Path
    key: str
    labels: tuple[str, ...]
    keys: np.ndarray | None
    columns: dict[str, np.ndarray]
    text: tuple[str, ...]


def read_rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Header of a table, and every row that is not empty with the line of the file it ends on.

    Comma-separated values, or values separated by tabs where the file is called ``.tsv``; gzipped or not.

    Raises:
        DataError: if the file is missing or damaged, or a row differs from the header in length.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    separator = "\t" if ".tsv" in path.suffixes[-2:] else ","
    try:
        # Excel begins a file with a byte-order mark
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=separator)
            header = [name.strip() for name in next(reader, [])]
            rows = [(reader.line_num, row) for row in reader if row]
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error, ValueError) as error:
        raise DataError(f"{path}: damaged or no table of separated values ({error})") from error
    if not header:
        raise DataError(f"{path}: damaged or no table of separated values (it has no header)")
    for number, (_, row) in enumerate(rows, start=1):
        if len(row) != len(header):
            raise DataError(f"{path}, row {number}: has {len(row)} cells where the header has {len(header)}")
    if repeated := [name for name, count in Counter(header).items() if name and count > 1]:
        raise DataError(f"{path}: has several columns {repeated[0]!r}; rename or remove all but one")
    if not rows:
        raise DataError(f"{path}: has no rows")
    return header, rows


def read_table(path: Path, key: str) -> PropertiesTable:
    """Read a table with a header, gzipped or not; a row that is repeated word for word counts once.

    Columns without a name (the index that pandas writes) are passed over.

    Raises:
        DataError: if the file is missing or damaged, two columns have one name, or the key is no column, empty
            somewhere or not unique.
    """
    header, rows = read_rows(path)
    distinct = dict.fromkeys(tuple(row) for _, row in rows)
    cells = {name: column for name, column in zip(header, zip(*distinct, strict=True), strict=True) if name}
    if key not in cells:
        raise DataError(f"{path}: has no column {key!r}; there are: {', '.join(cells)}")
    labels = tuple(cell.strip() for cell in cells[key])
    if "" in labels:
        raise DataError(f"{path}: the key {key!r} is empty in {labels.count('')} rows")
    numbers = {name: as_column(column) for name, column in cells.items()}
    keys = numbers[key]
    if keys is not None and not np.isfinite(keys).all():
        keys = None
    counts = Counter(labels if keys is None else [f"{each:g}" if each % 1 else str(int(each)) for each in keys])
    if repeated := [label for label, count in counts.items() if count > 1]:
        raise DataError(f"{path}: the key {key!r} is {repeated[0]} in rows that differ")
    columns = {name: column for name, column in numbers.items() if column is not None and name != key}
    text = tuple(name for name, column in numbers.items() if column is None and name != key)
    return PropertiesTable(path, key, labels, keys, columns, text)


def as_column(cells: Sequence[str]) -> np.ndarray | None:
    """Cells of a table as numbers, NaN where a cell is empty; none if there is anything else."""
    try:
        return np.array([float(cell) if cell.strip() else np.nan for cell in cells])
    except ValueError:
        return None
