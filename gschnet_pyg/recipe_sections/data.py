"""Molecules: where they come from, what is computed from them, how they are split."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from gschnet_pyg.data.comparisons import parse_filters
from gschnet_pyg.errors import RecipeError
from gschnet_pyg.recipe_sections.base import NumberOfProcesses, OptionalSize, PropertyName, Section, Size


class FileData(Section):
    """Molecules from a file: ASE database, any multi-frame format that ASE reads, SDF, or flat npz."""

    kind: Literal["file"]
    path: Path
    """The file."""
    distance_unit: str | None = None
    """Unit of positions in the file; Å unless the file says otherwise."""
    units: dict[str, str] = Field(default={})
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


class RelativeAtomicEnergySettings(Section):
    """Energy per atom, less what a linear fit on the concentrations of the elements expects, in eV."""

    energy: PropertyName
    """Property with the total energy."""
    coefficients: dict[str, float] | None = None
    """eV, by element; fitted on at most 5,000 training molecules where there are none."""
    intercept: float | None = None
    """eV; fitted with the coefficients, or 0 beside given ones."""
    fitted: bool | None = None
    """The coefficients were fitted to the training molecules of a run; another run fits its own."""

    @model_validator(mode="after")
    def _whole(self) -> RelativeAtomicEnergySettings:
        if self.intercept is not None and self.coefficients is None:
            raise ValueError("an intercept alone is no fit; give the coefficients too, or neither")
        return self


class FingerprintSettings(Section):
    """Morgan fingerprint of the molecule that RDKit perceives from the coordinates, without hydrogens."""

    radius: Annotated[int, Field(ge=0, le=100)] = 2
    """Bonds around each atom."""
    bits: Annotated[int, Field(ge=8, le=65_536, multiple_of=8)] = 1024
    """Length of the fingerprint."""


class PropertiesSection(Section):
    """Properties that are computed, for conditions and filters.

    ``composition``, ``n_atoms`` and ``n_heavy_atoms`` need no settings.
    """

    relative_atomic_energy: RelativeAtomicEnergySettings | None = None
    fingerprint: FingerprintSettings = FingerprintSettings()


class SplitSettings(Section):
    """Sizes of the parts, as counts or fractions of the molecules that may be drawn; or the split of a file."""

    train: Size = None
    """Molecules that the weights are fitted to."""
    validation: Size = None
    """Molecules that the learning rate, early stopping and the best weights go by."""
    test: OptionalSize = None
    """Molecules for the loss at the end; all that remain where there is none."""
    hold_out: tuple[str | tuple[str, ...], ...] = ()
    """Molecules that neither train nor validate but test: composition == C7H10O2, gap < 4.5, ...; comparisons in one
    list must all hold, of several entries one suffices."""
    file: Path | None = None
    """A split.npz, of a run or of SchNetPack's; it decides in place of the sizes."""

    @field_validator("hold_out", mode="before")
    @classmethod
    def _readable(cls, value: object) -> object:
        entries = (value,) if isinstance(value, str) else value
        if not entries or not isinstance(entries, (list, tuple)):
            return entries
        try:
            parse_filters(entries)
        except RecipeError as error:
            raise ValueError(str(error).removeprefix("split.hold_out: ")) from None
        return entries

    @model_validator(mode="after")
    def _decided(self) -> SplitSettings:
        if self.file is None and (self.train is None or self.validation is None):
            raise ValueError("sizes for train and validation are needed, or the file of a split")
        return self


class WorkerSettings(Section):
    """Processes that work beside the training process, or each of several; 0 does the work in it."""

    train: NumberOfProcesses = 6
    """Build batches."""
    validation: NumberOfProcesses = 4
    """The same, in validation."""
    test: NumberOfProcesses = 4
    """The same, in the test."""
    preprocessing: NumberOfProcesses = 4
    """Perceive bonds, for fingerprints."""
