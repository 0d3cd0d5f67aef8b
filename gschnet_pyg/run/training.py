"""Train a model."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from gschnet_pyg.build.conditions import Prepared, prepare
from gschnet_pyg.build.data import datamodule
from gschnet_pyg.build.paths import with_absolute_paths
from gschnet_pyg.build.processes import training_layout
from gschnet_pyg.build.properties import open_source
from gschnet_pyg.build.sampling import sampling_starts
from gschnet_pyg.build.tracking import check_login
from gschnet_pyg.build.training import check_accelerator, ending, trainer, training_module
from gschnet_pyg.data.splits import check_values, save_split
from gschnet_pyg.data.staging import staged_arrays
from gschnet_pyg.errors import ModelError
from gschnet_pyg.model.conditions import CompositionCondition, Condition, ScalarCondition
from gschnet_pyg.model.gschnet import GSchNet
from gschnet_pyg.processes import Processes
from gschnet_pyg.recipe import Recipe
from gschnet_pyg.recipe_sections.training import BEST, LAST
from gschnet_pyg.run.launching import in_processes
from gschnet_pyg.run.locking import locked
from gschnet_pyg.run.processes import joined, must_start_others, quiet_lightning
from gschnet_pyg.run.tracking import keep_model, tracked_training
from gschnet_pyg.run_directory import RunDirectory
from gschnet_pyg.tracking.tracker import OFF, Tracker
from gschnet_pyg.training.metrics_file import SAMPLED, cut_metrics
from gschnet_pyg.training.module import PlacementTraining

Say = Callable[[str], None]


@dataclass(frozen=True)
class TrainingResult:
    """Where a run lies and how it ended.

    Attributes:
        directory: of the run.
        losses: of the best weights, and shares of the molecules that were sampled with them, if any were.
        picked_by: metric that the best weights were picked by, ``validation/loss`` or ``sampled/...``; ``last`` if
            the run was interrupted at the only validation that could tell, and these are the last weights.
        conditions: names of what molecules are to be asked for.
        needs_fragment: molecules can only grow from substructures.
        rank: number of this process among those that trained together; the first one, 0, speaks for all.
    """

    directory: Path
    losses: dict[str, float]
    picked_by: str
    conditions: tuple[str, ...] = ()
    needs_fragment: bool = False
    rank: int = 0


def train(recipe: Recipe, say: Say = print) -> TrainingResult:
    """Train a model, or resume the run whose id the recipe names.

    Several processes, one for each device, are started here unless a cluster has started them.

    Args:
        recipe: what to do.
        say: takes lines for the user.

    Returns:
        Run directory, with the model exported, and the losses of the best weights.

    Raises:
        GschnetError: if the recipe, the data or the stored run cannot be used, or the loss is no number any more.
        KeyboardInterrupt: saying how to go on, once the training has begun.
    """
    check_accelerator(recipe)
    check_login(recipe.logging)
    layout = training_layout(recipe)
    if must_start_others(layout, "training."):
        result: TrainingResult = in_processes("train", recipe, layout, say)
        return result
    with joined(layout, "training.") as processes:
        return _train(recipe, say if processes.is_first else _be_silent, processes)


def _be_silent(line: str) -> None:
    """What the first process says already."""


def _train(recipe: Recipe, say: Say, processes: Processes) -> TrainingResult:
    """The part of a run that every process has in it; the first one writes all files."""
    recipe = with_absolute_paths(recipe)
    if not processes.is_first:  # everything is converted, computed and stored when it goes on
        recipe = processes.shared(recipe)
    directory = RunDirectory.of(recipe)
    if (origin := directory.conversion()) is not None:
        raise ModelError(
            f"{directory.path}: holds a model that was converted from {origin['file']}, which a training would "
            "replace; give the run another id"
        )
    with locked(directory) if processes.is_first else nullcontext():
        return _train_in(directory, recipe, say, processes)


def _train_in(directory: RunDirectory, recipe: Recipe, say: Say, processes: Processes) -> TrainingResult:
    """Train in a directory that is nobody else's."""
    recipe = directory.continued(recipe)
    # under the id that was made up, the stored recipe resumes this run
    recipe = recipe.model_copy(update={"run": recipe.run.model_copy(update={"id": directory.path.name})})
    progress = directory.progress()
    before = directory.recipe().checkpoint.monitor if progress else recipe.checkpoint.monitor
    prepared = prepare(recipe, open_source(recipe), directory.split_file)
    if processes.is_first:
        _store(prepared, directory)
        processes.shared(recipe)
    module = training_module(prepared.recipe, prepared.conditions)
    _say_what_begins(prepared, directory, module, progress[0] if progress else None, say)
    if before != recipe.checkpoint.monitor:
        say(f"Note: checkpoint.monitor was {before} until now; the best weights are picked anew from here on.")
    # what was computed lies in the cache by now, and travels along
    with (
        staged_arrays(prepared.molecules, recipe.run.cache_work_directory, progress=processes.is_first) as molecules,
        tracked_training(prepared.recipe, directory, say) if processes.is_first else nullcontext(OFF) as tracker,
    ):
        checkpoint, prepared = directory.checkpoint(LAST) if progress else None, replace(prepared, molecules=molecules)
        if processes.is_first:
            cut_metrics(directory.metrics_file, *(progress or (0, False)))
        losses, picked_by = _fit(prepared, directory, module, checkpoint, say, processes, tracker)
        if processes.is_first:
            keep_model(tracker, directory, losses, picked_by)
    names = tuple(condition.name for condition in prepared.conditions)
    needs_fragment = recipe.growth.fragment_share is not None
    return TrainingResult(directory.path, losses, picked_by, names, needs_fragment, processes.rank)


def _store(prepared: Prepared, directory: RunDirectory) -> None:
    """Recipe and split; a split that is there already must be of the same values."""
    if directory.split_file.is_file():
        check_values(directory.split_file, prepared.molecules)
    directory.store_recipe(prepared.recipe)  # first, so that a split never lies there without the recipe it is of
    if not directory.split_file.is_file():
        save_split(directory.split_file, prepared.parts, prepared.molecules)


def _fit(
    prepared: Prepared,
    directory: RunDirectory,
    module: PlacementTraining,
    checkpoint: Path | None,
    say: Say,
    processes: Processes,
    tracker: Tracker,
) -> tuple[dict[str, float], str]:
    """Train, validate and test, and export the best model; what is known of it, and what it was picked by."""
    batches = datamodule(prepared.recipe, prepared.molecules, prepared.parts, processes)
    if processes.is_first:
        directory.model_file.unlink(missing_ok=True)  # from now on the best checkpoint is newer
    with quiet_lightning():
        steps_per_epoch, starts = len(batches.train_dataloader()), sampling_starts(prepared)
        loop = trainer(prepared.recipe, directory.path, steps_per_epoch, processes, starts, tracker)
        on_interrupt = signal.getsignal(signal.SIGINT)
        try:
            loop.fit(module, batches, ckpt_path=checkpoint, weights_only=True)
        except (KeyboardInterrupt, SystemExit):  # Lightning turns the one into the other, and ignores the next
            signal.signal(signal.SIGINT, on_interrupt)
            hint = f"The same command with run.id={directory.path.name} goes on where it stopped."
            raise KeyboardInterrupt(hint) from None
        say(f"Ended after {loop.global_step:,} steps: {ending(prepared.recipe, loop)}.")
        module.model = directory.best_model()
        tested = loop.test(module, batches, verbose=False)[0] if len(prepared.parts.test) else {}
    picked_by, found = _picked(directory)
    losses = {**found, **tested}
    if processes.is_first:
        directory.store_losses({"picked_by": picked_by, **losses})
        directory.export(module.model)
    return losses, picked_by


def _say_what_begins(
    prepared: Prepared, directory: RunDirectory, module: PlacementTraining, resumed_at: int | None, say: Say
) -> None:
    """Counts, what the conditions became, and warnings about settings that seldom are meant."""
    recipe, parts = prepared.recipe, prepared.parts
    n_weights = sum(weight.numel() for weight in module.parameters())
    begins = f"Training {directory.path}" if resumed_at is None else f"Resuming {directory.path} at step {resumed_at:,}"
    say(
        f"{begins}: {len(parts.train):,} molecules, "
        f"{len(parts.validation):,} for validation, {len(parts.test):,} for the test; {n_weights:,} weights"
    )
    if recipe.training.model_summary:
        say(f"Weights: {_count_weights(module.model)}")
    for reason, number in prepared.left_out.items():
        if number:
            say(f"Molecules left out because {reason}: {number:,}")
    if recipe.properties.relative_atomic_energy is not None and not any(
        (condition.computed or {}).get("kind") == "relative_atomic_energy" for condition in prepared.conditions
    ):
        say("Note: properties.relative_atomic_energy is set, but no condition asks for it.")
    for condition in prepared.conditions:
        say(f"Condition {_describe(condition)}")
        if isinstance(condition, CompositionCondition) and condition.count.observed[0][1] > condition.count.maximum:
            say("Warning: some molecules are larger than the composition's count.maximum; raise that.")
    if recipe.cutoffs.model < recipe.cutoffs.prediction:
        say("Warning: cutoffs.model is below cutoffs.prediction; predictors then do not hear all of their focus.")
    if recipe.training.accelerator == "cpu" or not torch.accelerator.is_available():
        say("On the CPU: a GPU trains large models much faster.")


def _count_weights(model: GSchNet) -> str:
    """Number of weights in every part of the network."""
    parts = ((name, sum(weight.numel() for weight in part.parameters())) for name, part in model.named_children())
    return ", ".join(f"{name} {number:,}" for name, number in parts)


def _describe(condition: Condition) -> str:
    """What a condition is among the training molecules, and how it is read."""
    match condition:
        case ScalarCondition():
            return f"{condition.name}: {_describe_gaussians(condition)}"
        case CompositionCondition():
            return f"{condition.name}: {_describe_gaussians(condition.count).replace(' in', ' atoms in', 1)}"
    return f"{condition.name}: {condition.n_values} numbers"


def _describe_gaussians(condition: ScalarCondition) -> str:
    low, high = condition.observed[0]
    unit = f" {condition.unit}" if condition.unit else ""
    return (
        f"{low:.6g} to {high:.6g}{unit} in training; Gaussians from {condition.minimum:.6g} to "
        f"{condition.maximum:.6g}, {condition.spacing:.6g} apart"
    )


def _picked(directory: RunDirectory) -> tuple[str, dict[str, float]]:
    """What the best weights were picked by; their validation loss, and shares if molecules were sampled."""
    name = directory.picked()
    content = directory.read_checkpoint(name)
    state = next(state for state in content["callbacks"].values() if state.get("monitor"))
    metrics = content.get("metrics")
    if metrics is None:  # of an earlier version, which went by the loss
        metrics = {} if state["current_score"] is None else {"validation/loss": float(state["current_score"])}
    found = {key: value for key, value in metrics.items() if key == "validation/loss" or key in SAMPLED}
    return state["monitor"] if name == BEST else LAST, found
