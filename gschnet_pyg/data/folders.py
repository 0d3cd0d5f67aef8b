"""Folders of molecule files, opened to the files in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from gschnet_pyg.errors import DataError

SUFFIXES = (".xyz", ".extxyz", ".sdf", ".sd", ".mol")
"""Files that are taken from a folder; others are imported only by their own names."""


def opened_folders(paths: Iterable[str | Path]) -> list[Path]:
    """Files as they are, and in place of each folder the files of molecules right in it, numbers in names in order.

    Raises:
        DataError: if a folder holds none, or a file comes twice.
    """
    files = [file for path in map(Path, paths) for file in (_in_folder(path) if path.is_dir() else [path])]
    seen: set[Path] = set()
    for file in files:
        place = file.resolve()
        if place in seen:
            raise DataError(f"{file}: is named twice; its molecules can be imported only once")
        seen.add(place)
    return files


def _in_folder(folder: Path) -> Sequence[Path]:
    found = [file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES and file.name[0] != "."]
    if not found:
        raise DataError(f"{folder}: holds no files of molecules ({', '.join(SUFFIXES)}); name files of other kinds")
    return sorted(found, key=_natural)


def _natural(file: Path) -> tuple[tuple[str | int, ...], str]:
    """``mol_2`` before ``mol_10``; pieces of text and numbers alternate, so that only like ones are compared."""
    pieces = re.split(r"(\d+)", file.name)
    return tuple(int(piece) if piece.isdecimal() and piece.isascii() else piece for piece in pieces), file.name
