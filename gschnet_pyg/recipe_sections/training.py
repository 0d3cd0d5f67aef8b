"""The training loop, and where its results go."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from gschnet_pyg.recipe_sections.base import Count, Fraction, Name, Section, Seed, Share
from gschnet_pyg.recipe_sections.data import WorkerSettings


class OptimizerSettings(Section):
    """The optimiser."""

    kind: Literal["adam", "adamw"] = "adam"
    """Adam, or Adam with decoupled weight decay."""
    learning_rate: PositiveFloat = 1e-4
    """At the start, or after the warm-up."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Of the optimiser."""


class PlateauSettings(Section):
    """Reduce the learning rate when the validation loss stops falling."""

    kind: Literal["plateau"]
    factor: Fraction = 0.5
    """That multiplies the learning rate."""
    patience: Count = 10
    """Validations without improvement."""
    minimum: Annotated[float, Field(ge=0)] = 1e-6
    """Lowest learning rate."""


class CosineSettings(Section):
    """Linear warm-up, then a cosine over the limit of the run."""

    kind: Literal["cosine"]
    warmup_steps: Count = 200
    """Optimisation steps in which the learning rate rises."""
    final_fraction: Share = 0.01
    """Share of the learning rate that is left at the end."""


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
    """The optimiser."""
    schedule: Annotated[PlateauSettings | CosineSettings | ConstantSettings, Field(discriminator="kind")] = (
        PlateauSettings(kind="plateau")
    )
    """How the learning rate changes."""
    label_width: PositiveFloat = 0.1
    """Width of the distance labels in bins; below 0.01 they are one-hot."""
    precision: Literal["float32", "bfloat16", "float64"] = "float32"
    """Of the numbers in training. bfloat16 is that of matrix products and features; weights and losses are float32,
    validation is exact. It is faster on GPUs, and on CPUs that have instructions for it. float64 is that of everything,
    also of the stored model, which then generates in it. It takes at least twice the time and memory, and Apple's GPUs
    lack it."""
    compile: bool = False
    """Let PyTorch compile the model for training, which takes a minute and a C++ compiler; made for GPUs, on CPUs it
    was slower."""
    gradient_clip: PositiveFloat | None = None
    """Largest gradient norm."""
    ema_decay: Fraction | None = None
    """Average the weights exponentially; the average is validated and exported."""
    max_epochs: PositiveInt = 1000
    """Epochs at most, over all resumptions."""
    max_steps: PositiveInt | None = None
    """Optimisation steps at most, over all resumptions."""
    max_minutes: PositiveFloat | None = None
    """Minutes of wall time at most: training, validation and sampling, over all resumptions."""
    early_stopping: PositiveInt | None = 25
    """Validations without improvement before training ends; samplings, where checkpoint.monitor goes by these."""
    validate_every: PositiveFloat = 1.0
    """Epochs between validations, parts of an epoch included; every run also ends with one."""
    workers: WorkerSettings = WorkerSettings()
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """What to compute on; auto takes a GPU if there is one."""
    devices: Annotated[int, Field(gt=0, le=1_024)] | Literal["auto"] = 1
    """Processes on each machine, each on a GPU of its own; auto takes all GPUs. On CPUs, a number of processes."""
    nodes: Annotated[int, Field(gt=0, le=65_536)] = 1
    """Machines that train together."""
    progress_refresh: Count = 20
    """Steps between updates of the progress bar; 0 turns it off."""
    model_summary: bool = True
    """Say how many weights each part of the network has."""


class SamplingSection(Section):
    """Molecules that are generated while the model learns; left out (null), there are none.

    What share of them is valid, unique and stable is logged as sampled/valid, sampled/unique, sampled/stable, ... They
    are made with the weights that are validated, at the last validation of the run too, and always with the same seed,
    so that differences between samplings are the model's. A model with conditions is asked for those of validation
    molecules.
    """

    every: PositiveInt
    """Epochs between samplings; each takes place at the validation that ends such an epoch, or first follows it."""
    n_molecules: PositiveInt = 200
    """Molecules to attempt; unfinished ones count against the model."""
    temperature: PositiveFloat = 0.1
    """Of positions; lower is sharper."""
    max_atoms: PositiveInt = 35
    """A molecule of this size may finish, but gets no further atom."""
    batch_size: PositiveInt = 512
    """Molecules that grow at a time; the molecules do not depend on it."""
    seed: Seed = 0
    """Of the molecules, and of the choice of conditions."""


BEST, LAST = "best", "last"
"""Names of the checkpoints."""


class CheckpointSection(Section):
    """Which weights are the best ones, and how often the last ones are stored."""

    monitor: Literal["loss", "valid", "unique", "stable"] = "loss"
    """The lowest validation loss, or the largest share of sampled molecules that are valid, valid and unique, or
    stable by EDM's rules; early stopping goes by it too, the learning rate always by the loss."""
    every_minutes: PositiveFloat | None = 10.0
    """The state to resume from is stored at least as often; before and after every validation in any case. The weights
    do not depend on it."""

    @property
    def metric(self) -> str:
        """Name under which it is logged."""
        return "validation/loss" if self.monitor == "loss" else f"sampled/{self.monitor}"


class RunSection(Section):
    """Where results go: ``directory/id``."""

    directory: Path = Path("runs")
    """Folder of all runs."""
    id: Name | None = None
    """An id that exists resumes; one is made up where there is none."""
    cache_directory: Path | None = None
    """Where converted data are kept; beside the data where there is none."""
    data_work_directory: Path | None = None
    """Fast local storage that a source file is copied to before it is converted."""
    cache_work_directory: Path | None = None
    """Fast local storage that converted data are copied to; removed when the run ends well."""
