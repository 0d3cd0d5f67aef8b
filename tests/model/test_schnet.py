"""SchNet over shared filters is SchNet over edges."""

from __future__ import annotations

import pytest
import torch

from gschnet_pyg.contracts import Cutoffs, PairList, PairTable, PlacementSteps, Vocabulary
from gschnet_pyg.model.radial import GaussianBasis, cosine_cutoff, dense_stack
from gschnet_pyg.model.schnet import SchNet
from gschnet_pyg.trajectory import connections
from gschnet_pyg.trajectory.collate import PlacementCollate
from tests.model.edge_list import schnet_by_edges
from tests.molecules import molecule, molecules


def batch(cutoffs: Cutoffs, steps_drawn: int | None = None) -> PlacementSteps:
    return PlacementCollate(Vocabulary(), cutoffs, steps_drawn)(molecules())


def schnet(cutoff: float, n_interactions: int = 3, shared: bool = False) -> SchNet:
    torch.manual_seed(0)
    return SchNet(7, 16, n_interactions, 25, cutoff, shared)


@pytest.fixture(params=["product", "gathered"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Either form of messages, whatever is faster."""
    worth = {"product": -1.0, "gathered": float("inf")}[request.param]
    monkeypatch.setattr(connections, "product_cost", lambda *sizes: worth)
    return request.param


def test_the_form_of_messages(form: str) -> None:
    assert isinstance(batch(Cutoffs()).pairs, {"product": PairTable, "gathered": PairList}[form])


@pytest.mark.parametrize("steps_drawn", [None, 3])
@pytest.mark.parametrize("cutoffs", [Cutoffs(), Cutoffs(3.0, 2.5, 1.7)])
def test_equals_the_edge_list_formulation(form: str, cutoffs: Cutoffs, steps_drawn: int | None) -> None:
    steps, network = batch(cutoffs, steps_drawn), schnet(cutoffs.model)
    torch.testing.assert_close(network(steps), schnet_by_edges(network, steps), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("steps_drawn", [None, 3])
@pytest.mark.parametrize("cutoffs", [Cutoffs(), Cutoffs(3.0, 2.5, 1.7)])
def test_gradients_equal_those_of_the_edge_list_formulation(
    form: str, cutoffs: Cutoffs, steps_drawn: int | None
) -> None:
    steps, network = batch(cutoffs, steps_drawn).apply(as_double), schnet(cutoffs.model).double()
    weight = torch.randn(len(steps.node_type) + steps.n_steps, 16, dtype=torch.float64)
    parameters = list(network.parameters())
    ours = torch.autograd.grad((network(steps) * weight).sum(), parameters)
    theirs = torch.autograd.grad((schnet_by_edges(network, steps) * weight).sum(), parameters)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, atol=1e-9, rtol=1e-9)


def test_half_precision_is_near(form: str) -> None:
    steps, network = batch(Cutoffs(), 3), schnet(10.0)
    exact = network(steps)
    with torch.autocast("cpu", torch.bfloat16):
        near = network(steps)
    assert near.dtype == torch.float32  # only the updates are rounded
    assert 0 < (near - exact).abs().max() < 0.05 * exact.abs().max()
    exact_gradient, gradient = (
        torch.autograd.grad(x.square().mean(), list(network.parameters())) for x in (exact, near)
    )
    for a, b in zip(gradient, exact_gradient, strict=True):
        assert a.dtype == torch.float32
        assert (a - b).norm() < 0.1 * b.norm()


def test_a_product_serves_small_molecules_with_many_steps_and_gathered_pairs_large_ones_with_few() -> None:
    amino_acid = molecule("CC(N)C(=O)O")
    assert isinstance(PlacementCollate(Vocabulary(), Cutoffs())([amino_acid]).pairs, PairTable)
    chain = molecule("C" * 30)
    assert isinstance(PlacementCollate(Vocabulary(), Cutoffs(5.0, 5.0), 3)([chain]).pairs, PairList)


def as_double(value: torch.Tensor) -> torch.Tensor:
    return value.double() if value.is_floating_point() else value


def test_shared_interactions_use_one_set_of_weights() -> None:
    separate, shared = schnet(10.0, 4), schnet(10.0, 4, shared=True)
    n_block = sum(p.numel() for p in separate.blocks[0].parameters())
    assert sum(p.numel() for p in separate.parameters()) - sum(p.numel() for p in shared.parameters()) == 3 * n_block
    steps = batch(Cutoffs(), 2)
    once = schnet(10.0, 1, shared=True)
    assert not torch.allclose(shared(steps), once(steps))


def test_weights_start_xavier_uniform_with_zero_bias() -> None:
    stack = dense_stack(100, 200, 50, 2)
    limit = (6 / 300) ** 0.5
    assert stack[0].weight.abs().max() <= limit
    assert float(stack[0].weight.detach().std()) == pytest.approx(limit / 3**0.5, rel=0.02)
    assert bool((stack[0].bias == 0).all())


def test_radial_functions() -> None:
    basis = GaussianBasis(0.0, 10.0, 25)
    at_offset = basis(basis.offsets)
    torch.testing.assert_close(at_offset.diagonal(), torch.ones(25))
    torch.testing.assert_close(at_offset.diagonal(1), torch.full((24,), torch.e**-0.5))
    cutoff = cosine_cutoff(torch.tensor([0.0, 5.0, 10.0, 12.0]), 10.0)
    torch.testing.assert_close(cutoff, torch.tensor([1.0, 0.5, 0.0, 0.0]))
