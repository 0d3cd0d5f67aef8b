"""Where generated molecules are written, with everything that made them."""

from __future__ import annotations

import itertools
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ase.db
from ase import Atoms
from filelock import FileLock

import gschnet_pyg
from gschnet_pyg.data.writing import SUFFIXES, check_writable, write_database, write_molecules
from gschnet_pyg.errors import DataError, RecipeError
from gschnet_pyg.files import replace_file
from gschnet_pyg.model.conditions import Condition
from gschnet_pyg.recipe import GenerationRecipe
from gschnet_pyg.run.metadata import stored_metadata
from gschnet_pyg.run_directory import RunDirectory

_SAME = ("kind", "property", "unit", "computed", "atom_types", "skip_hydrogen", "size")
"""What a condition shares with that of other molecules in the same file; ranges and layers may differ."""

_NOT_OF_MOLECULES = {"output", "append", "work_directory", "trace", "view", "report", "logging"}
"""Settings that say where molecules go, and what else is done with them."""

_DECIDES_NOTHING = {"n_molecules", "batch_size", "filter_memory", "device", "devices", "nodes"}
"""Settings that molecules do not depend on."""


@contextmanager
def reserved(recipe: GenerationRecipe, folder: Path) -> Iterator[Path]:
    """Take a file name before any work is done: the given one, or the first of ``1.db``, ``2.db``, ... in a folder.

    Nobody else can take it meanwhile; it is free again if the work fails. A file to append to stays as it is.

    Raises:
        DataError: if the given name is taken or cannot be written.
        RecipeError: if molecules are to be added to no file.
    """
    output = recipe.output
    if recipe.append and output is None:
        raise RecipeError("append: name the database to add to (output)")
    numbered = (folder / f"{number}.db" for number in itertools.count(1))
    for path in numbered if output is None else [output]:
        check_writable(path, (".db",) if recipe.append else SUFFIXES)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.open("x").close()
        except FileExistsError:
            if recipe.append:
                yield path
                return
            if output is not None:
                raise DataError(
                    f"{path}: exists already; name another output, remove it, or append to it (--append)"
                ) from None
            continue
        break
    try:
        yield path
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def check_appending(output: Path, recipe: GenerationRecipe, conditions: Sequence[Condition]) -> None:
    """Refuse to add to a file that holds something else, before any work is done.

    Raises:
        DataError: if the file is not as generation has written it, or its molecules have other conditions.
        RecipeError: if the same molecules are in it already.
    """
    if not _holds_something(output):
        return
    before = stored_metadata(output)
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
    _check_conditions(output, before.get("conditions", []), [condition.to_json() for condition in conditions])
    ours = _deciding(_settings(recipe))
    if any(_deciding(entry["settings"]) == ours for entry in (before, *before.get("appended", []))):
        raise RecipeError(
            f"seed: {output} holds molecules of seed {recipe.seed} already, and equal seeds give equal molecules; "
            "take another one (--seed)"
        )


def write_generated(
    output: Path,
    recipe: GenerationRecipe,
    molecules: Sequence[Atoms],
    conditions: Sequence[Condition],
    counts: Mapping[str, int],
    *,
    has_origin: bool,
) -> None:
    """Write molecules with everything that made them; the file is whole or as it was.

    Args:
        output: from :func:`reserved`.
        recipe: that made them.
        molecules: finished ones.
        conditions: of the model.
        counts: ``requested`` and ``finished``.
        has_origin: the positions are relative to the model's origin token; otherwise they are in any frame.

    Raises:
        DataError: if the output cannot be written.
    """
    ours: dict[str, Any] = {"version": gschnet_pyg.__version__, "settings": _settings(recipe), **counts}
    if (trained_by := RunDirectory(recipe.run).recipe_as_stored()) is not None:
        ours["recipe"] = trained_by
    ours["origin"] = [0.0, 0.0, 0.0] if has_origin else None
    if conditions:
        ours["conditions"] = [condition.to_json() for condition in conditions]
    units = {f"target_{condition.name}": condition.unit or "" for condition in conditions}
    if not recipe.append:
        with _moved(recipe.work_directory, output) as part:
            write_molecules(part, molecules, units=units, metadata={"gschnet_pyg": ours})
        return
    folder, lock = recipe.work_directory or output.parent, output.with_name(f".{output.name}.lock")
    with FileLock(lock), _moved(folder, output) as part:
        if _holds_something(output):
            shutil.copyfile(output, part)
            ours = _added(output, ours)
        write_database(part, molecules, units=units, metadata={"gschnet_pyg": ours}, append=True)


@contextmanager
def _moved(folder: Path | None, output: Path) -> Iterator[Path]:
    """A path in a temporary folder; what is written there takes its place beside the output when it is whole.

    Args:
        folder: that the temporary folder is made in; none gives the output itself.
        output: where the file shall lie.

    Raises:
        DataError: if the output cannot be written; what was written to the temporary folder then stays.
    """
    if folder is None:
        yield output
        return
    folder.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder, prefix=".generating-"))
    try:
        yield temporary / output.name
    except BaseException:
        shutil.rmtree(temporary)
        raise
    try:
        for file in sorted(temporary.iterdir(), reverse=True):  # what belongs to the molecules comes before them
            with replace_file(output.with_name(file.name)) as target:
                shutil.copyfile(file, target)
    except OSError as error:
        raise DataError(f"{output}: cannot be written ({error}); the molecules lie in {temporary}") from error
    shutil.rmtree(temporary)


def _added(output: Path, ours: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata of a file with more molecules: counts of all, and the settings of what was added."""
    before = stored_metadata(output)
    total = {name: before[name] + ours[name] for name in ("requested", "finished")}
    addition = {name: ours[name] for name in ("version", "settings", "requested", "finished", "origin")}
    if ours.get("recipe") != before.get("recipe"):
        addition["recipe"] = ours.get("recipe")
    return {**before, **total, "appended": [*before.get("appended", []), addition]}


def _check_conditions(output: Path, theirs: Sequence[Mapping[str, Any]], ours: Sequence[Mapping[str, Any]]) -> None:
    """Refuse conditions that differ by name, or in what they mean."""
    names = [[str(description["property"]) for description in each] for each in (theirs, ours)]
    if names[0] != names[1]:
        raise DataError(
            f"{output}: holds molecules conditioned on {', '.join(names[0]) or 'nothing'}, these on "
            f"{', '.join(names[1]) or 'nothing'}; write to another file"
        )
    for name, their, our in zip(names[0], theirs, ours, strict=True):
        if [_plain(their.get(key)) for key in _SAME] != [_plain(our.get(key)) for key in _SAME]:
            raise DataError(
                f"{output}: its molecules are conditioned on another {name}, in another unit or computed otherwise; "
                "write to another file"
            )


def _settings(recipe: GenerationRecipe) -> dict[str, Any]:
    """What decides the molecules, and how many there are, as JSON."""
    return recipe.model_dump(mode="json", exclude=_NOT_OF_MOLECULES)


def _deciding(settings: Mapping[str, Any]) -> Any:
    """What decides the molecules, in one spelling."""
    decides = {name: value for name, value in settings.items() if name not in _DECIDES_NOTHING}
    decides["run"] = str(Path(settings["run"]).resolve())
    targets = settings.get("conditions", {})
    decides["conditions"] = {name: [value] if not isinstance(value, list) else value for name, value in targets.items()}
    return _plain(decides)


def _plain(value: Any) -> Any:
    """As it comes back from a file."""
    return json.loads(json.dumps(value))


def _holds_something(output: Path) -> bool:
    """Whether an output is more than a name that was reserved."""
    return output.stat().st_size > 0
