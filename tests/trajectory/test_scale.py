"""With steps drawn, a batch grows hardly faster than its molecules."""

from __future__ import annotations

import numpy as np
import torch

from gschnet_pyg.contracts import Cutoffs, PairList, PlacementSteps, Vocabulary
from gschnet_pyg.trajectory.collate import PlacementCollate
from tests.model.edge_list import neighbor_pairs
from tests.molecules import molecule

CUTOFFS = Cutoffs(5.0, 5.0)


def drawn(n_carbons: int) -> PlacementSteps:
    chains = [molecule("C" * n_carbons, seed=seed) for seed in range(24)]
    return PlacementCollate(Vocabulary(), CUTOFFS, 5)(chains)


def size(steps: PlacementSteps) -> int:
    """Numbers that a batch holds, those that say who hears whom included."""
    values = [value for _, value in steps if isinstance(value, torch.Tensor)]
    values += [value for value in steps.pairs if isinstance(value, torch.Tensor)]
    return sum(value.numel() for value in values)


def test_chains() -> None:
    """From 20 to 200 atoms, with exponents of at most 1.3: numbers held, pairs with filters, and messages."""
    few, many = drawn(6), drawn(66)
    assert isinstance(many.pairs, PairList)
    ratios = [
        size(many) / size(few),
        len(many.pair_distance) / len(few.pair_distance),
        len(neighbor_pairs(many)[0]) / len(neighbor_pairs(few)[0]),
    ]
    assert (np.log(ratios) / np.log(200 / 20) < 1.3).all(), ratios
