"""Molecules and networks for tests of geometries at the edge."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from ase import Atoms

from gschnet_pyg.contracts import Cutoffs, Growth, PlacementSteps, Vocabulary
from gschnet_pyg.data.arrays import Collector
from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.model.gschnet import GSchNet, ModelSettings
from gschnet_pyg.trajectory.collate import PlacementCollate

VOCABULARY, CUTOFFS = Vocabulary(), Cutoffs()
ALONG_X = np.array([1.0, 0.0, 0.0])
FROM_NOTHING = Growth()


def dataset(molecules: Sequence[Atoms]) -> MoleculeDataset:
    collector = Collector("test")
    for number, atoms in enumerate(molecules):
        collector.add(number, atoms.numbers, atoms.positions, {})
    return MoleculeDataset(collector.finish())


def network(cutoffs: Cutoffs = CUTOFFS, **settings: object) -> GSchNet:
    torch.manual_seed(0)
    sizes = {"type_layers": 2, "type_width": 24, "distance_layers": 2, "distance_width": 24}
    return GSchNet(VOCABULARY, cutoffs, ModelSettings(16, 2, **sizes, **settings)).eval()


def expanded(
    molecules: Sequence[Atoms],
    cutoffs: Cutoffs = CUTOFFS,
    growth: Growth = FROM_NOTHING,
    seed: int = 3,
) -> PlacementSteps:
    data = [*dataset(molecules)]
    for number, molecule in enumerate(data):
        molecule.seed = seed + number
    return PlacementCollate(VOCABULARY, cutoffs, growth=growth)(data)
