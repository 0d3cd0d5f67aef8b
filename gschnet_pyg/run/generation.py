"""Generate molecules."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import ase.io
from ase.visualize import view
from tqdm import tqdm

from gschnet_pyg.build.generation import generation_settings
from gschnet_pyg.build.processes import generation_layout
from gschnet_pyg.build.tracking import check_login
from gschnet_pyg.contracts import ValidityReport
from gschnet_pyg.files import replace_file
from gschnet_pyg.generation.sampler import generate as generate_attempts
from gschnet_pyg.generation.trace import StepTrace
from gschnet_pyg.processes import Processes
from gschnet_pyg.recipe import GenerationRecipe
from gschnet_pyg.run.deposit import Provenance, deposit_in
from gschnet_pyg.run.entries import Remaining
from gschnet_pyg.run.launching import in_processes
from gschnet_pyg.run.output import reserved
from gschnet_pyg.run.processes import joined, must_start_others
from gschnet_pyg.run.reporting import judge_generated
from gschnet_pyg.run.requests import Request, checked
from gschnet_pyg.run.shards import Direct, InOrder, Merging, Shard, ShardFiles, ShardFolder, Sink, shard_folder
from gschnet_pyg.run.tracking import keep_generated, tracked_generation
from gschnet_pyg.run_directory import RunDirectory

Say = Callable[[str], None]

INTERVAL = 5.0
"""Seconds after which molecules that have ended are stored."""
MOST_AT_ONCE = 1000
"""As many are stored before."""


@dataclass(frozen=True)
class GenerationResult:
    """Where the molecules lie and how many there are.

    Attributes:
        path: file of the finished molecules.
        requested, finished: of this call.
        interrupted: by the user; attempts that had not ended are no part of the counts.
        traces: trajectories of the molecules that were traced.
        rank: number of this process among those that generated together; the counts are those of the first one, 0.
        before: attempts of the same request by earlier calls, which this one has resumed.
        report: on the file, where the recipe asks for one and the generation was not interrupted.
    """

    path: Path
    requested: int
    finished: int
    interrupted: bool = False
    traces: tuple[Path, ...] = ()
    rank: int = 0
    before: int = 0
    report: ValidityReport | None = None

    @property
    def abandoned(self) -> int:
        """Attempts that outgrew the maximum number of atoms or stopped before the first atom."""
        return self.requested - self.finished


def generate(recipe: GenerationRecipe, say: Say = print, progress: bool = True) -> GenerationResult:
    """Generate molecules with the model of a run directory.

    Into a database, molecules are stored as they come: whatever ends this process, the same recipe with ``resume`` goes
    on. Interrupted, it stores what is finished; the attempts that had not ended are then no part of the counts.
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


def _generate_and_write(recipe: GenerationRecipe, say: Say, progress: bool, processes: Processes) -> GenerationResult:
    """The first process: it checks for all, gathers what they have made, and writes it."""
    request = checked(recipe, processes, say)
    provenance = Provenance(request)
    with ExitStack() as stack:
        there = stack.enter_context(reserved(request, RunDirectory(recipe.run).path / "generated"))
        n_attempted = recipe.n_molecules - len(Remaining(recipe.n_molecules, there.done))
        if n_attempted:
            is_complete = " and nothing is left to do" if n_attempted == recipe.n_molecules else ""
            wanted = f"{n_attempted:,} of {recipe.n_molecules:,} molecules were attempted before{is_complete}"
            say(f"Resuming {there.output}: {wanted}")
        tracker = stack.enter_context(tracked_generation(recipe, there.output, say))
        n_shown, begin = sys.maxsize if recipe.view else tracker.n_molecules, time.perf_counter()
        with (
            deposit_in(recipe.work_directory, there.output, provenance, n_shown, there.place) as deposit,
            shard_folder(there.output, there.done, processes) as folder,
            folder.stopping_on_interrupt(),
        ):
            sink = Direct(deposit.add) if processes.size == 1 else Merging(folder, deposit.add)
            made, is_interrupted = _share(request, folder, sink, say, progress)
        seconds = time.perf_counter() - begin
        for line in made.lines:
            say(line)
        # the molecules are safe by now, whatever follows
        counts = {"requested": deposit.requested, "finished": deposit.finished}
        tracker.log({**counts, "generated/molecules_per_second": deposit.requested / seconds}, step=0)
        is_judged = recipe.report and not is_interrupted
        judged = judge_generated(there.output, recipe.run, say, progress=progress) if is_judged else None
        keep_generated(tracker, deposit.shown, deposit.finished, request.starts, judged)
    if recipe.view and deposit.shown:
        view([provenance.atoms(attempt) for attempt in deposit.shown])  # type: ignore[no-untyped-call]
    traces = tuple(sorted(made.traces, key=lambda path: (len(path.name), path.name)))  # by number
    report = judged.report if judged is not None else None
    return GenerationResult(
        there.output, **counts, interrupted=is_interrupted, traces=traces, report=report, before=n_attempted
    )


def _generate_share(recipe: GenerationRecipe, processes: Processes) -> GenerationResult:
    """Any other process: it begins when the first one has found all well."""
    with shard_folder(None, (), processes) as folder, folder.stopping_on_interrupt():
        request, sink = checked(recipe, processes, lambda line: None), ShardFiles(folder)
        made, is_interrupted = _share(request, folder, sink)
    return GenerationResult(folder.output, 0, 0, is_interrupted, tuple(made.traces), processes.rank)


def _share(
    request: Request, folder: ShardFolder, sink: Sink, say: Say | None = None, progress: bool = False
) -> tuple[Shard, bool]:
    """Make this process's share of the request, and hand it over as it comes.

    Lines of traced steps are said at once where nobody else has some to say, and otherwise kept.

    Returns:
        What came together in the sink last, with lines and traces, and whether there was an interrupt.
    """
    recipe, processes = request.recipe, folder.processes
    lines: list[str] = []
    say_step = say if say is not None and processes.size == 1 else lines.append
    trace = StepTrace(recipe.trace, request.model.vocabulary, say_step) if recipe.trace else None
    numbers = Remaining(recipe.n_molecules, folder.done, processes.rank, processes.size)
    share = f" (1 of {processes.size} shares)" if processes.size > 1 else ""
    bar = tqdm(total=len(numbers), desc=f"generating{share}", unit=" molecules", disable=None if progress else True)
    order, is_interrupted, last = InOrder(numbers), False, time.monotonic()
    try:
        for attempt in generate_attempts(
            request.model, generation_settings(recipe), request.starts, trace, iter(numbers)
        ):
            order.add(attempt)
            bar.update()
            if folder.is_stopped:
                break
            if order.n_ready >= MOST_AT_ONCE or time.monotonic() - last >= INTERVAL:
                order.hand_over(sink.add)
                last = time.monotonic()
    except KeyboardInterrupt:
        is_interrupted = True
    bar.close()
    rest = Shard(order.rest(), lines, _write_trace(trace, folder.output), is_last=True)
    made = sink.finish(rest)
    return made, is_interrupted or folder.is_stopped


def _write_trace(trace: StepTrace | None, output: Path) -> list[Path]:
    """The frames of every traced molecule, ``<output>.trace-<number>.extxyz``."""
    paths = []
    frames = itertools.groupby(trace.frames if trace is not None else [], key=lambda frame: frame.info["molecule"])
    for number, group in frames:
        path = output.with_name(f"{output.stem}.trace-{number}.extxyz")
        with replace_file(path) as temporary:
            ase.io.write(temporary, list(group), format="extxyz")
        paths.append(path)
    return paths
