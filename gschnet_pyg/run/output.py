"""Which file generated molecules go to, and whether they may."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import ase.db

from gschnet_pyg.data.cache import short_hash
from gschnet_pyg.data.writing import SUFFIXES, check_writable
from gschnet_pyg.errors import DataError, RecipeError
from gschnet_pyg.files import Taken, exclusive
from gschnet_pyg.recipe import GenerationRecipe
from gschnet_pyg.run.deposit import holds_something
from gschnet_pyg.run.entries import (
    Metadata,
    Ranges,
    check_conditions,
    check_new,
    differing,
    done_of,
    identity,
    model_of,
    place_of,
    settings_of,
)
from gschnet_pyg.run.metadata import stored_counts, stored_metadata
from gschnet_pyg.run.requests import Request


@dataclass(frozen=True)
class Reserved:
    """A file that molecules may go to, taken for one request.

    Attributes:
        output: the file.
        place: of the request in it; none if it is not there yet.
        done: numbers of the molecules that were attempted before.
    """

    output: Path
    place: int | None = None
    done: Ranges = ()


@contextmanager
def reserved(request: Request, folder: Path) -> Iterator[Reserved]:
    """Take a file before any work is done: the given one, or the first of ``1.db``, ``2.db``, ... in a folder.

    Nobody else can take it for the same molecules meanwhile. A new one is free again if nothing was stored in it.

    Args:
        request: what is asked for.
        folder: of numbered files.

    Raises:
        DataError: if the given name is taken or cannot be written, the file holds something else, the model is not
            that of its molecules any more, or another process is making the same molecules.
        RecipeError: if molecules are to be added to no file, or are in it already.
    """
    recipe = request.recipe
    output, is_new = _taken(recipe, folder)
    lock = output.with_name(f".{output.name}.{short_hash(identity(settings_of(recipe)))}.lock")
    try:
        with exclusive(lock):
            yield Reserved(output) if is_new else _found(output, request)
    except Taken:
        raise DataError(f"{output}: another process is writing these molecules to it; wait for its end") from None
    finally:
        if is_new and not holds_something(output) and not _counts_attempts(output):
            output.unlink(missing_ok=True)


def _taken(recipe: GenerationRecipe, folder: Path) -> tuple[Path, bool]:
    """Path of the output, and whether it is new."""
    output, is_old_welcome = recipe.output, recipe.append or recipe.resume
    if is_old_welcome and output is None:
        raise RecipeError(
            "append: name the database to add to (output)"
            if recipe.append
            else "resume: name the database to go on with (output)"
        )
    numbered = (folder / f"{number}.db" for number in itertools.count(1))
    for path in numbered if output is None else [output]:
        check_writable(path, (".db",) if is_old_welcome else SUFFIXES)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.open("x").close()
            return path, True
        except FileExistsError:
            if is_old_welcome:
                return path, not holds_something(path)
            if output is not None:
                raise DataError(
                    f"{path}: exists already; name another output, remove it, append to it (--append), or complete it "
                    "(--resume)"
                ) from None
    raise AssertionError("numbers never end")


def _counts_attempts(output: Path) -> bool:
    """Whether an empty file is all that came of a request: extxyz and SDF have their counts beside them."""
    return output.suffix.lower() != ".db" and stored_counts(output).get("requested", 0) > 0


def _found(output: Path, request: Request) -> Reserved:
    """A file that holds molecules already, and what of the request is there."""
    before, recipe = stored_metadata(output), request.recipe
    _check_whole(output, before)
    place = place_of(before, recipe) if recipe.resume else None
    if place is not None:
        if (done := done_of(before, place)) is None:
            raise DataError(
                f"{output}: was interrupted by a version that did not note which molecules were done; append to it "
                "with another seed (--append --seed)"
            )
        if model_of(before, place) not in (None, request.fingerprint):
            raise DataError(
                f"{output}: the model of {recipe.run} has changed since these molecules were begun; restore it, or "
                "append to the file with another seed (--append --seed)"
            )
        return Reserved(output, place, done)
    if not recipe.append:
        raise RecipeError(
            f"{', '.join(differing(before, recipe)) or 'settings'}: not those that {output} was generated with; give "
            "the same to complete it, or append to it (--append)"
        )
    ours = [condition.to_json() for condition in request.conditions]
    check_conditions(output, before.get("conditions", []), ours)
    check_new(output, before, recipe)
    return Reserved(output)


def _check_whole(output: Path, before: Metadata) -> None:
    """Refuse to add to a file that is not as generation has written it."""
    if not {"requested", "finished"} <= before.keys():
        raise DataError(f"{output}: was not written by gschnet-pyg generate; append to a file that was")
    if "kept" in before:
        raise DataError(f"{output}: holds {before['kept']} molecules only; append to a file as it was generated")
    with ase.db.connect(output, type="db", use_lock_file=False) as database:  # type: ignore[no-untyped-call]
        if (number := database.count()) != before["finished"]:
            raise DataError(
                f"{output}: holds {number:,} molecules, but {before['finished']:,} were generated; append to a file "
                "as it was generated"
            )
