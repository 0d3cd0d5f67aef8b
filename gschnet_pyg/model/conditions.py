"""What a model is conditioned on: frozen descriptions that travel with its weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from gschnet_pyg.errors import ModelError
from gschnet_pyg.limits import (
    MOST_GAUSSIANS,
    MOST_LAYERS,
    MOST_VALUES,
    WIDEST,
    check_flag,
    check_number,
    check_types,
    check_whole,
)

HYDROGEN = 1
FINGERPRINT = "fingerprint"
"""Kind of the computed vector."""

Ranges = tuple[tuple[float, float], ...]
"""Smallest and largest value, one pair for each component."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One condition; its value is the same for all steps of a molecule.

    Args:
        name: of the property.
        unit: of its values, else none.
        computed: how the property is computed from a molecule, as JSON; none if the data bring it.
        observed: range of every component among the training molecules; empty if nobody looked.
        layers, width: dense layers of the embedding and their width.

    Raises:
        ValueError: if something is not what it should be, or a size is beyond all models.
    """

    kind: ClassVar[str]
    name: str
    unit: str | None = None
    computed: Mapping[str, Any] | None = None
    observed: Ranges = ()
    layers: int = 3
    width: int = 64

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not isinstance(self.unit, str | None):
            raise ValueError("the property and the unit of a condition are text")
        if self.computed is not None and not isinstance(self.computed.get("kind"), str):
            raise ValueError(f"{self.name}: what computes it has no kind")
        if (self.computed or {}).get("kind") == FINGERPRINT and self.kind != "vector":
            raise ValueError(f"{self.name}: a fingerprint is a vector, not a {self.kind}")
        check_whole(f"{self.name}: layers", self.layers, 1, MOST_LAYERS)
        check_whole(f"{self.name}: width", self.width, 1, WIDEST)
        if self.observed and len(self.observed) != self.n_values:
            raise ValueError(f"{self.name}: {len(self.observed)} ranges for {self.n_values} values")
        if not all(math.isfinite(end) for ends in self.observed for end in ends):
            raise ValueError(f"{self.name}: a range is not finite")

    @property
    def n_values(self) -> int:
        """Number of components, ``k``."""
        raise NotImplementedError

    @property
    def n_features(self) -> int:
        """Width of the embedding."""
        return self.width

    def to_json(self) -> dict[str, Any]:
        """Plain containers."""
        fields = asdict(self)
        return {"kind": self.kind, "property": fields.pop("name"), **fields}


@dataclass(frozen=True, kw_only=True)
class ScalarCondition(Condition):
    """One number, expanded in Gaussians from ``minimum`` to ``maximum`` with a ``spacing``.

    The last Gaussian lies at the maximum, or beyond it where the spacing does not divide the range.
    """

    kind: ClassVar[str] = "scalar"
    minimum: float
    maximum: float
    spacing: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.spacing > 0 and self.maximum > self.minimum):
            raise ValueError(f"{self.name}: minimum < maximum and a positive spacing are needed")
        if not (self.maximum - self.minimum) / self.spacing < MOST_GAUSSIANS:
            raise ValueError(f"{self.name}: a spacing of {self.spacing:g} makes more than {MOST_GAUSSIANS:,} Gaussians")

    @property
    def n_values(self) -> int:
        """Number of components, 1."""
        return 1

    @property
    def n_gaussians(self) -> int:
        """Number of Gaussians, two at least; rounding cannot add one where the spacing divides the range."""
        return max(1, math.ceil((self.maximum - self.minimum) / self.spacing - 1e-6)) + 1


@dataclass(frozen=True, kw_only=True)
class VectorCondition(Condition):
    """``size`` numbers, such as a fingerprint, read by dense layers as they are.

    Args:
        size: number of components.
        hidden: width of the hidden layers; none halves it from layer to layer, down to the width of the embedding.
    """

    kind: ClassVar[str] = "vector"
    size: int
    hidden: int | None = None

    def __post_init__(self) -> None:
        check_whole(f"{self.name}: size", self.size, 1, MOST_VALUES)
        super().__post_init__()
        if self.hidden is not None:
            check_whole(f"{self.name}: hidden", self.hidden, 1, WIDEST)
        if (self.computed or {}).get("kind") == FINGERPRINT:
            assert self.computed is not None
            check_whole(f"{self.name}: radius", self.computed.get("radius"), 0, 100)
            check_whole(f"{self.name}: bits", self.computed.get("bits"), self.size, self.size)

    @property
    def n_values(self) -> int:
        """Number of components."""
        return self.size

    @property
    def hidden_widths(self) -> tuple[int, ...]:
        """Widths of the hidden layers."""
        if self.hidden is not None:
            return (self.hidden,) * (self.layers - 1)
        return tuple(max(self.width, self.size // 2 ** (layer + 1)) for layer in range(self.layers - 1))


@dataclass(frozen=True, kw_only=True)
class CompositionCondition(Condition):
    """Number of atoms of every type.

    The embedding of each type is weighted with the concentration of the type; beside it the total number of atoms is
    embedded like a scalar.

    Args:
        atom_types: that are counted.
        skip_hydrogen: leave hydrogen out, of the total as well.
        type_features: width of the embedding of a type.
        count: the total number of atoms.
    """

    kind: ClassVar[str] = "composition"
    name: str = "composition"
    atom_types: tuple[int, ...]
    skip_hydrogen: bool = False
    type_features: int = 16
    count: ScalarCondition = ScalarCondition(name="n_atoms", minimum=0.0, maximum=35.0, spacing=8.75)

    def __post_init__(self) -> None:
        check_types(f"{self.name}: atom_types", self.atom_types)
        super().__post_init__()
        check_flag(f"{self.name}: skip_hydrogen", self.skip_hydrogen)
        check_whole(f"{self.name}: type_features", self.type_features, 1, WIDEST)
        if not self.counted:
            raise ValueError(f"{self.name}: hydrogen is the only type, and is skipped")

    @property
    def n_values(self) -> int:
        """Number of types."""
        return len(self.atom_types)

    @property
    def counted(self) -> tuple[int, ...]:
        """Places of the types that the model sees: all but hydrogen where that is skipped."""
        return counted_places(self.atom_types, self.skip_hydrogen)

    @property
    def n_features(self) -> int:
        """Width of the embedding: concentrations and total."""
        return self.width + self.count.width


@dataclass(frozen=True)
class Mixing:
    """Dense layers that mix the embeddings of all conditions.

    Args:
        layers: number of layers.
        width: of the layers, and of the result.
        scale: factor on the result. The features of a trained SchNet are about ten times as large as those of its
            conditions; a larger factor lets a model heed its conditions sooner.

    Raises:
        ValueError: if one is none, or beyond all models.
    """

    layers: int = 5
    width: int = 128
    scale: float = 1.0

    def __post_init__(self) -> None:
        check_whole("mixing: layers", self.layers, 1, MOST_LAYERS)
        check_whole("mixing: width", self.width, 1, WIDEST)
        check_number("mixing: scale", self.scale)


def counted_places(atom_types: Sequence[int], skip_hydrogen: bool) -> tuple[int, ...]:
    """Places of the types that a composition counts."""
    return tuple(place for place, z in enumerate(atom_types) if not (skip_hydrogen and z == HYDROGEN))


def conditions_from_json(descriptions: Sequence[Mapping[str, Any]]) -> tuple[Condition, ...]:
    """Conditions from what :meth:`Condition.to_json` gave.

    Raises:
        ModelError: if one is of an unknown kind.
    """
    return tuple(_from_json(description) for description in descriptions)


def _from_json(description: Mapping[str, Any]) -> Condition:
    fields = dict(description)
    fields["name"] = fields.pop("property")
    fields["observed"] = tuple((low, high) for low, high in fields.get("observed", ()))
    match fields.pop("kind", None):
        case "scalar":
            return ScalarCondition(**fields)
        case "vector":
            return VectorCondition(**fields)
        case "composition":
            count = {**fields["count"], "observed": tuple(map(tuple, fields["count"].get("observed", ())))}
            return CompositionCondition(
                **{**fields, "atom_types": tuple(fields["atom_types"]), "count": ScalarCondition(**count)}
            )
        case kind:
            raise ModelError(f"condition {fields['name']!r} is of an unknown kind, {kind!r}; update gschnet_pyg")
