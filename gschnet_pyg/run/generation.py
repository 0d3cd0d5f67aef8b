"""Generate molecules."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ase.io
from ase import Atoms
from ase.visualize import view
from tqdm import tqdm

from gschnet_pyg.build.generation import device, generation_settings
from gschnet_pyg.build.processes import generation_layout
from gschnet_pyg.build.tracking import check_login
from gschnet_pyg.contracts import ValidityReport
from gschnet_pyg.errors import RecipeError
from gschnet_pyg.files import replace_file
from gschnet_pyg.generation.fragments import read_fragments
from gschnet_pyg.generation.sampler import Attempt
from gschnet_pyg.generation.sampler import generate as generate_attempts
from gschnet_pyg.generation.starts import Start
from gschnet_pyg.generation.targets import Target, describe, far_targets, parse_targets
from gschnet_pyg.generation.trace import StepTrace
from gschnet_pyg.model.conditions import CompositionCondition, Condition
from gschnet_pyg.model.gschnet import GSchNet
from gschnet_pyg.processes import Processes
from gschnet_pyg.recipe import GenerationRecipe
from gschnet_pyg.run.launching import in_processes
from gschnet_pyg.run.output import check_appending, reserved, write_generated
from gschnet_pyg.run.processes import joined, must_start_others
from gschnet_pyg.run.reporting import judge_generated
from gschnet_pyg.run.shards import Shard, ShardFolder, shard_folder
from gschnet_pyg.run.tracking import keep_generated, tracked_generation
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
        rank: number of this process among those that generated together; the counts are those of the first one, 0.
        report: on the file, where the recipe asks for one and the generation was not interrupted.
    """

    path: Path
    requested: int
    finished: int
    interrupted: bool = False
    traces: tuple[Path, ...] = ()
    rank: int = 0
    report: ValidityReport | None = None

    @property
    def abandoned(self) -> int:
        """Attempts that outgrew the maximum number of atoms or stopped before the first atom."""
        return self.requested - self.finished


def generate(recipe: GenerationRecipe, say: Say = print, progress: bool = True) -> GenerationResult:
    """Generate molecules with the model of a run directory.

    Interrupted, it stores what is finished; the attempts that had not ended are then no part of the counts.
    Several processes, one for each device, are started here unless a cluster has started them.

    Args:
        recipe: what to do.
        say: takes warnings and the lines of traced steps.
        progress: show a bar on a terminal.

    Returns:
        File of the finished molecules, and the counts.

    Raises:
        GschnetError: if there is no model, the conditions or substructures do not fit it, or the output exists.
    """
    check_login(recipe.logging)
    layout = generation_layout(recipe)
    if must_start_others(layout):
        result: GenerationResult = in_processes("generate", recipe, layout, say, progress=progress)
        return result
    with joined(layout, between_cpus=True) as processes:
        if processes.is_first:
            return _generate_and_write(recipe, say, progress, processes)
        return _generate_share(recipe, processes)


@dataclass(frozen=True)
class _Request:
    """What was asked for, checked.

    Attributes:
        recipe: that asks for it.
        model: on the device to use.
        conditions: of the model.
        starts: of the molecules, in turn.
    """

    recipe: GenerationRecipe
    model: GSchNet
    conditions: Sequence[Condition]
    starts: Sequence[Start]


def _checked(recipe: GenerationRecipe, processes: Processes, say: Say) -> _Request:
    """Model and starts, if they fit the recipe."""
    model = RunDirectory(recipe.run).model().to(processes.device or device(recipe.device))
    conditions = model.conditions.conditions if model.conditions is not None else ()
    if recipe.start is not None and recipe.start.origin is not None and not model.settings.has_origin:
        raise RecipeError("start.origin: the model was trained without the origin token; leave it out")
    starts = _starts(recipe, conditions, say)
    if strange := [number for number in recipe.trace if number >= recipe.n_molecules]:
        raise RecipeError(f"trace: there is no molecule {strange[0]}; they are numbered 0 to {recipe.n_molecules - 1}")
    return _Request(recipe, model, conditions, starts)


def _generate_and_write(recipe: GenerationRecipe, say: Say, progress: bool, processes: Processes) -> GenerationResult:
    """The first process: it checks for all, gathers what they have made, and writes it."""
    request = _checked(recipe, processes, say)
    conditions, starts = request.conditions, request.starts
    with ExitStack() as stack:
        with reserved(recipe, RunDirectory(recipe.run).path / "generated") as output:
            check_appending(output, recipe, conditions)
            tracker = stack.enter_context(tracked_generation(recipe, output, say))
            begin = time.perf_counter()
            with shard_folder(output, processes) as folder, folder.stopping_on_interrupt():
                own, is_interrupted = _share(request, folder, say, progress)
                shard = folder.gathered(own)
                is_interrupted = is_interrupted or folder.is_stopped
            seconds = time.perf_counter() - begin
            for line in shard.lines:
                say(line)
            finished = sorted((each for each in shard.attempts if each.is_finished), key=lambda each: each.number)
            molecules = [_atoms(attempt, starts[attempt.start], conditions) for attempt in finished]
            counts = {"requested": len(shard.attempts), "finished": len(finished)}
            has_origin = request.model.settings.has_origin
            write_generated(output, recipe, molecules, conditions, counts, has_origin=has_origin)
        # the molecules are safe by now, whatever follows
        tracker.log({**counts, "generated/molecules_per_second": len(shard.attempts) / seconds}, step=0)
        is_judged = recipe.report and not is_interrupted
        judged = judge_generated(output, recipe.run, say, progress=progress) if is_judged else None
        keep_generated(tracker, finished, starts, judged)
    if recipe.view and molecules:
        view(molecules)  # type: ignore[no-untyped-call]
    traces = tuple(sorted(shard.traces, key=lambda path: (len(path.name), path.name)))  # by number
    report = judged.report if judged is not None else None
    return GenerationResult(output, len(shard.attempts), len(finished), is_interrupted, traces, report=report)


def _generate_share(recipe: GenerationRecipe, processes: Processes) -> GenerationResult:
    """Any other process: it begins when the first one has found all well."""
    with shard_folder(None, processes) as folder, folder.stopping_on_interrupt():
        own, is_interrupted = _share(_checked(recipe, processes, lambda line: None), folder)
        folder.store(own)
    n_finished = sum(attempt.is_finished for attempt in own.attempts)
    return GenerationResult(
        folder.output, len(own.attempts), n_finished, is_interrupted, tuple(own.traces), processes.rank
    )


def _share(
    request: _Request, folder: ShardFolder, say: Say | None = None, progress: bool = False
) -> tuple[Shard, bool]:
    """What this process makes of the request, and whether it was interrupted.

    Lines of traced steps are said at once where nobody else has some to say, and otherwise kept.
    """
    recipe, processes, shard = request.recipe, folder.processes, Shard()
    say_step = say if say is not None and processes.size == 1 else shard.lines.append
    trace = StepTrace(recipe.trace, request.model.vocabulary, say_step) if recipe.trace else None
    numbers = range(processes.rank, recipe.n_molecules, processes.size)
    attempts = generate_attempts(request.model, generation_settings(recipe), request.starts, trace, numbers)
    share = f" (1 of {processes.size} shares)" if processes.size > 1 else ""
    bar = tqdm(total=len(numbers), desc=f"generating{share}", unit=" molecules", disable=None if progress else True)
    is_interrupted = False
    try:
        for attempt in attempts:
            shard.attempts.append(attempt)
            bar.update()
            if folder.is_stopped:
                break
    except KeyboardInterrupt:
        is_interrupted = True
    bar.close()
    shard.traces.extend(_write_trace(trace, folder.output))
    return shard, is_interrupted or folder.is_stopped


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
    _check_sizes(recipe, targets, conditions, say)
    starts = [Start(target, fragment) for fragment in fragments for target in targets]
    if len(starts) > recipe.n_molecules:
        say(
            f"Warning: {len(starts):,} targets and substructures are asked for, but only {recipe.n_molecules:,} "
            "molecules; the last ones get none."
        )
    return starts


def _check_sizes(
    recipe: GenerationRecipe, targets: Sequence[Target], conditions: Sequence[Condition], say: Say
) -> None:
    """Warn of targets that are larger than molecules may become."""
    for condition in conditions:
        if isinstance(condition, CompositionCondition) and not condition.skip_hydrogen:
            sizes = [target[condition.name].sum() for target in targets]
        elif condition.name == "n_atoms":
            sizes = [target[condition.name][0] for target in targets]
        else:
            continue
        if (largest := max(sizes)) > recipe.max_atoms:
            say(
                f"Warning: {condition.name} asks for molecules of {largest:.6g} atoms, but they may have "
                f"{recipe.max_atoms} at most; raise max_atoms."
            )


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
