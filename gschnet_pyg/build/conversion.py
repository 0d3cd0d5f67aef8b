"""What a recipe says of a model that was trained elsewhere, held against what its weights say."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Sequence
from functools import partial
from typing import Any

from gschnet_pyg.build.growth import cutoffs, vocabulary
from gschnet_pyg.build.model import model_settings
from gschnet_pyg.build.properties import COUNTED, RELATIVE_ATOMIC_ENERGY
from gschnet_pyg.data.properties import RelativeAtomicEnergy
from gschnet_pyg.data.qm9 import UNITS
from gschnet_pyg.data.units import energy_factor
from gschnet_pyg.errors import RecipeError
from gschnet_pyg.model.conditions import CompositionCondition, Condition, Mixing, ScalarCondition, VectorCondition
from gschnet_pyg.model.conversion import EstablishedModel
from gschnet_pyg.model.gschnet import ModelSettings
from gschnet_pyg.recipe import Recipe
from gschnet_pyg.recipe_sections.data import DemoData, FileData, QM9Data
from gschnet_pyg.recipe_sections.model import CompositionSettings, ScalarSettings, VectorSettings

Settings = ScalarSettings | VectorSettings | CompositionSettings
_RANGE = ("minimum", "maximum", "spacing")
_NAME = "NAME"


def settle(recipe: Recipe, found: EstablishedModel) -> tuple[Recipe, tuple[Condition, ...]]:
    """The recipe with the ranges that it leaves open taken from the weights, and the conditions of the model.

    Args:
        recipe: what the user says of the model.
        found: what its weights say.

    Raises:
        RecipeError: naming everything in which the two differ, and the overrides that follow the weights.
    """
    stated, of_weights = _of_recipe(recipe, found), _of_weights(found)
    is_listed = [settings.kind for settings in recipe.conditions] == [each.kind for each in found.conditions]
    conditions: tuple[Condition, ...] = ()
    if is_listed:
        pairs = list(zip(recipe.conditions, found.conditions, strict=True))
        recipe = recipe.model_copy(update={"conditions": tuple(_filled(*pair) for pair in pairs)})
        try:
            conditions = tuple(map(partial(_condition, recipe), recipe.conditions, found.conditions))
        except ValueError as error:
            raise RecipeError(f"conditions: {error}; leave out what the weights know") from None
        stated |= _of_conditions(conditions)
        of_weights |= _of_conditions(found.conditions)
    differing = [key for key in of_weights if not _is_equal(of_weights[key], stated[key])]
    facts = [f"{key}: the weights have {_text(of_weights[key])}, the recipe {_text(stated[key])}" for key in differing]
    overrides = [f"{key}={_text(of_weights[key])}" for key in differing]
    if not is_listed:
        asked = ", ".join(settings.kind for settings in recipe.conditions) or "none"
        kinds = ", ".join(each.kind for each in found.conditions) or "none"
        facts.append(f"conditions: the weights have {kinds}, in this order, the recipe {asked}")
        overrides.append(f"conditions=[{', '.join(map(_as_entry, found.conditions))}]")
    if facts:
        is_open = any(_NAME in each for each in overrides)
        hint = f", with a property in place of each {_NAME}, which weights do not tell" if is_open else ""
        raise RecipeError(f"{'; '.join(facts)}. To follow the weights add: {shlex.join(overrides)}{hint}")
    return recipe, conditions


def _filled(settings: Settings, condition: Condition) -> Settings:
    """Ranges that are left open, from the weights."""
    if not (isinstance(settings, ScalarSettings) and isinstance(condition, ScalarCondition)):
        return settings
    minimum = condition.minimum if settings.minimum is None else settings.minimum
    maximum = condition.maximum if settings.maximum is None else settings.maximum
    if minimum >= maximum:
        raise RecipeError(
            f"conditions: {settings.property}: the weights range from {condition.minimum:g} to {condition.maximum:g}, "
            f"the recipe from {minimum:g} to {maximum:g}; leave minimum and maximum out"
        )
    spacing = settings.spacing or condition.spacing
    return settings.model_copy(update={"minimum": minimum, "maximum": maximum, "spacing": spacing})


def _of_weights(found: EstablishedModel) -> dict[str, Any]:
    mixing = found.mixing
    return {
        **_flat(found.vocabulary.atom_types, found.vocabulary.origin, found.vocabulary.focus, found.vocabulary.stop),
        **{f"cutoffs.{name}": getattr(found.cutoffs, name) for name in ("model", "prediction", "placement")},
        **_network(found.settings),
        "model.max_distance": found.settings.max_distance,
        "model.distance_bins": found.settings.n_distance_bins,
        **({} if mixing is None else _mixing(mixing)),
    }


def _of_recipe(recipe: Recipe, found: EstablishedModel) -> dict[str, Any]:
    words, own = vocabulary(recipe), cutoffs(recipe)
    settings = model_settings(recipe)
    # bins that the recipe leaves open follow the cutoffs; where these differ, that is said of them alone
    bins = settings.bins(found.cutoffs)
    return {
        **_flat(words.atom_types, words.origin, words.focus, words.stop),
        **{f"cutoffs.{name}": getattr(own, name) for name in ("model", "prediction", "placement")},
        **_network(settings),
        "model.max_distance": bins.maximum,
        "model.distance_bins": bins.number,
        **_mixing(Mixing(recipe.mixing.layers, recipe.mixing.width, recipe.mixing.scale)),
    }


def _flat(types: Sequence[int], origin: int, focus: int, stop: int) -> dict[str, Any]:
    return {"atoms.types": tuple(types), "atoms.origin": origin, "atoms.focus": focus, "atoms.stop": stop}


def _network(settings: ModelSettings) -> dict[str, Any]:
    return {
        "model.features": settings.n_features,
        "model.interactions": settings.n_interactions,
        "model.gaussians": settings.n_gaussians,
        "model.shared_interactions": settings.shared_interactions,
        "model.type_head.layers": settings.type_layers,
        "model.type_head.width": _shortest(settings.type_width, settings.type_layers),
        "model.distance_head.layers": settings.distance_layers,
        "model.distance_head.width": _shortest(settings.distance_width, settings.distance_layers),
        "model.type_distribution": "average" if settings.average_types else "product",
    }


def _shortest(width: int | tuple[int, ...], layers: int) -> Any:
    """Widths of hidden layers: one number where they are equal, nothing where there is no such layer."""
    if layers == 1:
        return None
    widths = (width,) if isinstance(width, int) else width
    return widths[0] if len(set(widths)) == 1 else widths


def _mixing(mixing: Mixing) -> dict[str, Any]:
    return {"mixing.layers": mixing.layers, "mixing.width": mixing.width, "mixing.scale": mixing.scale}


def _of_conditions(conditions: Sequence[Condition]) -> dict[str, Any]:
    stated: dict[str, Any] = {}
    for number, condition in enumerate(conditions):
        place = f"conditions.{number}"
        stated |= {f"{place}.layers": condition.layers, f"{place}.width": condition.width}
        match condition:
            case ScalarCondition():
                stated |= _gaussians(place, condition)
            case VectorCondition():
                stated[f"{place}.hidden"] = _shortest(condition.hidden_widths, condition.layers)
            case CompositionCondition(count=count):
                stated |= {
                    f"{place}.skip_hydrogen": condition.skip_hydrogen,
                    f"{place}.type_features": condition.type_features,
                    f"{place}.count.layers": count.layers,
                    f"{place}.count.width": count.width,
                    **_gaussians(f"{place}.count", count),
                }
    return stated


def _gaussians(place: str, condition: ScalarCondition) -> dict[str, Any]:
    """A maximum that the spacing does not reach evenly lies below the last Gaussian: that one is compared."""
    last = condition.minimum + condition.spacing * (condition.n_gaussians - 1)
    values = (condition.minimum, last, condition.spacing)
    return {f"{place}.{key}": value for key, value in zip(_RANGE, values, strict=True)}


def _as_entry(condition: Condition) -> str:
    """How a recipe lists a condition of the weights; it may leave ranges of scalars open."""
    sizes = f"layers: {condition.layers}, width: {condition.width}"
    match condition:
        case CompositionCondition(count=count):
            numbers = ", ".join(f"{key}: {_text(getattr(count, key))}" for key in (*_RANGE, "layers", "width"))
            skipping = f"skip_hydrogen: {_text(condition.skip_hydrogen)}, type_features: {condition.type_features}"
            return f"{{kind: composition, {skipping}, {sizes}, count: {{{numbers}}}}}"
        case VectorCondition(hidden=hidden) if hidden is not None:
            return f"{{kind: vector, property: {_NAME}, {sizes}, hidden: {hidden}}}"
    return f"{{kind: {condition.kind}, property: {_NAME}, {sizes}}}"


def _condition(recipe: Recipe, settings: Settings, found: Condition) -> Condition:
    """A condition as the recipe describes it; the size of a vector is known to the weights alone."""
    shared: dict[str, Any] = {
        "name": settings.property,
        "unit": _unit(recipe, settings.property),
        "computed": _computation(recipe, settings.property),
        "layers": settings.layers,
        "width": settings.width,
    }
    match settings:
        case ScalarSettings():
            return ScalarCondition(**shared, **{key: getattr(settings, key) for key in _RANGE})
        case VectorSettings():
            assert isinstance(found, VectorCondition)
            return VectorCondition(**shared, size=found.size, hidden=settings.hidden)
        case CompositionSettings():
            return CompositionCondition(
                **shared,
                atom_types=recipe.atoms.types,
                skip_hydrogen=settings.skip_hydrogen,
                type_features=settings.type_features,
                count=ScalarCondition(name="n_atoms", **settings.count.model_dump()),
            )


def _computation(recipe: Recipe, name: str) -> dict[str, Any] | None:
    """How the established tool computes a condition; fingerprints it reads, and nobody knows what they are."""
    energy = recipe.properties.relative_atomic_energy
    if name == RELATIVE_ATOMIC_ENERGY and energy is not None and energy.coefficients is not None:
        given = (energy.energy, energy.coefficients, energy.intercept or 0.0, recipe.atoms.types)
        return RelativeAtomicEnergy.given(*given).to_json()
    return {"kind": name} if name in COUNTED else None


def _unit(recipe: Recipe, name: str) -> str | None:
    """Unit of a property as the recipe's data have it; energies are in eV inside."""
    match recipe.data:
        case FileData(units=units):
            unit = units.get(name)
        case QM9Data():
            unit = UNITS.get(name)
        case DemoData():
            unit = "eV"
    if name == RELATIVE_ATOMIC_ENERGY or (name not in COUNTED and energy_factor(unit) is not None):
        return "eV"
    return None if name in COUNTED else unit


def _is_equal(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-4, abs_tol=1e-6)
    return bool(one == other)


def _text(value: Any) -> str:
    """As an override has it."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return json.dumps(value, separators=(",", ":"))
