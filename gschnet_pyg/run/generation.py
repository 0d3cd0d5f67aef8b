"""Generate molecules."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ase.io
from ase import Atoms
from ase.visualize import view
from tqdm import tqdm

import gschnet_pyg
from gschnet_pyg.build.generation import device, generation_settings
from gschnet_pyg.data.writing import check_writable, write_database, write_molecules
from gschnet_pyg.errors import DataError
from gschnet_pyg.files import replace_file
from gschnet_pyg.generation.fragments import read_fragments
from gschnet_pyg.generation.sampler import Attempt
from gschnet_pyg.generation.sampler import generate as generate_attempts
from gschnet_pyg.generation.starts import Start
from gschnet_pyg.generation.targets import describe, far_targets, parse_targets
from gschnet_pyg.generation.trace import StepTrace
from gschnet_pyg.model.conditions import CompositionCondition, Condition
from gschnet_pyg.recipe import GenerationRecipe
from gschnet_pyg.run.metadata import stored_metadata
from gschnet_pyg.run_directory import RunDirectory

Say = Callable[[str], None]


@dataclass(frozen=True)
class GenerationResult:
    """Where the molecules lie and how many there are.

    Attributes:
        path: file of the finished molecules.
        requested, finished: of this call.
        interrupted: by the user; attempts that had not ended are no part of the counts.
        traces: trajectories of the molecules that were traced.
    """

    path: Path
    requested: int
    finished: int
    interrupted: bool = False
    traces: tuple[Path, ...] = ()

    @property
    def abandoned(self) -> int:
        """Attempts that outgrew the maximum number of atoms or stopped before the first atom."""
        return self.requested - self.finished


def generate(recipe: GenerationRecipe, say: Say = print, progress: bool = True) -> GenerationResult:
    """Generate molecules with the model of a run directory.

    Interrupted, it stores what is finished; the attempts that had not ended are then no part of the counts.

    Args:
        recipe: what to do.
        say: takes warnings and the lines of traced steps.
        progress: show a bar on a terminal.

    Returns:
        File of the finished molecules, and the counts.

    Raises:
        GschnetError: if there is no model, the conditions or substructures do not fit it, or the output exists.
    """
    directory = RunDirectory(recipe.run)
    model = directory.model().to(device(recipe.device))
    conditions = model.conditions.conditions if model.conditions is not None else ()
    starts = _starts(recipe, conditions, say)
    trace = StepTrace(recipe.trace, model.vocabulary, say) if recipe.trace else None
    with _reserved(recipe, directory.path / "generated") as output:
        _check_appending(output, conditions)
        attempts = generate_attempts(model, generation_settings(recipe), starts, trace)
        bar = tqdm(total=recipe.n_molecules, desc="generating", unit=" molecules", disable=None if progress else True)
        ended, interrupted = [], False
        try:
            for attempt in attempts:
                ended.append(attempt)
                bar.update()
        except KeyboardInterrupt:
            interrupted = True
        bar.close()
        finished = sorted((attempt for attempt in ended if attempt.is_finished), key=lambda attempt: attempt.number)
        molecules = [_atoms(attempt, starts[attempt.start], conditions) for attempt in finished]
        counts = {"requested": len(ended), "finished": len(finished)}
        _write(recipe, output, molecules, conditions, counts)
    traces = _write_trace(trace, output)
    if recipe.view:
        view(molecules)  # type: ignore[no-untyped-call]
    return GenerationResult(output, len(ended), len(finished), interrupted, traces)


def _starts(recipe: GenerationRecipe, conditions: Sequence[Condition], say: Say) -> list[Start]:
    """Every target with every substructure."""
    targets = parse_targets(recipe.conditions, conditions)
    for warning in far_targets(targets, conditions):
        say(f"Warning: {warning}; the model may not follow.")
    fragments: Sequence[Any] = [None]
    if (settings := recipe.start) is not None:
        fragments = read_fragments(
            settings.path,
            settings.rows,
            atoms=settings.atoms,
            origin=settings.origin,
            finished=settings.finished,
            open_atoms=settings.open_atoms,
        )
    starts = [Start(target, fragment) for fragment in fragments for target in targets]
    if len(starts) > recipe.n_molecules:
        say(
            f"Warning: {len(starts):,} targets and substructures are asked for, but only {recipe.n_molecules:,} "
            "molecules; the last ones get none."
        )
    return starts


def _atoms(attempt: Attempt, start: Start, conditions: Sequence[Condition]) -> Atoms:
    """A finished molecule that carries its number, its targets and the size of what it grew from."""
    info: dict[str, Any] = {"number": attempt.number}
    for condition in conditions:
        value = start.conditions[condition.name]
        info[f"target_{condition.name}"] = value if condition.n_values > 1 else float(value[0])
        if isinstance(condition, CompositionCondition):
            info["target_formula"] = describe(condition, value)
    if start.fragment is not None:
        info["n_fragment_atoms"] = len(start.fragment.z)
    return Atoms(attempt.z, attempt.pos, info=info)


def _write(
    recipe: GenerationRecipe,
    output: Path,
    molecules: Sequence[Atoms],
    conditions: Sequence[Condition],
    counts: Mapping[str, int],
) -> None:
    """Write the molecules with everything that made them; the file is whole or as it was."""
    settings = recipe.model_dump(mode="json", exclude={"output", "append", "work_directory", "trace", "view"})
    ours: dict[str, Any] = {"version": gschnet_pyg.__version__, "settings": settings, **counts}
    if conditions:
        ours["conditions"] = [condition.to_json() for condition in conditions]
    units = {f"target_{condition.name}": condition.unit or "" for condition in conditions}
    is_there = recipe.append and output.stat().st_size > 0
    if recipe.work_directory is None and not is_there:
        write_molecules(output, molecules, units=units, metadata={"gschnet_pyg": ours})
        return
    folder = recipe.work_directory or output.parent
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".generating-") as temporary:
        part = Path(temporary) / output.name
        if is_there:
            shutil.copyfile(output, part)
            write_database(part, molecules, units=units, metadata={"gschnet_pyg": _added(output, ours)}, append=True)
        else:
            write_molecules(part, molecules, units=units, metadata={"gschnet_pyg": ours})
        for file in sorted(Path(temporary).iterdir(), reverse=True):  # what belongs to the molecules comes before them
            with replace_file(output.with_name(file.name)) as target:
                shutil.copyfile(file, target)


def _added(output: Path, ours: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata of a file with more molecules: counts of all, and the settings of what was added."""
    before = stored_metadata(output)
    total = {name: before[name] + ours[name] for name in ("requested", "finished")}
    addition = {name: ours[name] for name in ("version", "settings", "requested", "finished")}
    return {**before, **total, "appended": [*before.get("appended", []), addition]}


def _check_appending(output: Path, conditions: Sequence[Condition]) -> None:
    """Refuse to add to a file that holds something else, before any work is done.

    Raises:
        DataError: saying what it holds.
    """
    if output.stat().st_size == 0:  # reserved a moment ago
        return
    before = stored_metadata(output)
    if not {"requested", "finished"} <= before.keys():
        raise DataError(f"{output}: was not written by gschnet-pyg generate; append to a file that was")
    names = [description["property"] for description in before.get("conditions", [])]
    if names != [condition.name for condition in conditions]:
        raise DataError(
            f"{output}: holds molecules conditioned on {', '.join(names) or 'nothing'}, these on "
            f"{', '.join(condition.name for condition in conditions) or 'nothing'}; write to another file"
        )


def _write_trace(trace: StepTrace | None, output: Path) -> tuple[Path, ...]:
    """The frames of every traced molecule, ``<output>.trace-<number>.extxyz``."""
    paths = []
    frames = itertools.groupby(trace.frames if trace is not None else [], key=lambda frame: frame.info["molecule"])
    for number, group in frames:
        path = output.with_name(f"{output.stem}.trace-{number}.extxyz")
        with replace_file(path) as temporary:
            ase.io.write(temporary, list(group), format="extxyz")
        paths.append(path)
    return tuple(paths)


@contextmanager
def _reserved(recipe: GenerationRecipe, folder: Path) -> Iterator[Path]:
    """Take a file name before any work is done: the given one, or the first of ``1.db``, ``2.db``, ... in a folder.

    Nobody else can take it meanwhile; it is free again if the work fails. A file to append to stays as it is.

    Raises:
        DataError: if the given name is taken or cannot be written.
    """
    output = recipe.output
    if recipe.append and output is not None and output.exists():
        check_writable(output, (".db",))
        yield output
        return
    numbered = (folder / f"{number}.db" for number in itertools.count(1))
    for path in numbered if output is None else [output]:
        check_writable(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.open("x").close()
        except FileExistsError:
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
