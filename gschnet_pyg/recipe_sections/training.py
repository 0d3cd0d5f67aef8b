"""The training loop, and where its results go."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from gschnet_pyg.recipe_sections.base import Count, Fraction, Name, Section, Share
from gschnet_pyg.recipe_sections.data import WorkerSettings


class OptimizerSettings(Section):
    """The optimiser."""

    kind: Literal["adam", "adamw"] = "adam"
    learning_rate: PositiveFloat = 1e-4
    weight_decay: Annotated[float, Field(ge=0)] = 0.0


class PlateauSettings(Section):
    """Reduce the learning rate when the validation loss stops falling."""

    kind: Literal["plateau"]
    factor: Fraction = 0.5
    patience: Count = 10
    """Validations without improvement."""
    minimum: Annotated[float, Field(ge=0)] = 1e-6


class CosineSettings(Section):
    """Linear warm-up, then a cosine over the limit of the run."""

    kind: Literal["cosine"]
    warmup_steps: Count = 200
    final_fraction: Share = 0.01


class ConstantSettings(Section):
    """The learning rate stays."""

    kind: Literal["constant"]


class TrainingSection(Section):
    """The training loop."""

    batch_size: PositiveInt = 5
    """Molecules per optimisation step, over all devices and machines together."""
    steps_drawn: Count = 0
    """Prediction steps drawn per molecule and epoch, stops included; 0 takes all."""
    position_noise: Annotated[float, Field(ge=0)] = 0.0
    """Å, standard deviation of the atoms in place, in training only. Exact geometry gives away what is missing from a
    part of a molecule; noise makes the model look at types and conditions instead."""
    origin_noise: Annotated[float, Field(ge=0)] = 0.0
    """Å, the same of the origin token."""
    optimizer: OptimizerSettings = OptimizerSettings()
    schedule: Annotated[PlateauSettings | CosineSettings | ConstantSettings, Field(discriminator="kind")] = (
        PlateauSettings(kind="plateau")
    )
    label_width: PositiveFloat = 0.1
    """Width of the distance labels in bins; below 0.01 they are one-hot."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of matrix products and features in training; weights and losses are float32, validation is exact. bfloat16 is
    faster on GPUs, and on CPUs that have instructions for it."""
    compile: bool = False
    """Let PyTorch compile the model for training, which takes a minute and a C++ compiler; made for GPUs, on CPUs it
    was slower."""
    gradient_clip: PositiveFloat | None = None
    """Largest gradient norm."""
    ema_decay: Fraction | None = None
    """Average the weights exponentially; the average is validated and exported."""
    max_epochs: PositiveInt = 1000
    max_steps: PositiveInt | None = None
    max_minutes: PositiveFloat | None = None
    """Wall time of training and validation, over all resumptions."""
    early_stopping: PositiveInt | None = 25
    """Validations without improvement before training ends."""
    validate_every: PositiveFloat = 1.0
    """Epochs between validations, parts of an epoch included; every run also ends with one."""
    workers: WorkerSettings = WorkerSettings()
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    devices: PositiveInt | Literal["auto"] = 1
    """Processes on each machine, each on a GPU of its own; auto takes all GPUs. On CPUs, a number of processes."""
    nodes: PositiveInt = 1
    """Machines that train together."""
    progress_refresh: Count = 20
    """Steps between updates of the progress bar; 0 turns it off."""
    model_summary: bool = True
    """Say how many weights each part of the network has."""


class RunSection(Section):
    """Where results go: ``directory/id``."""

    directory: Path = Path("runs")
    id: Name | None = None
    """An id that exists resumes; one is made up where there is none."""
    cache_directory: Path | None = None
    """Where converted data are kept; beside the data where there is none."""
    data_work_directory: Path | None = None
    """Fast local storage that a source file is copied to before it is converted."""
    cache_work_directory: Path | None = None
    """Fast local storage that converted data are copied to; removed when the run ends well."""
