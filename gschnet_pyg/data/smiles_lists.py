"""Lists of SMILES, with names and properties."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gschnet_pyg.data.readers import check_file
from gschnet_pyg.data.tables import as_column, read_rows
from gschnet_pyg.errors import DataError

_PLAIN, _TABLES = (".smi", ".smiles", ".ism"), (".csv", ".tsv")
_SMILES = ("smiles", "canonical_smiles", "isomeric_smiles", "smiles_canonical", "smi", "smile", "structure")
_NAMES = ("name", "names", "id", "title", "molecule", "compound", "identifier", "molecule_id", "mol_id", "compound_id",
          "molecule_name", "compound_name", "chembl_id", "molecule_chembl_id", "zinc_id", "cid")  # fmt: skip
"""Headers of columns, in lower case and with underscores; the first that is there counts."""


@dataclass(frozen=True)
class SmilesList:
    """What a file lists.

    Attributes:
        path: the file.
        lines: ``[R]`` line of each entry.
        smiles: ``[R]`` as they are written.
        names: ``[R]`` what the molecules are called, empty where they have no name.
        properties: columns of numbers, ``[R]`` each; an empty cell is NaN.
        text: names of the columns of text that are passed over.
    """

    path: Path
    lines: Sequence[int]
    smiles: Sequence[str]
    names: Sequence[str]
    properties: dict[str, np.ndarray] = field(default_factory=dict)
    text: tuple[str, ...] = ()


def is_smiles_list(path: Path) -> bool:
    """Whether a file is called like a list of SMILES, gzipped or not."""
    return _kind(path) in (*_PLAIN, *_TABLES)


def _kind(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix


def read_smiles_list(path: Path, column: str | None = None, names: str | None = None) -> SmilesList:
    """Read a list of SMILES.

    ``.smi``, ``.smiles`` and ``.ism`` have a SMILES in each line and, after blanks or a tab, a name; lines that begin
    with ``#`` and a header that says so are passed over. ``.csv`` and ``.tsv`` have a header. All may be gzipped.

    Args:
        path: the file.
        column: header of the SMILES in a table; one that is called so by default.
        names: header of the names, if it is there; one that is called so by default.

    Raises:
        DataError: if the file is missing, damaged or empty, or has no such column.
    """
    check_file(path)
    if _kind(path) in _TABLES:
        return _table(path, column, names)
    if column is not None:
        raise DataError(
            f"{path}: has no columns; a SMILES column ({column!r}) can be named in .csv and .tsv files only"
        )
    return _plain_list(path)


def _plain_list(path: Path) -> SmilesList:
    try:
        with (gzip.open if path.suffix.lower() == ".gz" else open)(path, "rt", encoding="utf-8-sig") as file:
            lines = [(number, line.strip()) for number, line in enumerate(file, start=1)]
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(f"{path}: damaged or no list of SMILES ({error})") from error
    lines = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if lines and _plain(lines[0][1].split()[0]) in _SMILES:
        del lines[0]
    if not lines:
        raise DataError(f"{path}: holds no SMILES")
    pieces = [line.split(None, 1) for _, line in lines]
    names = [_without_extension(rest[0]) if rest else "" for _, *rest in pieces]
    return SmilesList(path, [number for number, _ in lines], [first for first, *_ in pieces], names)


def _without_extension(text: str) -> str:
    """What follows a SMILES, less the block in bars that ChemAxon's programs write."""
    if text.startswith("|") and "|" in text[1:]:
        text = text[text.index("|", 1) + 1 :]
    return text.strip()


def _table(path: Path, column: str | None, names: str | None) -> SmilesList:
    header, rows = read_rows(path)
    if column is None:
        column = _called(header, _SMILES)
        if column is None:
            raise DataError(
                f"{path}: no column is called SMILES; name it with --smiles-column (in Python: smiles_column=...). "
                f"There are: {', '.join(name for name in header if name)}"
            )
    elif column not in header:
        raise DataError(f"{path}: has no column {column!r}; there are: {', '.join(name for name in header if name)}")
    cells = {name: [row[place].strip() for _, row in rows] for place, name in enumerate(header) if name}
    smiles = cells.pop(column)
    called = names if names in cells else _called(list(cells), _NAMES)
    numbers = {name: as_column(each) for name, each in cells.items()}
    return SmilesList(
        path,
        lines=[line for line, _ in rows],
        smiles=smiles,
        names=cells[called] if called else [""] * len(smiles),
        properties={name: values for name, values in numbers.items() if values is not None},
        text=tuple(name for name, values in numbers.items() if values is None and name != called),
    )


def _called(header: Sequence[str], names: Sequence[str]) -> str | None:
    """The first column whose header is one of the names, in the order of the names."""
    spelt = {_plain(name): name for name in reversed(header)}
    return next((spelt[name] for name in names if name in spelt), None)


def _plain(header: str) -> str:
    return header.strip().lower().replace(" ", "_").replace("-", "_")
