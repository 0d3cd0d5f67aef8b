"""The origin, seen and not seen."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Data

from gschnet_pyg.contracts import Cutoffs, Growth, PlacementSteps, Prediction, Vocabulary
from gschnet_pyg.model.gschnet import GSchNet, ModelSettings
from gschnet_pyg.trajectory.collate import PlacementCollate
from tests.model.edge_list import neighbor_pairs
from tests.molecules import molecule

VOCABULARY, CUTOFFS = Vocabulary(), Cutoffs(4.0, 3.0, 1.7)


def collate(mols: list[Data], has_origin: bool) -> PlacementSteps:
    growth = Growth(has_origin, 0.5, next_atom="index")
    return PlacementCollate(VOCABULARY, CUTOFFS, growth=growth)(mols)


def shifted(shift: float) -> list[Data]:
    mols = [molecule("CC=O", seed=1), molecule("c1ccccc1", seed=2)]
    for mol in mols:
        mol.pos = mol.pos + torch.tensor([shift, -shift, 0.5 * shift])
    return mols


def predict(has_origin: bool, shift: float) -> Prediction:
    torch.manual_seed(0)
    network = GSchNet(VOCABULARY, CUTOFFS, ModelSettings(16, 2, type_layers=2, type_width=24)).double().eval()
    return network(collate(shifted(shift), has_origin))


@pytest.mark.parametrize("shift", [0.3, 40.0])
def test_without_origin_the_place_of_a_molecule_does_not_matter(shift: float) -> None:
    here, there = predict(False, 0.0), predict(False, shift)
    torch.testing.assert_close(here.type_logp, there.type_logp, atol=1e-5, rtol=0)
    torch.testing.assert_close(here.distance_logp, there.distance_logp, atol=1e-5, rtol=0)
    assert (predict(True, 0.0).type_logp - predict(True, shift).type_logp).abs().max() > 1e-3


def test_without_origin_only_atoms_and_the_focus_predict() -> None:
    mols = shifted(0.0)
    without, with_origin = collate(mols, False), collate(mols, True)
    origin = torch.nonzero(without.node_type == VOCABULARY.origin_node).squeeze(1)
    assert not bool(torch.isin(without.predictor_node, origin).any())
    n_origin = int(torch.isin(with_origin.predictor_node, origin).sum())
    assert n_origin == with_origin.n_steps
    assert len(with_origin.predictor_node) == len(without.predictor_node) + n_origin


def test_without_origin_no_filter_belongs_to_it() -> None:
    steps = collate(shifted(0.0), False)
    receiver, sender, _ = neighbor_pairs(steps)
    assert bool((steps.node_site[receiver] > 0).all())
    assert bool((steps.node_site[sender] > 0).all())
