"""Numbers that belong to molecules, in memory or not, and a dataset's view of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np

from gschnet_pyg.data.arrays import Property


class Column(Protocol):
    """A computed property of all molecules of a source; an array ``[M, k]`` is one.

    Large ones should open their file again where they are unpickled: datasets travel to worker processes.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Molecules of the source, numbers of each: ``(M, k)``."""

    def __getitem__(self, rows: Any, /) -> np.ndarray:
        """Float64 ``[k]`` of one row of the source, ``[n, k]`` of a slice or an integer array of them."""


@runtime_checkable
class StoredColumn(Column, Protocol):
    """A column in a file of the source's cache, which travels with copies of that."""

    def in_directory(self, directory: Path) -> Column:
        """The same column from a copy of the cache."""


class ColumnView:
    """Some rows of a large column, read where they are indexed."""

    def __init__(self, column: Column, rows: np.ndarray) -> None:
        self._column, self._rows = column, rows

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows, numbers of each."""
        return len(self._rows), *self._column.shape[1:]

    def __getitem__(self, rows: Any) -> np.ndarray:
        return self._column[self._rows[rows]]


class PropertyView(Mapping[str, Property]):
    """Columns as the properties of the molecules that a dataset shows; each is read when it is first asked for.

    Args:
        columns: name -> numbers of all molecules of the source.
        units: name -> unit.
        rows: molecules that are shown; none for all.
    """

    def __init__(self, columns: Mapping[str, Column], units: Mapping[str, str | None], rows: np.ndarray | None) -> None:
        self._columns, self._units, self._rows = columns, units, rows
        self._read: dict[str, Property] = {}

    def __getitem__(self, name: str) -> Property:
        if name not in self._read:
            values = self._columns[name]
            if self._rows is not None:
                values = values[self._rows] if isinstance(values, np.ndarray) else ColumnView(values, self._rows)
            self._read[name] = Property(cast(np.ndarray, values), self._units[name])
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)
