"""Distances exactly on a cutoff, or beyond the last bin."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.data import covalent_radii

from gschnet_pyg import neighbors as rooms
from gschnet_pyg.contracts import Cutoffs, DistanceBins
from gschnet_pyg.data.connectivity import connected
from gschnet_pyg.errors import DataError
from gschnet_pyg.generation.grid import PlacementGrid
from gschnet_pyg.generation.sampler import GenerationSettings, generate
from gschnet_pyg.generation.slots import Slots
from gschnet_pyg.neighbors import neighbors
from gschnet_pyg.training.losses import distance_labels, placement_loss
from gschnet_pyg.trajectory.collate import PlacementCollate
from tests.faults.edges import ALONG_X, VOCABULARY, dataset, expanded, network


@pytest.fixture(params=["torch_cluster", "twin"])
def _either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "torch_cluster" and not rooms.HAS_TORCH_CLUSTER:
        pytest.skip("torch-cluster is not installed")
    monkeypatch.setattr(rooms, "HAS_TORCH_CLUSTER", request.param == "torch_cluster")


@pytest.mark.usefixtures("_either_way")
@pytest.mark.parametrize("cutoff", [1.7, 5.0, 10.0, 0.1 + 0.2, 3.3])
@pytest.mark.parametrize("direction", [[1, 0, 0], [0, -1, 0]])
def test_on_a_cutoff_is_outside(cutoff: float, direction: list[int]) -> None:
    """Where the distance is that number to the last bit; one bit less is inside. Each of the three cutoffs."""
    inside = np.nextafter(cutoff, 0.0)
    for distance, n_pairs in ((cutoff, 0), (inside, 1)):
        pos = torch.tensor([[0.0] * 3, [distance * each for each in direction]], dtype=torch.float64)
        z, ptr = torch.tensor([6, 6]), torch.tensor([0, 2])
        for reaches in ((cutoff, 99, 99), (99, cutoff, 99), (99, 99, cutoff)):
            near = neighbors(z, pos, ptr, Cutoffs(*reaches, covalent_factor=None))
            counts = [len(near.model), len(near.prediction), len(near.placement)]
            assert counts == [n_pairs if reach == cutoff else 1 for reach in reaches]


@pytest.mark.usefixtures("_either_way")
@pytest.mark.parametrize(("a", "b"), [(6, 1), (6, 6), (8, 9)])
@pytest.mark.parametrize("factor", [1.1, 1.3, 0.9])
def test_on_the_covalent_reach_is_outside(a: int, b: int, factor: float) -> None:
    reach = factor * (covalent_radii[a] + covalent_radii[b])
    z, ptr = torch.tensor([a, b]), torch.tensor([0, 2])
    for distance, n_pairs in ((reach, 0), (np.nextafter(reach, 0.0), 1), (np.nextafter(reach, 9.0), 0)):
        pos = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, distance]], dtype=torch.float64)
        assert len(neighbors(z, pos, ptr, Cutoffs(10.0, 5.0, 4.0, factor)).placement) == n_pairs


@pytest.mark.parametrize("cutoff", [1.7, 5.0, 3.3])
def test_generation_counts_as_training_does(cutoff: float) -> None:
    """Pairs and predictors of two atoms, at the cutoff and one bit below."""
    for distance, is_near in ((cutoff, False), (np.nextafter(cutoff, 0.0), True)):
        slots = Slots(1, 4, Cutoffs(cutoff, cutoff, 1.7))
        for x in (0.0, distance):
            slots.place(np.array([0]), np.array([6]), np.array([[x, 0.0, 0.0]]))
        steps = slots.steps(np.array([0]), [1], VOCABULARY)
        # the origin, which lies on the first atom, is no nearer
        assert len(steps.pair_distance) == 1 + 2 * is_near
        assert len(steps.predictor_node) == 3 + is_near  # focus token, focus, origin


@pytest.mark.usefixtures("_either_way")
def test_a_molecule_holds_together_as_its_trajectories_see_it() -> None:
    """Centring rounds, perhaps over the cutoff: what is left out of training must be what falls apart there."""
    random, cutoffs, molecules = np.random.default_rng(0), Cutoffs(covalent_factor=None), []
    for number in range(120):
        start = random.uniform(-1, 1, 3) * 10.0 ** (number % 6)
        molecules.append(Atoms("HC", [start, start + (np.nextafter(1.7, 0.0) if number % 2 else 1.7) * ALONG_X]))
    found = dataset(molecules)
    holds = connected(found, cutoffs, progress=False)
    assert 0 < holds.sum() < len(molecules)
    raw = np.array([abs(atoms.positions[1, 0] - atoms.positions[0, 0]) < 1.7 for atoms in molecules])
    assert (holds != raw).any(), "centring has moved nothing over the cutoff"
    for molecule, is_whole in zip(found, holds.tolist(), strict=True):
        molecule.seed = 0
        if is_whole:
            assert PlacementCollate(VOCABULARY, cutoffs)([molecule]).n_steps == 4
        else:
            with pytest.raises(DataError, match="cannot be reached"):
                PlacementCollate(VOCABULARY, cutoffs)([molecule])


# Distances beyond the last bin


@pytest.mark.parametrize("label_width", [0.1, 0.001])
def test_distances_beyond_the_last_bin_are_its_own(label_width: float) -> None:
    bins = DistanceBins.up_to(2.0)
    far = torch.tensor([2.0, 2.5, 1e6], dtype=torch.float32)
    labels = distance_labels(far, bins, 0.1)
    assert labels.argmax(dim=1).tolist() == [bins.number - 1] * 3
    assert torch.equal(labels, labels[:1].expand_as(labels))
    model = network(max_distance=2.0)
    steps = expanded([Atoms("C8", np.arange(8)[:, None] * [[0.8, 0.8, 0.8]])])  # longer than the last bin
    assert float(steps.labelled_distance.max()) > 2.0
    loss = placement_loss(model(steps), steps, model.bins, label_width)
    assert torch.isfinite(loss.total)


def test_generation_beyond_the_last_bin() -> None:
    bins = DistanceBins.up_to(1.0)
    grid = PlacementGrid(0.7, 1.7, 0.1, bins)
    logp = torch.full((1, bins.number), -50.0)
    logp[0, -1] = 0.0  # beyond 1 Å, or there
    of_points = grid.position_logp(torch.zeros(1, 3), logp, 1.0).exp()
    beyond = grid.points.norm(dim=1) > 1.0
    assert float(of_points[beyond].sum()) > 0.9
    torch.testing.assert_close(of_points[beyond], of_points[beyond][:1].expand(int(beyond.sum())))
    model = network(max_distance=1.0)
    attempts = list(generate(model, GenerationSettings(8, max_atoms=6, grid_spacing=0.1)))
    assert len(attempts) == 8
    assert all(np.isfinite(attempt.pos).all() for attempt in attempts)
