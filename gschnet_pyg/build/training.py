"""Recipe -> training loop."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.strategies import DDPStrategy

from gschnet_pyg.build.model import dtype, model
from gschnet_pyg.build.processes import training_layout
from gschnet_pyg.build.sampling import sampling
from gschnet_pyg.errors import RecipeError
from gschnet_pyg.generation.starts import FROM_NOTHING, Start
from gschnet_pyg.model.conditions import Condition
from gschnet_pyg.processes import ALONE, Processes
from gschnet_pyg.recipe import Recipe
from gschnet_pyg.recipe_sections.training import BEST, LAST, ConstantSettings, CosineSettings, PlateauSettings
from gschnet_pyg.tracking.tracker import OFF, Tracker
from gschnet_pyg.training.callbacks import (
    AveragedWeights,
    OrderlyInterrupt,
    Patience,
    StepLimit,
    TimeLimit,
    ValidationLine,
)
from gschnet_pyg.training.checkpoints import SaveBetween, WholeCheckpoints
from gschnet_pyg.training.failed_batch import FAILED_BATCH, FiniteNumbers
from gschnet_pyg.training.metrics_file import SAMPLED, MetricsFile
from gschnet_pyg.training.module import PlacementTraining
from gschnet_pyg.training.optimisation import Cosine, Optimisation, Plateau
from gschnet_pyg.training.sampling import SampledCheckpoint, Sampling
from gschnet_pyg.training.throughput import Throughput
from gschnet_pyg.training.tracked_metrics import TrackedMetrics

LOG_EVERY = 20
"""Steps between rows of losses."""


def training_module(recipe: Recipe, conditions: Sequence[Condition] = ()) -> PlacementTraining:
    """The network with its optimiser."""
    training = recipe.training
    schedule: Plateau | Cosine | None
    match training.schedule:
        case PlateauSettings(factor=factor, patience=patience, minimum=minimum):
            schedule = Plateau(factor, patience, minimum)
        case CosineSettings(warmup_steps=warmup_steps, final_fraction=final_fraction):
            schedule = Cosine(warmup_steps, final_fraction)
        case ConstantSettings():
            schedule = None
    optimizer = training.optimizer
    optimisation = Optimisation(
        optimizer.kind,
        optimizer.learning_rate,
        optimizer.weight_decay,
        schedule,
        training.label_width,
        training.precision,
        training.compile,
    )
    return PlacementTraining(model(recipe, conditions).to(dtype(recipe)), optimisation)


def check_accelerator(recipe: Recipe) -> None:
    """Refuse an accelerator that is not there, before any work is done.

    Raises:
        RecipeError: if a GPU is asked for and none can be used, or it lacks the precision.
    """
    if recipe.training.accelerator == "gpu" and not torch.accelerator.is_available():
        raise RecipeError("training.accelerator: no GPU can be used here; take cpu or auto")
    if training_layout(recipe).accelerator == "mps":
        for key, is_asked in (
            ("training.precision", recipe.training.precision == "float64"),
            ("sampling", recipe.sampling is not None),
        ):
            if is_asked:
                raise RecipeError(f"{key}: Apple's GPUs lack float64, which this needs; take training.accelerator=cpu")


def trainer(
    recipe: Recipe,
    directory: Path,
    steps_per_epoch: int,
    processes: Processes = ALONE,
    starts: Sequence[Start] = FROM_NOTHING,
    tracker: Tracker = OFF,
) -> Trainer:
    """Lightning's trainer, writing into a run directory; progress bars appear on a terminal only.

    Every limit, epochs included, stops it in the way that ends with a validation. Several processes have joined
    already when it is made.

    Args:
        recipe: what to do.
        directory: of the run.
        steps_per_epoch: optimisation steps.
        processes: that train together.
        starts: of sampled molecules.
        tracker: gets all metrics, and tables of sampled molecules.
    """
    training, layout = recipe.training, training_layout(recipe)
    max_steps = training.max_epochs * steps_per_epoch
    if training.max_steps is not None:
        max_steps = min(max_steps, training.max_steps)
    has_bar = training.progress_refresh > 0 and sys.stdout.isatty()
    return Trainer(
        accelerator=training.accelerator,
        devices=layout.devices,
        num_nodes=layout.nodes,
        # nothing in the buffers changes while a model learns
        strategy="auto" if processes.size == 1 else DDPStrategy(broadcast_buffers=False),
        plugins=[WholeCheckpoints(), *([processes.cluster] if processes.cluster is not None else [])],
        use_distributed_sampler=False,  # ours shares the batches
        max_epochs=-1,
        gradient_clip_val=training.gradient_clip,
        val_check_interval=max(1, round(training.validate_every * steps_per_epoch)),
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        callbacks=[
            FiniteNumbers(directory / FAILED_BATCH, processes),
            *_loop_callbacks(recipe, max_steps, has_bar, processes),
            *_after_validations(
                recipe, sampling(recipe, steps_per_epoch, starts, processes, has_bar and processes.is_first, tracker)
            ),
            *_checkpoints(recipe, directory, processes),
        ],
        logger=[MetricsFile(directory / "metrics.csv"), TrackedMetrics(tracker)],
        default_root_dir=directory,
        enable_progress_bar=has_bar,
        enable_model_summary=False,
        log_every_n_steps=LOG_EVERY,
    )


def ending(recipe: Recipe, loop: Trainer) -> str:
    """Why a training came to its end, in words; the setting that ended it is named as a recipe has it.

    Args:
        recipe: of the training.
        loop: that has ended.
    """
    training, callbacks = recipe.training, loop.callbacks  # type: ignore[attr-defined]
    if training.max_steps is not None and loop.global_step >= training.max_steps:
        return f"training.max_steps={training.max_steps} was reached"
    if any(isinstance(each, StepLimit) and loop.global_step >= each.max_steps for each in callbacks):
        return f"training.max_epochs={training.max_epochs} was reached"
    if any(isinstance(each, TimeLimit) and each.is_reached for each in callbacks):
        return f"training.max_minutes={training.max_minutes:g} was reached"
    # the stored reason of an earlier stop would outlive a resumption
    waited = max((each.wait_count for each in callbacks if isinstance(each, Patience)), default=0)
    return f"{waited:,} validations without improvement, training.early_stopping={training.early_stopping}"


def _loop_callbacks(recipe: Recipe, max_steps: int, has_bar: bool, processes: Processes) -> list[Callback]:
    """What happens around the steps."""
    training = recipe.training
    callbacks: list[Callback] = [StepLimit(max_steps), OrderlyInterrupt(processes)]
    if has_bar:
        callbacks.append(TQDMProgressBar(training.progress_refresh))
    if training.max_minutes is not None:
        callbacks.append(TimeLimit(training.max_minutes, processes))
    if training.ema_decay is not None:
        callbacks.append(AveragedWeights(training.ema_decay))
    return [*callbacks, Throughput()]  # after the limits: where the run stops, it is logged too


def _checkpoints(recipe: Recipe, directory: Path, processes: Processes) -> list[Callback]:
    """The best weights, and the last ones, at every validation and in between."""
    folder, metric = directory / "checkpoints", recipe.checkpoint.metric
    best: ModelCheckpoint
    if metric in SAMPLED:
        best = SampledCheckpoint(folder, filename=BEST, monitor=metric, mode="max", enable_version_counter=False)
    else:
        best = ModelCheckpoint(folder, filename=BEST, monitor=metric, enable_version_counter=False)
    last = ModelCheckpoint(folder, filename=LAST, enable_version_counter=False)  # after the best: it holds its score
    return [best, last, SaveBetween(folder / f"{LAST}.ckpt", recipe.checkpoint.every_minutes, processes)]


def _after_validations(recipe: Recipe, sampling: Sampling | None) -> list[Callback]:
    """What follows a validation.

    Early stopping comes after a sampling that it goes by, and otherwise before, so that the last validation has one.
    """
    metric, patience = recipe.checkpoint.metric, recipe.training.early_stopping
    goes_by_samples = metric in SAMPLED
    callbacks: list[Callback] = []
    if patience is not None:
        mode = "max" if goes_by_samples else "min"
        callbacks.append(Patience(metric, patience=patience, mode=mode, strict=not goes_by_samples))
    if sampling is not None:
        callbacks.insert(0 if goes_by_samples else len(callbacks), sampling)
    return [*callbacks, ValidationLine(sampling.settings.n_molecules if sampling is not None else 0)]
