"""Files that are whole or not there at all, and locks that die with their process."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Taken(Exception):  # noqa: N818
    """Another process has the lock."""


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Give a temporary name, of the same suffix, to write to; it takes the place of ``path`` if the block ends well.

    It lies in the same folder, and on the disk before it takes the place: whoever dies meanwhile, the old file or the
    new one is there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}-{os.getpid()}{path.suffix}")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def is_writable(folder: Path) -> bool:
    """Whether a folder can be written; one that nobody may write is left alone, even by those who could."""
    return folder.is_dir() and bool(folder.stat().st_mode & 0o222) and os.access(folder, os.W_OK)


def remove_leftovers(path: Path) -> None:
    """Remove what processes that were killed have left of a file; for the one process that may write it."""
    pattern = re.compile(rf"\.{re.escape(path.stem)}-\d+{re.escape(path.suffix)}")
    for leftover in path.parent.iterdir() if path.parent.is_dir() else ():
        if pattern.fullmatch(leftover.name):
            leftover.unlink(missing_ok=True)


@contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Hold a lock that nobody else can have meanwhile; the system gives it back however the process dies.

    Args:
        lock: file for it; it is removed when the block ends.

    Raises:
        Taken: if another process has it.
    """
    from filelock import FileLock, Timeout

    held = FileLock(lock, timeout=0, thread_local=False)
    try:
        held.acquire()
    except Timeout:
        raise Taken(str(lock)) from None
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        held.release()
