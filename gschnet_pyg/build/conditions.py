"""What a recipe leaves open about its properties and conditions, settled by the training molecules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gschnet_pyg.build.data import dataset, split
from gschnet_pyg.build.model import cutoffs
from gschnet_pyg.data.connectivity import connected
from gschnet_pyg.data.dataset import Column, MoleculeDataset
from gschnet_pyg.data.filters import Filters, parse_filters, properties_needed
from gschnet_pyg.data.fingerprints import fingerprints
from gschnet_pyg.data.properties import RelativeAtomicEnergy, atom_counts, compositions, heavy_atom_counts
from gschnet_pyg.data.splits import Split
from gschnet_pyg.errors import DataError, RecipeError
from gschnet_pyg.model.conditions import (
    HYDROGEN,
    CompositionCondition,
    Condition,
    Ranges,
    ScalarCondition,
    VectorCondition,
)
from gschnet_pyg.recipe import Recipe
from gschnet_pyg.recipe_sections.model import CompositionSettings, ScalarSettings, VectorSettings

COMPOSITION, N_ATOMS, N_HEAVY_ATOMS = "composition", "n_atoms", "n_heavy_atoms"
RELATIVE_ATOMIC_ENERGY, FINGERPRINT = "relative_atomic_energy", "fingerprint"
COMPUTED = (COMPOSITION, N_ATOMS, N_HEAVY_ATOMS, FINGERPRINT)
"""Computed properties that need nothing but the atoms."""

_STRAGGLERS = 0.005
"""Share of the training molecules at either end that the Gaussians need not reach."""

_N_GAUSSIANS = 5
"""Gaussians of a scalar whose spacing is left out, as in the published conditions."""


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


def open_source(recipe: Recipe) -> MoleculeDataset:
    """The molecules with the properties of the source that conditions and filters read.

    Raises:
        DataError: as :func:`gschnet_pyg.build.data.dataset`.
        RecipeError: if a relative atomic energy is asked for and nobody says of what.
    """
    wanted = [*(condition.property for condition in recipe.conditions), *properties_needed(_filters(recipe))]
    is_computed = {*COMPUTED} | ({RELATIVE_ATOMIC_ENERGY} if recipe.properties.relative_atomic_energy else set())
    names = [name for name in dict.fromkeys(wanted) if name not in is_computed]
    try:
        return dataset(recipe, names)
    except DataError as error:
        if RELATIVE_ATOMIC_ENERGY in names and RELATIVE_ATOMIC_ENERGY in str(error):
            raise RecipeError(
                f"{error}; to compute it, say of which energy: properties.relative_atomic_energy.energy=NAME"
            ) from None
        raise


def prepare(recipe: Recipe, molecules: MoleculeDataset, stored: Path) -> Prepared:
    """Compute properties, split, and settle what conditions leave open.

    Args:
        recipe: what is asked for.
        molecules: from :func:`open_source`.
        stored: file of the run's split.

    Raises:
        DataError: if a property cannot be used as a condition, or the split is impossible.
        RecipeError: if settings contradict each other.
    """
    is_connected = connected(molecules, cutoffs(recipe))
    left_out = {"fall apart under the placement rule": int((~is_connected).sum())}
    molecules, is_known = _with_counted(recipe, molecules)
    left_out["have no fingerprint, because RDKit perceives no bonds,"] = int((is_connected & ~is_known).sum())
    energy = recipe.properties.relative_atomic_energy
    if energy is not None and _splits_by_relative_energy(recipe) and not stored.is_file():
        if energy.coefficients is None:
            raise RecipeError(
                "split.hold_out: the relative atomic energy is fitted on the training molecules and cannot decide "
                "which these are; give properties.relative_atomic_energy.coefficients"
            )
        molecules = _with_relative_energy(recipe, molecules, np.arange(0))[1]
    parts = split(recipe, molecules, is_connected, is_known, stored)
    if energy is not None and _wants(recipe, RELATIVE_ATOMIC_ENERGY):
        recipe, molecules = _with_relative_energy(recipe, molecules, parts.train)
    settled = [_settle(recipe, settings, molecules, parts.train) for settings in recipe.conditions]
    return Prepared(
        recipe.model_copy(update={"conditions": tuple(settings for settings, _ in settled)}),
        molecules.carrying([condition.name for _, condition in settled]),
        parts,
        tuple(condition for _, condition in settled),
        left_out,
    )


def _filters(recipe: Recipe) -> Filters:
    return parse_filters(recipe.split.hold_out) if recipe.split.file is None else ()


def _wants(recipe: Recipe, name: str) -> bool:
    return any(condition.property == name for condition in recipe.conditions)


def _splits_by_relative_energy(recipe: Recipe) -> bool:
    return RELATIVE_ATOMIC_ENERGY in properties_needed(_filters(recipe))


def _with_counted(recipe: Recipe, molecules: MoleculeDataset) -> tuple[MoleculeDataset, np.ndarray]:
    """The molecules with what is counted or perceived from their atoms, and which of them have all of it."""
    whole = molecules.whole
    columns: dict[str, Column] = {}
    is_known = np.ones(len(molecules), dtype=bool)
    if _wants(recipe, COMPOSITION):
        columns[COMPOSITION] = compositions(whole, recipe.atoms.types)
    if _wants(recipe, N_ATOMS):
        columns[N_ATOMS] = atom_counts(whole)
    if _wants(recipe, N_HEAVY_ATOMS):
        columns[N_HEAVY_ATOMS] = heavy_atom_counts(whole)
    if _wants(recipe, FINGERPRINT):
        settings = recipe.properties.fingerprint
        found = fingerprints(molecules, settings.radius, settings.bits, recipe.training.workers.preprocessing)
        columns[FINGERPRINT], is_known = found.column, found.is_known
    return molecules.with_computed(columns), is_known


def _with_relative_energy(
    recipe: Recipe, molecules: MoleculeDataset, training: np.ndarray
) -> tuple[Recipe, MoleculeDataset]:
    """The molecules with their relative atomic energy, by the recipe's coefficients or a fit that fills them in."""
    settings = recipe.properties.relative_atomic_energy
    assert settings is not None
    types = recipe.atoms.types
    if settings.coefficients is not None:
        relative = RelativeAtomicEnergy.given(settings.energy, settings.coefficients, settings.intercept or 0.0, types)
    else:
        rows = molecules.subset(training)
        energies = MoleculeDataset(rows.arrays, (settings.energy,), rows.rows).properties[settings.energy].values
        if energies.shape[1] != 1:
            raise DataError(
                f"{molecules.source}: {settings.energy!r} is {energies.shape[1]} numbers, and no energy; name another "
                "property in properties.relative_atomic_energy.energy"
            )
        relative = RelativeAtomicEnergy.fit(settings.energy, energies, compositions(rows, types), types, recipe.seed)
        filled = {"coefficients": relative.to_json()["coefficients"], "intercept": relative.intercept}
        properties = recipe.properties.model_copy(update={RELATIVE_ATOMIC_ENERGY: settings.model_copy(update=filled)})
        recipe = recipe.model_copy(update={"properties": properties})
    return recipe, molecules.with_computed(
        {RELATIVE_ATOMIC_ENERGY: relative.column(molecules)}, {RELATIVE_ATOMIC_ENERGY: "eV"}
    )


def _settle(
    recipe: Recipe,
    settings: ScalarSettings | VectorSettings | CompositionSettings,
    molecules: MoleculeDataset,
    training: np.ndarray,
) -> tuple[ScalarSettings | VectorSettings | CompositionSettings, Condition]:
    """Settings without gaps, and the condition that they describe."""
    prop = molecules.properties[settings.property]
    shared: dict[str, Any] = {
        "name": settings.property,
        "unit": prop.unit or None,
        "computed": _computation(recipe, settings.property),
        "layers": settings.layers,
        "width": settings.width,
    }
    size = prop.values.shape[1]
    match settings:
        case ScalarSettings():
            if size != 1:
                kind = "composition" if settings.property == COMPOSITION else "vector"
                raise DataError(
                    f"{molecules.source}: {settings.property!r} is {size} numbers; as a condition it is of kind: {kind}"
                )
            observed = _ranges(prop.values[training])
            gaussians = _gaussians(settings, prop.values[training, 0])
            return settings.model_copy(update=gaussians), ScalarCondition(**shared, observed=observed, **gaussians)
        case VectorSettings():
            ranges = () if settings.property == FINGERPRINT else _ranges(prop.values[training])
            return settings, VectorCondition(**shared, observed=ranges, size=size, hidden=settings.hidden)
        case CompositionSettings():
            types, counts = recipe.atoms.types, prop.values[training]
            is_counted = [not (settings.skip_hydrogen and z == HYDROGEN) for z in types]
            if not any(is_counted):
                raise RecipeError("conditions: composition: hydrogen is the only atom type; drop skip_hydrogen")
            total = counts[:, is_counted].sum(axis=1, keepdims=True)
            return settings, CompositionCondition(
                **shared,
                observed=_ranges(counts),
                atom_types=types,
                skip_hydrogen=settings.skip_hydrogen,
                type_features=settings.type_features,
                count=ScalarCondition(name=N_ATOMS, observed=_ranges(total), **settings.count.model_dump()),
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


def _ranges(values: np.ndarray) -> Ranges:
    return tuple((float(low), float(high)) for low, high in zip(values.min(axis=0), values.max(axis=0), strict=True))


def _computation(recipe: Recipe, name: str) -> dict[str, Any] | None:
    """How a property is computed, as JSON; none for one of the source."""
    if name == RELATIVE_ATOMIC_ENERGY and (energy := recipe.properties.relative_atomic_energy) is not None:
        return {"kind": name, **energy.model_dump()}
    if name == FINGERPRINT:
        return {"kind": name, **recipe.properties.fingerprint.model_dump()}
    return {"kind": name} if name in COMPUTED else None
