"""Files that somebody else has made, or that lie damaged: read in bounded memory, and never run."""

from __future__ import annotations

import hashlib
import json
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

DAMAGE = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    SyntaxError,
    EOFError,
    MemoryError,
    RuntimeError,  # RecursionError and NotImplementedError among them
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What json, numpy and zipfile raise of damaged files; a header may ask for all memory of the world."""

_PLENTY = 2**30  # bytes that any archive may inflate to
_DENSEST = 200  # times the size of the archive, beyond that; numbers seldom shrink to a tenth
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 1  # flag of a member


def check_archive(zipped: zipfile.ZipFile, size: int) -> None:
    """Refuse an archive that would inflate without measure, or that needs more than this to be read.

    Members are only ever streamed, and to their stated sizes, which are what is checked here.

    Args:
        zipped: open for reading.
        size: bytes of the file.

    Raises:
        ValueError: saying why.
    """
    members = zipped.infolist()
    total, most = sum(member.file_size for member in members), max(_PLENTY, _DENSEST * size)
    if total > most:
        raise ValueError(f"its {size:,} bytes would become {total:,}, which no archive of molecules does")
    for member in members:
        if member.flag_bits & _ENCRYPTED or member.compress_type not in _METHODS:
            raise ValueError(f"{member.filename} is encrypted, or compressed by an unusual method")


def read_arrays(path: Path, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """Arrays of an ``.npz`` file.

    Args:
        path: the file; nothing in it is unpickled.
        names: of the arrays to read, if they are there; all by default.

    Raises:
        ValueError: if the file is damaged, no such file, or holds something else than plain arrays.
        OSError: if it cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as zipped:
            check_archive(zipped, path.stat().st_size)
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files if names is None or name in names}
    except OSError:
        raise
    except DAMAGE as error:
        raise ValueError(str(error) or type(error).__name__) from error


def sealed(content: Any) -> Iterator[str]:
    """JSON text, piece by piece, with a checksum by which :func:`unsealed` finds the least damage."""
    encoder, digest = json.JSONEncoder(separators=(",", ":")), _digest()
    for piece in encoder.iterencode(content):
        digest.update(piece.encode("utf-8", "surrogatepass"))
    yield f'{{"seal":"{digest.hexdigest()}","content":'
    yield from encoder.iterencode(content)
    yield "}\n"


def unsealed(text: str) -> Any:
    """What :func:`sealed` made a text of.

    Raises:
        ValueError: if the text is another one.
    """
    head, comma, rest = text.partition(',"content":')
    content = rest.removesuffix("}\n")
    if not comma or head != f'{{"seal":"{_checksum(content)}"':
        raise ValueError("its content does not fit its checksum")
    return json.loads(content)


def _checksum(text: str) -> str:
    digest = _digest()
    digest.update(text.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _digest() -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=8)
