"""What is in a dataset, at a glance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import chemical_symbols

from gschnet_pyg.contracts import Cutoffs, Rate
from gschnet_pyg.data.connectivity import connected
from gschnet_pyg.data.dataset import MoleculeDataset, Property


@dataclass(frozen=True)
class ElementCount:
    """How often an element occurs."""

    molecules: int
    atoms: int


@dataclass(frozen=True)
class PropertySummary:
    """A property: its unit, how many numbers a molecule has, and their range."""

    unit: str | None
    size: int
    minimum: float
    mean: float
    maximum: float


@dataclass(frozen=True)
class DatasetSummary:
    """What is in a dataset.

    Attributes:
        source: file or name.
        n_molecules: how many.
        min_atoms, mean_atoms, max_atoms: size of the molecules.
        sizes: number of atoms -> molecules of that size.
        elements: symbol -> how often it occurs, by atomic number.
        properties: name -> summary.
        left_out: properties that cannot be used -> why.
        disconnected: molecules that fall apart under the placement rule.
        foreign_elements: symbols of elements outside the atom types.
    """

    source: str
    n_molecules: int
    min_atoms: int
    mean_atoms: float
    max_atoms: int
    sizes: Mapping[int, int]
    elements: Mapping[str, ElementCount]
    properties: Mapping[str, PropertySummary]
    left_out: Mapping[str, str]
    disconnected: Rate
    foreign_elements: tuple[str, ...]


def summarise_dataset(
    dataset: MoleculeDataset, cutoffs: Cutoffs, atom_types: Sequence[int], progress: bool = True
) -> DatasetSummary:
    """Count and measure what is in a dataset.

    Args:
        dataset: at least one molecule.
        cutoffs: Å; the placement rule decides which molecules fall apart.
        atom_types: atomic numbers that a model is to place.
        progress: show a bar while the connectivity is checked.
    """
    n_atoms = dataset.n_atoms
    sizes, counts = np.unique(n_atoms, return_counts=True)
    apart = int((~connected(dataset, cutoffs, progress)).sum())
    return DatasetSummary(
        source=dataset.source,
        n_molecules=len(dataset),
        min_atoms=int(n_atoms.min()),
        mean_atoms=float(n_atoms.mean()),
        max_atoms=int(n_atoms.max()),
        sizes=dict(zip(sizes.tolist(), counts.tolist(), strict=True)),
        elements=_elements(dataset),
        properties={name: _property(prop) for name, prop in dataset.properties.items()},
        left_out=dataset.left_out,
        disconnected=Rate(apart, len(dataset)),
        foreign_elements=tuple(chemical_symbols[z] for z in dataset.elements if z not in atom_types),
    )


def _property(prop: Property) -> PropertySummary:
    values = prop.values[:]  # a large computed one is only now in memory
    return PropertySummary(prop.unit, values.shape[1], float(values.min()), float(values.mean()), float(values.max()))


def _elements(dataset: MoleculeDataset) -> dict[str, ElementCount]:
    atoms, molecules = np.zeros(119, dtype=np.int64), np.zeros(119, dtype=np.int64)
    for rows, z in dataset.elements_in_pieces():
        n_atoms = dataset.n_atoms[rows]
        first = np.arange(len(n_atoms)) * 119
        counts = np.bincount(np.repeat(first, n_atoms) + z, minlength=len(n_atoms) * 119).reshape(-1, 119)
        atoms += counts.sum(axis=0)
        molecules += (counts > 0).sum(axis=0)
    return {chemical_symbols[z]: ElementCount(int(molecules[z]), int(atoms[z])) for z in np.flatnonzero(atoms)}
