"""A source of molecules with properties, and recipes that train on it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import molecule

from gschnet_pyg.build.conditions import Prepared, prepare
from gschnet_pyg.build.properties import open_source
from gschnet_pyg.data.splits import save_split
from gschnet_pyg.data.writing import write_database
from gschnet_pyg.recipe import Recipe, load_recipe
from tests.molecules import SMILES, coordinates

TYPES = (1, 6, 7, 8, 9)
FREE_ATOMS = dict(zip(TYPES, (-13.6, -1030.0, -1486.0, -2043.0, -2714.0), strict=True))  # eV, roughly
APART, METHYL, NITRIC_OXIDE = 0, 7, 20
"""Rows of two hydrogen atoms far from each other, and of two radicals."""

GAP = "conditions=[{kind: scalar, property: gap}]"
RELATIVE = "conditions=[{kind: scalar, property: relative_atomic_energy}]"
ENERGY = "properties.relative_atomic_energy={energy: energy}"
GIVEN = (
    "properties.relative_atomic_energy={energy: energy, "
    "coefficients: {H: -13.6, C: -1030, N: -1486, O: -2043, F: -2714}}"
)


def structures() -> list[Atoms]:
    """Thirty-five molecules: four of each, two radicals, and one that falls apart."""
    atoms = [Atoms(*coordinates(smiles)) for _ in range(4) for smiles in SMILES]
    atoms.insert(APART, Atoms("H2", [[0, 0, 0], [0, 0, 5.0]]))
    atoms.insert(METHYL, molecule("CH3"))
    atoms.insert(NITRIC_OXIDE, molecule("NO"))
    return atoms


def columns() -> dict[str, np.ndarray]:
    """Properties of the molecules, in eV."""
    random, atoms = np.random.default_rng(0), structures()
    free = np.array([sum(FREE_ATOMS[z] for z in each.numbers) for each in atoms])
    return {
        "gap": random.uniform(4, 9, len(atoms)),
        "energy": free + random.normal(scale=2.0, size=len(atoms)),
        "dipole": random.normal(size=(len(atoms), 3)),
        "charge": np.zeros(len(atoms)),
    }


def write(path: Path, properties: Mapping[str, np.ndarray]) -> Path:
    write_database(path, structures(), properties, {"energy": "eV", "gap": "eV"})
    return path


def recipe(database: Path, *overrides: str) -> Recipe:
    settings = ["data.kind=file", f"data.path={database}", "split={train: 20, validation: 6}"]
    return load_recipe("qm9_fast", [*settings, "training.workers.preprocessing=0", *overrides])


def prepared(database: Path, *overrides: str) -> Prepared:
    """As training prepares them, in a run of its own."""
    wanted = recipe(database, *overrides)
    return prepare(wanted, open_source(wanted), database.with_name("split.npz"))


def resumed(database: Path, earlier: Prepared) -> Prepared:
    """As training prepares them again, under the recipe and the split that an earlier call has stored."""
    stored = database.with_name("split.npz")
    save_split(stored, earlier.parts, earlier.molecules)
    again = prepare(earlier.recipe, open_source(earlier.recipe), stored)
    stored.unlink()
    return again
