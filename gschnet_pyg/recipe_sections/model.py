"""The network: atoms, cutoffs, growth, sizes, conditions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, PositiveFloat, Tag, model_validator

from gschnet_pyg.limits import LONGEST_CUTOFF, MOST_BINS, MOST_GAUSSIANS, TOKENS
from gschnet_pyg.recipe_sections.base import Layers, PositiveShare, PropertyName, Section, Width


class AtomSettings(Section):
    """Atom types the model can place, and the token types beside them."""

    types: tuple[Annotated[int, Field(ge=1, le=118)], ...] = Field(default=(1, 6, 7, 8, 9), min_length=1)
    """Atomic numbers; a molecule with another element is an error."""
    origin: int = 121
    """Number that stands for the origin token."""
    focus: int = 122
    """Number that stands for the focus token."""
    stop: int = 123
    """Number that stands for *stop*."""

    @model_validator(mode="after")
    def _distinct(self) -> AtomSettings:
        everything = [*self.types, self.origin, self.focus, self.stop]
        if len(set(everything)) < len(everything):
            raise ValueError(f"atom types and token types must be distinct, got {everything}")
        if not all(token in TOKENS for token in (self.origin, self.focus, self.stop)):
            raise ValueError(f"token types must be from {TOKENS[0]} to {TOKENS[-1]:,}")
        return self


class CutoffSettings(Section):
    """The three cutoffs in Å; a pair counts when its distance is strictly smaller."""

    model: PositiveFloat = 10.0
    """Å; atoms closer than this exchange messages."""
    prediction: PositiveFloat = 5.0
    """Å; atoms this close to the focus predict the next type and their distance to the next atom."""
    placement: PositiveFloat = 1.7
    """Å; the next atom is placed this close to the focus. A little longer than the longest bond."""
    covalent_factor: PositiveFloat | None = 1.1
    """Placement neighbours are also closer than this times the sum of their covalent radii."""

    @model_validator(mode="after")
    def _of_molecules(self) -> CutoffSettings:
        for name in ("model", "prediction", "placement"):
            if getattr(self, name) > LONGEST_CUTOFF:
                raise ValueError(f"{name} is {getattr(self, name):g} Å; no cutoff is longer than {LONGEST_CUTOFF:,} Å")
        return self


class GrowthSettings(Section):
    """How molecules grow; the defaults are those of a model that starts from nothing."""

    origin: bool = True
    """The model sees a token at the centre of mass; without it, molecules can only grow from substructures."""
    fragment_share: PositiveShare | None = None
    """Learn to complete substructures: random connected fragments of up to this share of a molecule's atoms."""
    finished_fragment: bool = False
    """Atoms of a fragment whose neighbours are all in it count as finished, so no stop is learnt for them."""
    next_atom: Literal["center", "focus", "random", "index"] = "center"
    """Which unplaced neighbour of the focus comes next: closest to the centre of mass, closest to the focus, any, or
    the first of the file."""

    @model_validator(mode="after")
    def _something_to_start_from(self) -> GrowthSettings:
        if not self.origin and self.fragment_share is None:
            raise ValueError("without the origin token a fragment_share is needed, such as 0.5, to start from")
        if self.finished_fragment and self.fragment_share is None:
            raise ValueError("finished_fragment says how fragments are learnt; give a fragment_share, such as 0.5")
        return self


def _one_or_each(width: object) -> str:
    return "each" if isinstance(width, (list, tuple)) else "one"


class HeadSettings(Section):
    """A stack of dense layers."""

    layers: Layers = 5
    """Dense layers, the last one included."""
    width: Annotated[
        Annotated[Width, Tag("one")] | Annotated[tuple[Width, ...], Tag("each")],
        Discriminator(_one_or_each),  # so that an error speaks of what was meant
    ] = 256
    """Of the hidden layers: one number, or one for each, such as [206, 156, 106, 56]."""

    @model_validator(mode="after")
    def _one_for_each(self) -> HeadSettings:
        if not isinstance(self.width, int) and len(self.width) != self.layers - 1:
            raise ValueError(
                f"{self.layers} layers have {self.layers - 1} hidden ones, but {len(self.width)} widths are given"
            )
        return self


class ModelSection(Section):
    """Sizes of the network."""

    features: Width = 128
    """Width of SchNet's features."""
    interactions: Layers = 9
    """Interaction blocks."""
    gaussians: Annotated[int, Field(ge=2, le=MOST_GAUSSIANS)] = 25
    """Gaussians that expand distances, from 0 to the model cutoff."""
    shared_interactions: bool = False
    """All interaction blocks use the same weights."""
    type_head: HeadSettings = HeadSettings()
    """Dense layers that predict the next type."""
    distance_head: HeadSettings = HeadSettings()
    """Dense layers that predict the distance to the next atom."""
    type_distribution: Literal["product", "average"] = "product"
    """How the predictors' distributions over types become one."""
    max_distance: Annotated[float, Field(gt=0, le=2 * LONGEST_CUTOFF)] | None = None
    """Å, centre of the last distance bin; prediction + placement cutoff where there is none."""
    distance_bins: Annotated[int, Field(ge=2, le=MOST_BINS)] | None = None
    """Number of bins; 30 per Å, and one, where there is none."""


def _check_range(minimum: float | None, maximum: float | None) -> None:
    if minimum is not None and maximum is not None and minimum >= maximum:
        raise ValueError(f"minimum {minimum} is not below maximum {maximum}")


class ScalarSettings(Section):
    """A number, expanded in Gaussians; range and spacing come from the training molecules where they are left out."""

    kind: Literal["scalar"]
    property: PropertyName
    """Of the data, or computed: n_atoms, n_heavy_atoms, relative_atomic_energy."""
    minimum: float | None = None
    """Centre of the first Gaussian, in the unit of the property; nearly the lowest training value by default."""
    maximum: float | None = None
    """Centre of the last Gaussian; nearly the highest training value by default."""
    spacing: PositiveFloat | None = None
    """Between neighbouring Gaussians, and their width; by default five of them span the range."""
    layers: Layers = 3
    """Dense layers of the embedding."""
    width: Width = 64
    """Of these layers, and of the embedding."""

    @model_validator(mode="after")
    def _ascending(self) -> ScalarSettings:
        _check_range(self.minimum, self.maximum)
        return self


class VectorSettings(Section):
    """Several numbers."""

    kind: Literal["vector"]
    property: PropertyName = "fingerprint"
    """Of the data, or computed: fingerprint."""
    layers: Layers = 3
    """Dense layers of the embedding."""
    width: Width = 64
    """Of the embedding."""
    hidden: Width | None = None
    """Width of hidden layers; halved from layer to layer, down to ``width``, where there is none."""


class CountSettings(Section):
    """The total number of atoms, expanded in Gaussians."""

    minimum: float = 0.0
    """Centre of the first Gaussian, in atoms."""
    maximum: float = 35.0
    """Centre of the last Gaussian, in atoms; no lower than the largest molecule."""
    spacing: PositiveFloat = 8.75
    """Between neighbouring Gaussians, and their width, in atoms."""
    layers: Layers = 3
    """Dense layers of the embedding."""
    width: Width = 64
    """Of these layers, and of the embedding."""

    @model_validator(mode="after")
    def _ascending(self) -> CountSettings:
        _check_range(self.minimum, self.maximum)
        return self


class CompositionSettings(Section):
    """The number of atoms of every type."""

    kind: Literal["composition"]
    skip_hydrogen: bool = False
    """Leave hydrogen out."""
    type_features: Width = 16
    """Width of the embedding of each type, which its concentration weights."""
    layers: Layers = 3
    """Dense layers over the weighted types."""
    width: Width = 64
    """Of these layers, and of their result."""
    count: CountSettings = CountSettings()

    @property
    def property(self) -> str:
        """Name of the condition."""
        return "composition"


ConditionSettings = Annotated[ScalarSettings | VectorSettings | CompositionSettings, Field(discriminator="kind")]


class MixingSettings(Section):
    """Dense layers that mix the embeddings of all conditions."""

    layers: Layers = 5
    """Number of layers."""
    width: Width = 128
    """Of the layers, and of their result."""
    scale: PositiveFloat = 1.0
    """Factor on their result; about 10 lets a model heed its conditions sooner, since the features beside them are
    larger."""
