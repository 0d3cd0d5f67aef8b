"""Sections that recipes are made of; unknown keys are errors everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

Fraction = Annotated[float, Field(gt=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Name = Annotated[str, Field(pattern=r"^\w[\w.-]*$")]


def _no_whole_fraction(size: Any) -> Any:
    """Keep 1.0, which looks like all molecules, from being read as one molecule."""
    if isinstance(size, float) and size >= 1:
        raise ValueError("a fraction is below 1; write a count as a whole number")
    return size


Size = Annotated[PositiveInt | Fraction, BeforeValidator(_no_whole_fraction)]
OptionalSize = Annotated[Count | Fraction | None, BeforeValidator(_no_whole_fraction)]


class Section(BaseModel):
    """Part of a recipe; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


class FileData(Section):
    """Molecules from a file: ASE database, any multi-frame format that ASE reads, SDF, or flat npz."""

    kind: Literal["file"]
    path: Path
    """The file."""
    distance_unit: str | None = None
    """Unit of positions in the file; Å unless the file says otherwise."""
    units: dict[str, str] = {}
    """Unit of each property in the file, by ASE's names; energies become eV."""


class DemoData(Section):
    """The built-in set of small organic molecules."""

    kind: Literal["demo"]


class QM9Data(Section):
    """QM9, downloaded if missing."""

    kind: Literal["qm9"]
    directory: Path = Path("data")
    """Where the raw archive is, or is downloaded to."""
    remove_uncharacterised: bool = True
    """Leave out the 3,054 molecules that failed the published consistency check."""


DataSource = Annotated[FileData | DemoData | QM9Data, Field(discriminator="kind")]


class SplitSettings(Section):
    """Sizes of the parts, as counts or fractions of the usable molecules."""

    train: Size
    validation: Size
    test: OptionalSize = None
    """All that remain where there is none."""


class AtomSettings(Section):
    """Atom types the model can place, and the token types beside them."""

    types: tuple[Annotated[int, Field(ge=1, le=118)], ...] = Field(default=(1, 6, 7, 8, 9), min_length=1)
    origin: int = 121
    focus: int = 122
    stop: int = 123

    @model_validator(mode="after")
    def _distinct(self) -> AtomSettings:
        everything = [*self.types, self.origin, self.focus, self.stop]
        if len(set(everything)) < len(everything):
            raise ValueError(f"atom types and token types must be distinct, got {everything}")
        if min(self.origin, self.focus, self.stop) < 1:
            raise ValueError("token types must be positive")
        return self


class CutoffSettings(Section):
    """The three cutoffs in Å; a pair counts when its distance is strictly smaller."""

    model: PositiveFloat = 10.0
    prediction: PositiveFloat = 5.0
    placement: PositiveFloat = 1.7
    covalent_factor: PositiveFloat | None = 1.1
    """Placement neighbours are also closer than this times the sum of their covalent radii."""


class HeadSettings(Section):
    """A stack of dense layers."""

    layers: PositiveInt = 5
    width: PositiveInt = 256


class ModelSection(Section):
    """Sizes of the network."""

    features: PositiveInt = 128
    interactions: PositiveInt = 9
    gaussians: Annotated[int, Field(ge=2)] = 25
    shared_interactions: bool = False
    type_head: HeadSettings = HeadSettings()
    distance_head: HeadSettings = HeadSettings()
    type_distribution: Literal["product", "average"] = "product"
    max_distance: PositiveFloat | None = None
    """Largest distance bin in Å; prediction + placement cutoff where there is none."""
    distance_bins: Annotated[int, Field(ge=2)] | None = None
    """Number of bins; 30 per Å, and one, where there is none."""


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


class WorkerSettings(Section):
    """Processes that build batches; 0 builds them in the training process."""

    train: Count = 6
    validation: Count = 4
    test: Count = 4


class TrainingSection(Section):
    """The training loop."""

    batch_size: PositiveInt = 5
    steps_drawn: Count = 0
    """Prediction steps drawn per molecule and epoch, stops included; 0 takes all."""
    optimizer: OptimizerSettings = OptimizerSettings()
    schedule: Annotated[PlateauSettings | CosineSettings | ConstantSettings, Field(discriminator="kind")] = (
        PlateauSettings(kind="plateau")
    )
    label_width: PositiveFloat = 0.1
    """Width of the distance labels in bins; below 0.01 they are one-hot."""
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
    progress_refresh: Count = 20
    """Steps between updates of the progress bar; 0 turns it off."""


class RunSection(Section):
    """Where results go: ``directory/id``."""

    directory: Path = Path("runs")
    id: Name | None = None
    """An id that exists resumes; one is made up where there is none."""
