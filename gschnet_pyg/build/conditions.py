"""What a recipe leaves open about its conditions, settled by the training molecules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gschnet_pyg.build.data import split
from gschnet_pyg.build.growth import cutoffs
from gschnet_pyg.build.model import check_size
from gschnet_pyg.build.properties import (
    RELATIVE_ATOMIC_ENERGY,
    computation,
    splits_by_relative_energy,
    wants,
    with_counted,
    with_relative_energy,
)
from gschnet_pyg.data.arrays import row_pieces
from gschnet_pyg.data.comparisons import COMPOSITION, N_ATOMS
from gschnet_pyg.data.connectivity import connected
from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.data.splits import Split
from gschnet_pyg.errors import DataError, RecipeError
from gschnet_pyg.model.conditions import (
    CompositionCondition,
    Condition,
    Ranges,
    ScalarCondition,
    VectorCondition,
    counted_places,
)
from gschnet_pyg.recipe import Recipe
from gschnet_pyg.recipe_sections.model import CompositionSettings, ScalarSettings, VectorSettings

Settings = ScalarSettings | VectorSettings | CompositionSettings

_STRAGGLERS = 0.005
"""Share of the training molecules at either end that the Gaussians need not reach."""

_N_GAUSSIANS = 5
"""Gaussians of a scalar whose spacing is left out, as in the published conditions."""

_MAX_GAUSSIANS = 1000


@dataclass(frozen=True)
class Prepared:
    """What training needs of the data.

    Attributes:
        recipe: with everything filled in that the training molecules decide.
        molecules: that carry the conditions, and nothing else.
        parts: their split.
        conditions: of the model.
        left_out: number of molecules in no part, by reason.
    """

    recipe: Recipe
    molecules: MoleculeDataset
    parts: Split
    conditions: tuple[Condition, ...]
    left_out: Mapping[str, int]


def prepare(recipe: Recipe, molecules: MoleculeDataset, stored: Path) -> Prepared:
    """Compute properties, split, and settle what conditions leave open.

    Args:
        recipe: what is asked for.
        molecules: from :func:`gschnet_pyg.build.properties.open_source`.
        stored: file of the run's split, where there is one already.

    Raises:
        DataError: if a property cannot be used as a condition, or the split is impossible.
        RecipeError: if settings contradict each other, or ask for more weights than anybody trains.
    """
    recipe = recipe if stored.is_file() else _unfitted(recipe)
    is_connected = connected(molecules, cutoffs(recipe))
    molecules, is_known = with_counted(recipe, molecules)
    left_out = {
        "they fall apart under the placement rule": int((~is_connected).sum()),
        "RDKit perceives no bonds, so they have no fingerprint": int((is_connected & ~is_known).sum()),
    }
    energy = recipe.properties.relative_atomic_energy
    if energy is not None and splits_by_relative_energy(recipe) and not stored.is_file():
        if energy.coefficients is None:
            raise RecipeError(
                "split.hold_out: the relative atomic energy is fitted on the training molecules and cannot decide "
                "which these are; give properties.relative_atomic_energy.coefficients"
            )
        molecules = with_relative_energy(recipe, molecules, np.arange(0))[1]
    parts = split(recipe, molecules, is_connected, is_known, stored)
    if energy is not None and wants(recipe, RELATIVE_ATOMIC_ENERGY):
        recipe, molecules = with_relative_energy(recipe, molecules, parts.train)
    settled = [_settle(recipe, settings, molecules, parts.train) for settings in recipe.conditions]
    check_size(recipe, [condition for _, condition in settled])
    return Prepared(
        recipe.model_copy(update={"conditions": tuple(settings for settings, _ in settled)}),
        molecules.carrying([condition.name for _, condition in settled]),
        parts,
        tuple(condition for _, condition in settled),
        left_out,
    )


def _unfitted(recipe: Recipe) -> Recipe:
    """A recipe for a new run, without coefficients that another run has fitted to its own training molecules."""
    energy = recipe.properties.relative_atomic_energy
    if energy is None or not energy.fitted:
        return recipe
    energy = energy.model_copy(update={"coefficients": None, "intercept": None, "fitted": None})
    properties = recipe.properties.model_copy(update={RELATIVE_ATOMIC_ENERGY: energy})
    return recipe.model_copy(update={"properties": properties})


def _settle(
    recipe: Recipe, settings: Settings, molecules: MoleculeDataset, training: np.ndarray
) -> tuple[Settings, Condition]:
    """Settings without gaps, and the condition that they describe."""
    prop = molecules.properties[settings.property]
    size = prop.values.shape[1]
    shared: dict[str, Any] = {
        "name": settings.property,
        "unit": prop.unit or None,
        "computed": computation(recipe, molecules, settings.property),
        "layers": settings.layers,
        "width": settings.width,
    }
    if settings.property == COMPOSITION and not isinstance(settings, CompositionSettings):
        raise RecipeError("conditions: composition: as a condition it is of kind: composition")
    match settings:
        case ScalarSettings():
            if size != 1:
                raise DataError(
                    f"{molecules.source}: {settings.property!r} is {size} numbers; as a condition it is of kind: vector"
                )
            values = prop.values[training]
            gaussians = _gaussians(settings, values[:, 0])
            shared["observed"] = _ranges(values)
            _check_gaussians(settings.property, **gaussians)
            return settings.model_copy(update=gaussians), ScalarCondition(**shared, **gaussians)
        case VectorSettings():
            # bits of a fingerprint have no range to speak of, and are too many to be read at once
            shared["observed"] = () if shared["computed"] else _ranges(prop.values, training)
            return settings, VectorCondition(**shared, size=size, hidden=settings.hidden)
        case CompositionSettings():
            return settings, _composition(recipe, settings, prop.values, training, shared)


def _composition(
    recipe: Recipe, settings: CompositionSettings, counts: np.ndarray, training: np.ndarray, shared: Mapping[str, Any]
) -> CompositionCondition:
    types = recipe.atoms.types
    counted = counted_places(types, settings.skip_hydrogen)
    if not counted:
        raise RecipeError("conditions: composition: hydrogen is the only atom type; drop skip_hydrogen")
    _check_gaussians(f"{COMPOSITION}.count", settings.count.minimum, settings.count.maximum, settings.count.spacing)
    total = np.zeros((len(training), 1))
    for piece in row_pieces(len(training), len(types)):
        total[piece] = counts[training[piece]][:, counted].sum(axis=1, keepdims=True)
    count = ScalarCondition(name=N_ATOMS, observed=_ranges(total), **settings.count.model_dump())
    return CompositionCondition(
        **shared,
        observed=_ranges(counts, training),
        atom_types=types,
        skip_hydrogen=settings.skip_hydrogen,
        type_features=settings.type_features,
        count=count,
    )


def _gaussians(settings: ScalarSettings, values: np.ndarray) -> dict[str, Any]:
    """Range and spacing; from the training molecules, a few stragglers aside, where the recipe leaves them out."""
    low, high = np.quantile(values, (_STRAGGLERS, 1 - _STRAGGLERS)).tolist()
    if low == high:
        low, high = float(values.min()), float(values.max())
    minimum = low if settings.minimum is None else settings.minimum
    maximum = high if settings.maximum is None else settings.maximum
    if minimum >= maximum:
        raise RecipeError(
            f"conditions: {settings.property} ranges from {low:.6g} to {high:.6g} among the training molecules, so "
            f"that its Gaussians would reach from {minimum:.6g} to {maximum:.6g}; set minimum and maximum, or drop it"
        )
    spacing = settings.spacing or (maximum - minimum) / (_N_GAUSSIANS - 1)
    return {"minimum": minimum, "maximum": maximum, "spacing": spacing}


def _check_gaussians(place: str, minimum: float, maximum: float, spacing: float) -> None:
    """Refuse Gaussians that are too many to be computed with."""
    if (maximum - minimum) / spacing - 1e-6 > _MAX_GAUSSIANS - 1:
        raise RecipeError(
            f"conditions: {place}: a spacing of {spacing:.6g} from {minimum:.6g} to {maximum:.6g} makes more than "
            f"{_MAX_GAUSSIANS:,} Gaussians; enlarge it"
        )


def _ranges(values: np.ndarray, rows: np.ndarray | None = None) -> Ranges:
    """Smallest and largest value of each component, of all rows or some; a part of them at a time, as they are many."""
    low, high = np.full(values.shape[1], np.inf), np.full(values.shape[1], -np.inf)
    for piece in row_pieces(len(values) if rows is None else len(rows), values.shape[1]):
        some = values[piece if rows is None else rows[piece]]
        low, high = np.minimum(low, some.min(axis=0)), np.maximum(high, some.max(axis=0))
    return tuple(zip(low.tolist(), high.tolist(), strict=True))
