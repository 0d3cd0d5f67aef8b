"""Copies of molecules on fast local storage, for as long as somebody works with them."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout
from tqdm import tqdm

from gschnet_pyg.data.arrays import MoleculeArrays
from gschnet_pyg.data.cache import load_arrays, short_hash
from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.data.readers import off
from gschnet_pyg.errors import DataError

_BLOCK = 1 << 24  # bytes
_log = logging.getLogger(__name__)


@contextmanager
def staged_arrays(
    molecules: MoleculeDataset, work_directory: Path | None, progress: bool = True
) -> Iterator[MoleculeDataset]:
    """The same dataset over a copy of its arrays in a work directory.

    The copy is there whole or not at all, and whoever finds it there uses it. Files that are kept with the cache, such
    as the answer which molecules hold together, travel along. When the block ends well the copy is removed, unless
    another process uses it; when it ends with an exception the copy stays for the run that resumes.

    Args:
        molecules: dataset over a cache; one that lies in memory is given back as it is.
        work_directory: folder on fast storage, made if it is missing; none gives the dataset back as it is.
        progress: show a bar while copying.

    Yields:
        The dataset, for use inside the block: worker processes open the copy.

    Raises:
        DataError: if the work directory cannot be written, or has no room for the copy.
    """
    directory = molecules.arrays.directory
    if work_directory is None or directory is None:
        yield molecules
        return
    files = sorted(path for path in directory.iterdir() if path.suffix in (".npy", ".json") and path.name[0] != ".")
    with _staged(directory, Path(molecules.source).name, files, work_directory, progress) as copy:
        yield molecules.on_arrays(load_arrays(copy))


@contextmanager
def staged_file(path: Path, work_directory: Path | None, progress: bool = True) -> Iterator[Path]:
    """A copy of a file in a work directory, under the same name; copied and removed as by :func:`staged_arrays`.

    Args:
        path: the file. Of an SQLite file what it has not yet taken in from its log comes along.
        work_directory: folder on fast storage, made if it is missing; none gives the path back as it is.
        progress: show a bar while copying.

    Yields:
        Path of the copy.

    Raises:
        DataError: if the file cannot be read, the work directory cannot be written or has no room for the copy.
    """
    if work_directory is None:
        yield path
        return
    logs = (path.with_name(f"{path.name}-{kind}") for kind in ("wal", "journal"))
    files = [path, *(log for log in logs if log.exists())]
    with _staged(path, path.name, files, work_directory, progress) as copy:
        yield copy / path.name


def read_staged(
    path: Path, work_directory: Path | None, read: Callable[[Path], MoleculeArrays], progress: bool = True
) -> MoleculeArrays:
    """Read the molecules of a file from a copy in a work directory; messages and the result name the file itself.

    Args:
        path: the file.
        work_directory: where it is copied to; none reads the file where it is.
        read: reads a file, into memory.
        progress: show a bar while copying.

    Raises:
        DataError: as :func:`staged_file`, and whatever ``read`` has to object.
    """
    with staged_file(path, work_directory, progress) as copy:
        try:
            arrays = read(copy)
        except DataError as error:
            raise DataError(str(error).replace(str(copy), str(path))) from error
        return replace(arrays, source=arrays.source.replace(str(copy), str(path)))


@contextmanager
def _staged(original: Path, name: str, files: Sequence[Path], work_directory: Path, progress: bool) -> Iterator[Path]:
    """A folder with copies of files, while this process is one of its users.

    Each user holds the lock of a file of its own, which the system gives back when the process dies, however it does.
    One lock for the work directory guards all changes.
    """
    folder = work_directory / f"{name}-{short_hash(str(original.resolve()))}.gschnet-work"
    me = FileLock(folder / "users" / f"{os.getpid()}-{secrets.token_hex(4)}.lock", thread_local=False)
    try:
        work_directory.mkdir(parents=True, exist_ok=True)
        with FileLock(work_directory / ".gschnet-work.lock"):
            _complete(folder / "content", files, original, work_directory, progress)
            (folder / "users").mkdir(exist_ok=True)
            me.acquire()
    except OSError as error:
        raise DataError(
            f"{original}: cannot be copied to {work_directory} ({error}); name another work directory, or none"
        ) from error
    is_done = False
    try:
        yield folder / "content"
        is_done = True
    finally:
        try:
            with FileLock(work_directory / ".gschnet-work.lock"):
                _leave(folder, me, is_done)
        except OSError as error:
            _log.warning("%s: cannot be tidied up (%s); remove it by hand", folder, error)


def _complete(content: Path, files: Sequence[Path], original: Path, work_directory: Path, progress: bool) -> None:
    """Copy what is missing in a folder or differs there, all of it or nothing."""
    missing = [file for file in files if not _is_same(file, content / file.name)]
    if not missing:
        return
    needed, free = sum(file.stat().st_size for file in missing), shutil.disk_usage(work_directory).free
    if needed > free:
        raise DataError(
            f"{work_directory}: the copy of {original} needs {needed / 1e6:,.3f} MB, but only {free / 1e6:,.3f} MB "
            "are free; free some space, or name another work directory or none"
        )
    part = work_directory / f".{content.parent.name}.part"
    shutil.rmtree(part, ignore_errors=True)  # of a process that was killed
    part.mkdir()
    try:
        with tqdm(
            total=needed,
            desc=f"copying to {work_directory}",
            unit="B",
            unit_scale=True,
            disable=off(progress),
            leave=False,
        ) as bar:
            for file in missing:
                _copy(file, part / file.name, bar)
        content.mkdir(parents=True, exist_ok=True)
        for file in missing:
            os.replace(part / file.name, content / file.name)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _is_same(file: Path, copy: Path) -> bool:
    """Whether a copy is there, of the file as it is now."""
    if not copy.is_file():
        return False
    here, there = file.stat(), copy.stat()
    return (here.st_size, here.st_mtime_ns) == (there.st_size, there.st_mtime_ns)


def _copy(file: Path, copy: Path, bar: tqdm) -> None:
    """Copy a file with its time."""
    with file.open("rb") as source, copy.open("wb") as target:
        stat = os.fstat(source.fileno())
        while block := source.read(_BLOCK):
            target.write(block)
            bar.update(len(block))
    os.utime(copy, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def _leave(folder: Path, me: FileLock, is_done: bool) -> None:
    """Stop being a user; the last one that is done with the copy removes it."""
    me.release()
    Path(me.lock_file).unlink(missing_ok=True)
    if is_done and not any(_is_held(user) for user in (folder / "users").iterdir()):
        shutil.rmtree(folder)


def _is_held(path: Path) -> bool:
    """Whether a living process holds a lock."""
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True
