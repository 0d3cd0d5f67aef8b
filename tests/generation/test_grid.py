"""The position distribution, against the established grid and against itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gschnet_pyg.contracts import DistanceBins
from gschnet_pyg.generation.grid import PlacementGrid

BINS = DistanceBins(6.7, 202)


def two_predictors() -> tuple[torch.Tensor, torch.Tensor]:
    """Distributions that agree on a circle around the axis between focus and neighbour."""
    centres = torch.linspace(0, BINS.maximum, BINS.number)
    logp = torch.stack([-((centres - 1.1) ** 2) / 0.01, -((centres - 2.0) ** 2) / 0.01]).log_softmax(-1)
    return torch.tensor([[0.0, 0.0, 0.0], [1.5, 0.0, 0.0]]), logp


@pytest.mark.shared
@pytest.mark.parametrize("case", range(6))
@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_reproduces_the_established_distributions(shared, case: int, temperature: float) -> None:
    with np.load(shared / "reference" / "grid.npz") as file:
        arrays = dict(file)
    grid = PlacementGrid(float(arrays["minimum"]), float(arrays["maximum"]), float(arrays["spacing"]), BINS)
    assert abs(len(grid.points) - int(arrays["grid_points"])) <= 50
    logp = grid.position_logp(
        torch.as_tensor(arrays[f"case{case}_predictor_pos"]),
        torch.as_tensor(arrays[f"case{case}_distance_logp"]),
        temperature,
    )
    mean = logp.double().exp() @ grid.points
    listed = arrays[f"case{case}_T{temperature}_top_position"]
    place = torch.cdist(torch.as_tensor(listed).double(), grid.points).argmin(1)
    error = np.abs(logp[place].numpy() - arrays[f"case{case}_T{temperature}_top_logp"])
    np.testing.assert_allclose(grid.points[place], listed, atol=1e-5)
    assert np.mean(error < 0.01) >= 0.9
    assert np.linalg.norm(mean.numpy() - arrays[f"case{case}_T{temperature}_mean_position"]) < 0.005


def test_points_lie_between_the_bounds() -> None:
    grid = PlacementGrid(0.7, 1.7, 0.05, BINS)
    distance = grid.points.norm(dim=1)
    assert distance.min() == pytest.approx(0.7, abs=1e-5)
    assert distance.max() == pytest.approx(1.7, abs=1e-5)


def test_drawn_positions_keep_the_predicted_distances() -> None:
    grid = PlacementGrid(0.7, 1.7, 0.05, BINS)
    pos, logp = two_predictors()
    drawn = torch.stack([grid.sample(pos, logp, 1.0, u) for u in np.linspace(0.01, 0.99, 25)])
    assert (torch.cdist(drawn.float(), pos) - torch.tensor([1.1, 2.0])).abs().max() < 0.25
    assert drawn[:, 1].std() > 0.3  # nothing singles out a direction around the axis


def test_lower_temperature_is_sharper() -> None:
    grid = PlacementGrid(0.7, 1.7, 0.05, BINS)
    pos, logp = two_predictors()
    entropy = [-(p.exp() * p).sum() for p in (grid.position_logp(pos, logp, t) for t in (0.1, 1.0))]
    assert entropy[0] < entropy[1]


def test_order_of_predictors_does_not_matter() -> None:
    grid = PlacementGrid(0.7, 1.7, 0.1, BINS)
    pos, logp = two_predictors()
    torch.testing.assert_close(
        grid.position_logp(pos, logp, 0.1), grid.position_logp(pos.flip(0), logp.flip(0), 0.1), atol=1e-4, rtol=0
    )


def test_first_atom_may_lie_beyond_the_placement_cutoff() -> None:
    grid = PlacementGrid(0.7, 1.7, 0.05, BINS)
    logp = torch.full((2, BINS.number), -30.0)
    logp[:, 120] = 0.0
    drawn = grid.sample_first(logp, torch.zeros(2, dtype=torch.long), torch.tensor([0.5], dtype=torch.float64))
    assert float(drawn.norm()) == pytest.approx(120 * BINS.width, abs=1e-4)


def test_first_atoms_of_several_molecules_are_drawn_apart() -> None:
    """Each from the product of its own predictors: the share of uniform numbers below a bin is its probability."""
    grid, random = PlacementGrid(0.7, 1.7, 0.1, BINS), torch.Generator().manual_seed(3)
    logp = torch.randn(5, BINS.number, generator=random).log_softmax(1)
    molecule, uniform = torch.tensor([0, 0, 1, 1, 1]), torch.tensor([0.3, 0.8], dtype=torch.float64)
    drawn = grid.sample_first(logp, molecule, uniform)
    for of_molecule, rows, u in zip(drawn, (logp[:2], logp[2:]), uniform.tolist(), strict=True):
        below = rows.double().sum(0).softmax(0).cumsum(0)
        bin_number = round(float(of_molecule[0]) / BINS.width)
        assert below[bin_number - 1] <= u + 1e-6
        assert below[bin_number] >= u - 1e-6
        assert of_molecule.tolist() == [bin_number * BINS.width, 0.0, 0.0]  # to the last bit
