"""Molecules to measure with: small ones as in QM9, and chains of any size."""

from __future__ import annotations

import numpy as np
import torch
from ase.data import atomic_masses
from torch_geometric.data import Data

from gschnet_pyg.data.sources import DEMO, open_dataset

MIN_ATOMS = 17
"""Molecules of the built-in set with at least so many atoms have 18.0 on average, as QM9 has 18.1."""


class SmallMolecules:
    """Molecules of a file in random order, or those of the built-in set that are as large as in QM9.

    Args:
        source: what ``open_dataset`` opens.
    """

    def __init__(self, source: str) -> None:
        self.dataset = open_dataset(source, properties=(), progress=False)
        order = np.random.default_rng(0).permutation(len(self.dataset)).tolist()
        if source == DEMO:
            order = [row for row in order if len(self.dataset[row].z) >= MIN_ATOMS]
        self.order = order

    def batch(self, size: int, number: int) -> list[Data]:
        """Batch of a number, each of other molecules and trajectories."""
        batch = []
        for k in range(number * size, (number + 1) * size):
            molecule = self.dataset[self.order[k % len(self.order)]]
            molecule.seed = k
            batch.append(molecule)
        return batch

    def mean_atoms(self, n_molecules: int = 1000) -> float:
        """Mean number of atoms."""
        return float(np.mean([len(self.dataset[row].z) for row in self.order[:n_molecules]]))


class Chains:
    """Stretched chains of one size, each with its own trajectory."""

    def __init__(self, n_atoms: int) -> None:
        self.z, self.pos = (torch.as_tensor(array) for array in chain(n_atoms))

    def batch(self, size: int, number: int) -> list[Data]:
        """Batch of a number."""
        return [
            Data(z=self.z, pos=self.pos, id=torch.tensor([k]), seed=k)
            for k in range(number * size, (number + 1) * size)
        ]


def chain(n_atoms: int) -> tuple[np.ndarray, np.ndarray]:
    """A zigzag chain: an alkane, or where its atoms do not add up, an alcohol or amine of it.

    Args:
        n_atoms: from 8 on.

    Returns:
        Atomic numbers ``[n_atoms]`` and positions ``[n_atoms, 3]`` Å, centred on the centre of mass.
    """
    # C(n)H(2n+2) has 3n + 2 atoms, the alcohol one more, the amine two more
    first = [6, 8, 7][(n_atoms - 2) % 3]
    n_carbons = (n_atoms - 2) // 3
    backbone = [6] * n_carbons if first == 6 else [first, *[6] * n_carbons]
    step, height, bond = 1.268, 0.428, {6: 1.09, 7: 1.01, 8: 0.97}
    z, pos = [], []
    for k, kind in enumerate(backbone):
        side = 1.0 if k % 2 else -1.0
        here = np.array([k * step, side * height, 0.0])
        z.append(kind)
        pos.append(here)
        hydrogens = [] if kind == 8 else [np.array([0.0, 0.59 * side, 0.81]), np.array([0.0, 0.59 * side, -0.81])]
        along = np.array([0.829, -0.559 * side, 0.0])
        if k == 0 and kind != 7:
            hydrogens.append(along * [-1.0, 1.0, 1.0])
        if k == len(backbone) - 1:
            hydrogens.append(along)
        z += [1] * len(hydrogens)
        pos += [here + bond[kind] * direction for direction in hydrogens]
    numbers, positions = np.array(z), np.array(pos)
    mass = atomic_masses[numbers]
    return numbers, positions - mass @ positions / mass.sum()
