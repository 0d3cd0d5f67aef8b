"""Nothing in a training step asks what a tensor holds: an accelerator never waits for its host in between."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from gschnet_pyg.contracts import Cutoffs, PlacementSteps, Vocabulary
from gschnet_pyg.model.conditions import CompositionCondition, Mixing, ScalarCondition
from gschnet_pyg.model.embeddings import ConditionEmbedding
from gschnet_pyg.model.gschnet import GSchNet, ModelSettings
from gschnet_pyg.training.losses import placement_loss
from gschnet_pyg.trajectory import connections
from gschnet_pyg.trajectory.collate import PlacementCollate
from tests.molecules import molecules

SETTINGS = ModelSettings(16, 2, type_layers=2, type_width=24, distance_layers=2, distance_width=24)


def batch(conditions: tuple[str, ...] = ()) -> PlacementSteps:
    mols = molecules()
    for mol in mols:
        mol.gap = torch.tensor([[float(len(mol.z))]])
        mol.composition = torch.bincount(mol.z, minlength=10)[[1, 6, 7, 8, 9]][None].double()
    return PlacementCollate(Vocabulary(), Cutoffs(), 4, conditions)(mols)


def without_content(steps: PlacementSteps, mode: FakeTensorMode) -> PlacementSteps:
    """A batch of tensors that have shapes only; whoever asks for their content is refused."""
    return steps.apply(lambda value: mode.from_tensor(value) if isinstance(value, Tensor) else value)


def test_content_is_refused() -> None:
    steps = batch()
    with FakeTensorMode() as mode, pytest.raises(DataDependentOutputException):
        without_content(steps, mode).pair_distance.max().item()


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("worth", [-1.0, float("inf")], ids=["product", "gathered"])
def test_a_training_step_never_waits(worth: float, precision: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "product_cost", lambda *sizes: worth)
    steps = batch()
    with FakeTensorMode() as mode:
        model = GSchNet(Vocabulary(), Cutoffs(), SETTINGS)
        steps = without_content(steps, mode)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
            prediction = model(steps)
        placement_loss(prediction, steps, model.bins).total.backward()
        assert all(weight.grad is not None and weight.grad.shape == weight.shape for weight in model.parameters())


def test_conditions_and_averaged_types_never_wait() -> None:
    steps = batch(("gap", "composition"))
    with FakeTensorMode() as mode:
        count = ScalarCondition(name="n_atoms", minimum=0.0, maximum=35.0, spacing=8.75, layers=2, width=8)
        types = Vocabulary().atom_types
        composition = CompositionCondition(atom_types=types, type_features=4, layers=2, width=8, count=count)
        gap = ScalarCondition(name="gap", minimum=0.0, maximum=30.0, spacing=5.0, layers=2, width=8)
        settings = ModelSettings(16, 2, type_layers=2, distance_layers=2, average_types=True)
        model = GSchNet(Vocabulary(), Cutoffs(), settings, ConditionEmbedding((composition, gap), Mixing(2, 8)))
        steps = without_content(steps, mode)
        placement_loss(model(steps), steps, model.bins).total.backward()
