"""Small networks that have learnt one molecule by heart."""

from __future__ import annotations

import numpy as np
import torch
from torch_geometric.data import Data

from gschnet_pyg.contracts import Cutoffs, Growth, Vocabulary
from gschnet_pyg.generation.sampler import Attempt
from gschnet_pyg.model.gschnet import GSchNet, ModelSettings
from gschnet_pyg.training.losses import placement_loss
from gschnet_pyg.trajectory.collate import PlacementCollate
from tests.molecules import molecule

FROM_NOTHING = Growth()


def learn(smiles: str, growth: Growth = FROM_NOTHING, n_steps: int = 150) -> GSchNet:
    torch.manual_seed(0)
    settings = ModelSettings(
        32, 2, 25, type_layers=2, type_width=32, distance_layers=2, distance_width=64, has_origin=growth.has_origin
    )
    network = GSchNet(Vocabulary(), Cutoffs(), settings)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    collate = PlacementCollate(network.vocabulary, network.cutoffs, growth=growth)
    for step in range(n_steps):
        steps = collate([molecule(smiles, seed=4 * step + k) for k in range(4)])
        optimizer.zero_grad()
        placement_loss(network(steps), steps, network.bins).total.backward()
        optimizer.step()
    return network.eval()


def is_same(attempt: Attempt, mol: Data) -> bool:
    """The molecule itself, by all distances between its atoms."""
    if not attempt.is_finished or sorted(attempt.z) != sorted(mol.z.tolist()):
        return False
    found, expected = (torch.pdist(torch.as_tensor(pos)).sort().values for pos in (attempt.pos, mol.pos))
    return bool(np.abs(found - expected).max() < 0.25)
