"""The plain formulation, that this package is timed against, says the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.agreement import TOLERANCE, equal_molecules, training_differences
from benchmarks.molecules import chain
from benchmarks.plain.data import training_graphs
from benchmarks.plain.sampler import grid_points
from gschnet_pyg.contracts import Cutoffs, DistanceBins, Vocabulary
from gschnet_pyg.generation.grid import PlacementGrid
from gschnet_pyg.generation.sampler import GenerationSettings
from gschnet_pyg.model.gschnet import GSchNet, ModelSettings
from tests.molecules import molecules

SMALL = ModelSettings(16, 2, type_layers=2, type_width=24, distance_layers=2, distance_width=24)


def model(cutoffs: Cutoffs) -> GSchNet:
    torch.manual_seed(0)
    return GSchNet(Vocabulary(), cutoffs, SMALL).eval()


@pytest.mark.parametrize("steps_drawn", [None, 3])
@pytest.mark.parametrize("cutoffs", [Cutoffs(), Cutoffs(4.0, 3.0, 1.7)])
def test_training_says_the_same(cutoffs: Cutoffs, steps_drawn: int | None) -> None:
    found = training_differences(model(cutoffs), molecules(), steps_drawn)
    assert max(found.values()) < TOLERANCE, found


def test_generation_gives_the_same_molecules() -> None:
    # on a coarse grid, where few of the places that random weights find equally good are neighbours in its order
    settings = GenerationSettings(12, batch_size=5, max_atoms=8, grid_spacing=0.2)
    assert equal_molecules(model(Cutoffs()), settings) >= 11


def test_the_grids_are_the_same() -> None:
    bins = DistanceBins.for_cutoffs(Cutoffs())
    torch.testing.assert_close(grid_points(0.7, 1.7, 0.05).double(), PlacementGrid(0.7, 1.7, 0.05, bins).points)


def test_every_step_has_a_graph_of_its_own() -> None:
    batch = molecules()
    graphs = training_graphs(batch, Vocabulary(), Cutoffs())
    n_atoms = np.array([len(molecule.z) for molecule in batch])
    assert graphs.n_steps == 2 * n_atoms.sum()
    tokens = [int((graphs.node_type == kind).sum()) for kind in (5, 6)]
    assert tokens == [graphs.n_steps] * 2
    same_step = torch.cumsum(graphs.node_type == Vocabulary().origin_node, 0)
    assert bool((same_step[graphs.receiver] == same_step[graphs.sender]).all())


@pytest.mark.parametrize("n_atoms", [10, 20, 40, 80, 120, 200])
def test_chains_have_the_size_asked_for_and_sound_distances(n_atoms: int) -> None:
    z, pos = chain(n_atoms)
    assert len(z) == len(pos) == n_atoms
    distance = np.linalg.norm(pos[:, None] - pos, axis=-1) + 9 * np.eye(n_atoms)
    assert distance.min() > 0.95
    assert distance[np.ix_(z == 6, z == 6)].min() == pytest.approx(1.53, abs=0.01)
