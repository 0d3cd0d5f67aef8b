"""What G-SchNet must and must not depend on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor
from torch_geometric.data import Data

from gschnet_pyg.contracts import Cutoffs, DistanceBins, PlacementSteps, Prediction, Vocabulary
from gschnet_pyg.model.conditions import Mixing, ScalarCondition
from gschnet_pyg.model.embeddings import ConditionEmbedding
from gschnet_pyg.model.gschnet import GSchNet, ModelSettings
from gschnet_pyg.trajectory.collate import PlacementCollate
from tests.molecules import molecule, molecules

VOCABULARY = Vocabulary()
SMALL = ModelSettings(16, 2, type_layers=2, type_width=24, distance_layers=2, distance_width=24)


def model(settings: ModelSettings = SMALL, conditions: ConditionEmbedding | None = None) -> GSchNet:
    torch.manual_seed(0)
    return GSchNet(VOCABULARY, Cutoffs(), settings, conditions).eval()


def collate(mols: list[Data], conditions: tuple[str, ...] = ()) -> PlacementSteps:
    return PlacementCollate(VOCABULARY, Cutoffs(), conditions=conditions)(mols)


def assert_equal(a: Prediction, b: Prediction, atol: float = 1e-5) -> None:
    torch.testing.assert_close(a.type_logp, b.type_logp, atol=atol, rtol=0)
    torch.testing.assert_close(a.distance_logp, b.distance_logp, atol=atol, rtol=0)


def test_rotation_and_reflection_change_nothing() -> None:
    network, mols, turned = model(), molecules(), molecules()
    rotation = torch.as_tensor(Rotation.from_euler("xyz", [0.3, 1.1, -2.0]).as_matrix())
    for mol in turned:
        mol.pos = mol.pos @ rotation.T * torch.tensor([1.0, 1.0, -1.0])
    assert_equal(network(collate(mols)), network(collate(turned)))


def test_distributions_are_normalised() -> None:
    prediction = model()(collate(molecules()))
    torch.testing.assert_close(prediction.type_logp.exp().sum(1), torch.ones(len(prediction.type_logp)))
    torch.testing.assert_close(prediction.distance_logp.exp().sum(1), torch.ones(len(prediction.distance_logp)))


def test_a_molecule_does_not_feel_its_batch() -> None:
    network = model()
    alone = network(collate([molecule("CC=O", seed=2)]))
    together_steps = collate([molecule("CCCCCC", seed=1), molecule("CC=O", seed=2)])
    together = network(together_steps)
    torch.testing.assert_close(
        together.type_logp[together_steps.step_molecule == 1], alone.type_logp, atol=1e-5, rtol=0
    )


def test_the_future_is_not_seen() -> None:
    """Moving the atom that is placed last changes no step before it is placed."""
    network, mol, moved = model(), molecule("CCO", seed=0), molecule("CCO", seed=0)
    last = int(np.argmax(mol.pos.norm(dim=1)))
    moved.pos[last] *= 1.02  # stays the farthest, so the trajectory stays too
    before, after = network(collate([mol])), network(collate([moved]))
    difference = (before.type_logp - after.type_logp).abs().amax(1)
    changed = torch.nonzero(difference > 1e-6).squeeze(1)
    first_seen = int(torch.nonzero(difference > 0)[0])
    assert len(changed) > 0
    assert first_seen > 2
    assert bool((difference[:first_seen] == 0).all())


def test_product_and_average_of_predictors() -> None:
    steps = collate([molecule("CO")])
    network = model()
    features = network.encode(steps)
    single = torch.log_softmax(network.type_head(features), -1)
    step = 3
    of_step = single[steps.predictor_step == step]
    product = network.type_logp(features, None, steps)[step]
    torch.testing.assert_close(product, torch.log_softmax(of_step.sum(0), -1))
    average = model(ModelSettings(**{**vars(SMALL), "average_types": True})).type_logp(features, None, steps)[step]
    torch.testing.assert_close(average.exp(), of_step.exp().mean(0))


def test_bins_follow_the_cutoffs_unless_told_otherwise() -> None:
    assert ModelSettings().bins(Cutoffs()) == DistanceBins(6.7, 202)
    assert ModelSettings().bins(Cutoffs(4.0, 3.0, 1.7)).number == 142
    assert ModelSettings(max_distance=8.0).bins(Cutoffs()) == DistanceBins(8.0, 241)
    assert ModelSettings(n_distance_bins=100).bins(Cutoffs()) == DistanceBins(6.7, 100)


def test_works_in_float64() -> None:
    steps = collate([molecule("CC=O")])
    single, double = model(), model().double()
    assert double(steps).type_logp.dtype == torch.float64
    torch.testing.assert_close(double(steps).type_logp.float(), single(steps).type_logp, atol=1e-5, rtol=0)


GAP = ScalarCondition(name="gap", minimum=0.0, maximum=10.0, spacing=2.5, layers=2, width=6)


@pytest.mark.parametrize("head", ["type", "distance"])
def test_conditions_enter_both_heads(head: str) -> None:
    network = model(conditions=ConditionEmbedding([GAP], Mixing(2, 3)))

    def predict(gaps: tuple[float, float]) -> tuple[PlacementSteps, Tensor]:
        mols = [molecule("CO", seed=1), molecule("CC=O", seed=2)]
        for mol, gap in zip(mols, gaps, strict=True):
            mol.gap = torch.tensor([[gap]], dtype=torch.float64)
        steps = collate(mols, ("gap",))
        return steps, getattr(network(steps), f"{head}_logp")

    steps, low = predict((1.0, 5.0))
    _, high = predict((9.0, 5.0))
    step = torch.arange(steps.n_steps)
    row_step = step if head == "type" else steps.predictor_step[steps.labelled_predictor]
    is_first = steps.step_molecule[row_step] == 0
    assert (low[is_first] - high[is_first]).abs().amax(1).min() > 0
    torch.testing.assert_close(low[~is_first], high[~is_first])
