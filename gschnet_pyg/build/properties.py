"""The properties that conditions and filters of a recipe read, from the source or computed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from gschnet_pyg.build.data import dataset
from gschnet_pyg.data.comparisons import COMPOSITION, N_ATOMS, N_HEAVY_ATOMS, Filters, parse_filters, properties_needed
from gschnet_pyg.data.dataset import Column, MoleculeDataset
from gschnet_pyg.data.fingerprints import fingerprints
from gschnet_pyg.data.properties import RelativeAtomicEnergy, atom_counts, compositions, heavy_atom_counts
from gschnet_pyg.data.sources import glance
from gschnet_pyg.errors import DataError, RecipeError
from gschnet_pyg.recipe import Recipe
from gschnet_pyg.recipe_sections.data import FileData

RELATIVE_ATOMIC_ENERGY, FINGERPRINT = "relative_atomic_energy", "fingerprint"
COUNTED = (COMPOSITION, N_ATOMS, N_HEAVY_ATOMS)


def open_source(recipe: Recipe) -> MoleculeDataset:
    """The molecules with the properties of the source that conditions and filters read.

    A fingerprint of the source comes before a computed one.

    Raises:
        DataError: as :func:`gschnet_pyg.build.data.dataset`.
        RecipeError: if a relative atomic energy is asked for and nobody says of what.
    """
    molecules = dataset(recipe)
    with _asking_of_which_energy():
        return molecules.carrying(_read_names(recipe, molecules))


def look_at_source(recipe: Recipe) -> bool:
    """Look up what the recipe names in its source, as far as that takes no reading; a training looks at all of it.

    Returns:
        Whether the source could be looked at.

    Raises:
        DataError, RecipeError: as a training would, if a property is missing or its unit contradicts the recipe.
    """
    data = recipe.data
    if not isinstance(data, FileData) or not data.path.exists():
        return False
    cache = recipe.run.cache_directory
    arrays = glance(data.path, units=data.units or None, distance_unit=data.distance_unit, cache_dir=cache)
    if arrays is None:
        return False
    molecules = MoleculeDataset(arrays, ())
    with _asking_of_which_energy():
        molecules.require(_read_names(recipe, molecules))
    energy = recipe.properties.relative_atomic_energy
    if energy is not None and (wants(recipe, RELATIVE_ATOMIC_ENERGY) or splits_by_relative_energy(recipe)):
        molecules.require([energy.energy])
    return True


def _read_names(recipe: Recipe, molecules: MoleculeDataset) -> list[str]:
    """Properties that conditions and filters read from the source; the others are computed."""
    wanted = [*(condition.property for condition in recipe.conditions), *properties_needed(filters(recipe))]
    computed = {*COUNTED}
    if recipe.properties.relative_atomic_energy is not None:
        computed.add(RELATIVE_ATOMIC_ENERGY)
    if FINGERPRINT not in molecules.arrays.properties:
        computed.add(FINGERPRINT)
    return [name for name in dict.fromkeys(wanted) if name not in computed]


@contextmanager
def _asking_of_which_energy() -> Iterator[None]:
    """A source without a relative atomic energy may have the energy to compute it from."""
    try:
        yield
    except DataError as error:
        if f"no property {RELATIVE_ATOMIC_ENERGY!r}" not in str(error):
            raise
        raise RecipeError(
            f"{error}; to compute it, say of which energy: properties.relative_atomic_energy.energy=NAME"
        ) from None


def filters(recipe: Recipe) -> Filters:
    """What holds molecules out of training and validation."""
    return parse_filters(recipe.split.hold_out)


def wants(recipe: Recipe, name: str) -> bool:
    """Whether a property is a condition."""
    return any(condition.property == name for condition in recipe.conditions)


def splits_by_relative_energy(recipe: Recipe) -> bool:
    """Whether a filter compares the computed relative atomic energy."""
    is_computed = recipe.properties.relative_atomic_energy is not None
    return is_computed and RELATIVE_ATOMIC_ENERGY in properties_needed(filters(recipe))


def with_counted(recipe: Recipe, molecules: MoleculeDataset) -> tuple[MoleculeDataset, np.ndarray]:
    """The molecules with what is counted or perceived from their atoms, and which of them have all of it, ``[M]``."""
    whole = molecules.whole
    columns: dict[str, Column] = {}
    is_known = np.ones(len(molecules), dtype=bool)
    if wants(recipe, COMPOSITION):
        columns[COMPOSITION] = compositions(whole, recipe.atoms.types)
    if wants(recipe, N_ATOMS):
        columns[N_ATOMS] = atom_counts(whole)
    if wants(recipe, N_HEAVY_ATOMS):
        columns[N_HEAVY_ATOMS] = heavy_atom_counts(whole)
    if wants(recipe, FINGERPRINT) and FINGERPRINT not in molecules.properties:
        settings = recipe.properties.fingerprint
        found = fingerprints(molecules, settings.radius, settings.bits, recipe.training.workers.preprocessing)
        columns[FINGERPRINT], is_known = found.column, found.is_known
    return molecules.with_computed(columns), is_known


def with_relative_energy(
    recipe: Recipe, molecules: MoleculeDataset, training: np.ndarray
) -> tuple[Recipe, MoleculeDataset]:
    """The molecules with their relative atomic energy, by the recipe's coefficients or a fit that fills them in.

    Args:
        recipe: with the energy, and coefficients if these are given.
        molecules: the dataset.
        training: molecules to fit on, if coefficients are not given.

    Raises:
        DataError: if the energy is no number for every molecule, or the training molecules are too few.
        RecipeError: if coefficients are missing.
    """
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
    is_fitted = True if settings.coefficients is None else settings.fitted
    filled = {"coefficients": relative.to_json()["coefficients"], "intercept": relative.intercept, "fitted": is_fitted}
    properties = recipe.properties.model_copy(update={RELATIVE_ATOMIC_ENERGY: settings.model_copy(update=filled)})
    column = {RELATIVE_ATOMIC_ENERGY: relative.column(molecules)}
    return (
        recipe.model_copy(update={"properties": properties}),
        molecules.with_computed(column, {RELATIVE_ATOMIC_ENERGY: "eV"}),
    )


def computation(recipe: Recipe, molecules: MoleculeDataset, name: str) -> dict[str, Any] | None:
    """How a condition is computed, as JSON; none for a property of the source."""
    if name == RELATIVE_ATOMIC_ENERGY and (energy := recipe.properties.relative_atomic_energy) is not None:
        return {"kind": name, **energy.model_dump(exclude={"fitted"})}
    if name == FINGERPRINT and FINGERPRINT not in molecules.arrays.properties:
        return {"kind": name, **recipe.properties.fingerprint.model_dump()}
    return {"kind": name} if name in COUNTED else None
