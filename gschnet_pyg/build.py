"""Recipe -> objects."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import (
    EarlyStopping,
    ModelCheckpoint,
    Timer,
    TQDMProgressBar,
)

from gschnet_pyg.contracts import Cutoffs, Vocabulary
from gschnet_pyg.data.checks import check_elements
from gschnet_pyg.data.connectivity import connected
from gschnet_pyg.data.datamodule import Loading, MoleculeDataModule
from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.data.qm9 import open_qm9
from gschnet_pyg.data.sources import DEMO, open_dataset
from gschnet_pyg.data.splits import Split, draw_split, load_split, save_split
from gschnet_pyg.errors import RecipeError
from gschnet_pyg.generation.sampler import GenerationSettings
from gschnet_pyg.model.gschnet import GSchNet, ModelSettings
from gschnet_pyg.recipe import GenerationRecipe, Recipe
from gschnet_pyg.recipe_sections import ConstantSettings, CosineSettings, DemoData, FileData, PlateauSettings, QM9Data
from gschnet_pyg.training.callbacks import AveragedWeights, SaveOnInterrupt, StepLimit, ValidationLine
from gschnet_pyg.training.metrics_file import MetricsFile
from gschnet_pyg.training.module import PlacementTraining
from gschnet_pyg.training.optimisation import Cosine, Optimisation, Plateau

BEST, LAST = "best", "last"
"""Names of the checkpoints."""


def vocabulary(recipe: Recipe) -> Vocabulary:
    """Atom types and tokens."""
    return Vocabulary(recipe.atoms.types, recipe.atoms.origin, recipe.atoms.focus, recipe.atoms.stop)


def cutoffs(recipe: Recipe) -> Cutoffs:
    """The three cutoffs."""
    return Cutoffs(**recipe.cutoffs.model_dump())


def dataset(recipe: Recipe) -> MoleculeDataset:
    """The molecules, all of them of the vocabulary's elements.

    Raises:
        DataError: if the source cannot be used or holds another element.
    """
    match recipe.data:
        case FileData(path=path, units=units, distance_unit=distance_unit):
            molecules = open_dataset(path, properties=(), units=units or None, distance_unit=distance_unit)
        case DemoData():
            molecules = open_dataset(DEMO, properties=())
        case QM9Data(directory=directory, remove_uncharacterised=remove):
            molecules = open_qm9(directory, properties=(), remove_uncharacterised=remove)
    check_elements(molecules, recipe.atoms.types)
    return molecules


def split(recipe: Recipe, molecules: MoleculeDataset, stored: Path) -> Split:
    """The split of a run: the stored one where there is one, else drawn and stored.

    Molecules that fall apart under the placement rule are in no part.
    """
    if stored.is_file():
        return load_split(stored, molecules)
    is_usable = connected(molecules, cutoffs(recipe))
    sizes = recipe.split
    drawn = draw_split(is_usable, sizes.train, sizes.validation, sizes.test, recipe.seed)
    save_split(stored, drawn, molecules)
    return drawn


def datamodule(recipe: Recipe, molecules: MoleculeDataset, parts: Split) -> MoleculeDataModule:
    """Loaders of the three parts."""
    training = recipe.training
    loading = Loading(
        training.batch_size,
        training.steps_drawn or None,
        training.workers.train,
        training.workers.validation,
        training.workers.test,
    )
    return MoleculeDataModule(molecules, parts, vocabulary(recipe), cutoffs(recipe), loading, seed=recipe.seed)


def model(recipe: Recipe) -> GSchNet:
    """The network, with weights from the recipe's seed."""
    section = recipe.model
    settings = ModelSettings(
        n_features=section.features,
        n_interactions=section.interactions,
        n_gaussians=section.gaussians,
        shared_interactions=section.shared_interactions,
        type_layers=section.type_head.layers,
        type_width=section.type_head.width,
        distance_layers=section.distance_head.layers,
        distance_width=section.distance_head.width,
        average_types=section.type_distribution == "average",
        max_distance=section.max_distance,
        n_distance_bins=section.distance_bins,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return GSchNet(vocabulary(recipe), cutoffs(recipe), settings)


def training_module(recipe: Recipe) -> PlacementTraining:
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
        optimizer.kind, optimizer.learning_rate, optimizer.weight_decay, schedule, training.label_width
    )
    return PlacementTraining(model(recipe), optimisation)


def trainer(recipe: Recipe, directory: Path, steps_per_epoch: int) -> Trainer:
    """Lightning's trainer, writing into a run directory; progress bars appear on a terminal only.

    Every limit, epochs included, stops it in the way that ends with a validation.
    """
    training = recipe.training
    max_steps = training.max_epochs * steps_per_epoch
    if training.max_steps is not None:
        max_steps = min(max_steps, training.max_steps)
    has_bar = training.progress_refresh > 0 and sys.stdout.isatty()
    if training.accelerator == "gpu" and not torch.accelerator.is_available():
        raise RecipeError("training.accelerator: no GPU can be used here; take cpu or auto")
    return Trainer(
        accelerator=training.accelerator,
        devices=1,
        max_epochs=-1,
        gradient_clip_val=training.gradient_clip,
        val_check_interval=max(1, round(training.validate_every * steps_per_epoch)),
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        callbacks=_callbacks(recipe, directory, max_steps, has_bar),
        logger=MetricsFile(directory / "metrics.csv"),
        default_root_dir=directory,
        enable_progress_bar=has_bar,
        enable_model_summary=False,
        log_every_n_steps=20,
    )


def _callbacks(recipe: Recipe, directory: Path, max_steps: int, has_bar: bool) -> list[Callback]:
    training = recipe.training
    callbacks: list[Callback] = [
        ModelCheckpoint(
            directory / "checkpoints",
            filename=BEST,
            monitor="validation/loss",
            save_last=True,
            enable_version_counter=False,
        ),
        SaveOnInterrupt(directory / "checkpoints" / f"{LAST}.ckpt"),
        ValidationLine(),
        StepLimit(max_steps),
    ]
    if has_bar:
        callbacks.append(TQDMProgressBar(training.progress_refresh))
    if training.max_minutes is not None:
        callbacks.append(Timer(timedelta(minutes=training.max_minutes), verbose=False))
    if training.ema_decay is not None:
        callbacks.append(AveragedWeights(training.ema_decay))
    if training.early_stopping is not None:
        callbacks.append(EarlyStopping("validation/loss", patience=training.early_stopping))
    return callbacks


def generation_settings(recipe: GenerationRecipe) -> GenerationSettings:
    """How molecules are drawn."""
    return GenerationSettings(
        n_molecules=recipe.n_molecules,
        batch_size=recipe.batch_size,
        max_atoms=recipe.max_atoms,
        temperature=recipe.temperature,
        type_temperature=recipe.type_temperature,
        grid_minimum=recipe.grid_minimum,
        grid_spacing=recipe.grid_spacing,
        seed=recipe.seed,
    )


def device(name: str) -> torch.device:
    """The device of a name, ``auto``, ``cpu`` or ``cuda``; ``auto`` takes a GPU if there is one.

    Raises:
        RecipeError: if there is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(name)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise RecipeError(f"device: {name!r} cannot be used here ({str(error).splitlines()[0]})") from None
    return chosen
