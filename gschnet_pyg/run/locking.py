"""One training at a time in a run directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import takewhile
from pathlib import Path

from gschnet_pyg.errors import RecipeError
from gschnet_pyg.files import Taken, exclusive, is_writable, remove_leftovers
from gschnet_pyg.recipe_sections.training import BEST, LAST
from gschnet_pyg.run_directory import RunDirectory


@contextmanager
def locked(directory: RunDirectory) -> Iterator[None]:
    """Let nobody else train in a directory meanwhile; what was left half-written by those who died is removed.

    Raises:
        RecipeError: if somebody else does, or the directory cannot be written.
    """
    path = directory.path
    missing = list(takewhile(lambda folder: not folder.exists(), (path.absolute(), *path.absolute().parents)))
    there = missing[-1].parent if missing else path
    if not is_writable(there):
        raise RecipeError(f"run.directory: {path} cannot be written (because of {there}); name another folder")
    try:
        path.mkdir(parents=True, exist_ok=True)
        stack = ExitStack()
        stack.enter_context(exclusive(path / ".lock"))
    except Taken:
        raise RecipeError(
            f"run.id: {path} is being trained by another process; wait for its end, or give this run another id"
        ) from None
    except OSError as error:
        raise RecipeError(f"run.directory: {path} cannot be written ({error.strerror}); name another folder") from error
    try:
        with stack:
            for file in _files(directory):
                remove_leftovers(file)
            yield
    finally:
        with suppress(OSError):  # as it was, if nothing came of it
            for folder in missing:
                folder.rmdir()


def _files(directory: RunDirectory) -> list[Path]:
    """All that a training writes."""
    stored = [directory.recipe_file, directory.split_file, directory.model_file, directory.losses_file]
    checkpoints = [directory.checkpoint(name) for name in (BEST, LAST)]
    return [*stored, directory.tracking_file, directory.metrics_file, *checkpoints]
