"""Positions from the cells that hold the probability, against those from the whole grid."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from gschnet_pyg.contracts import DistanceBins
from gschnet_pyg.generation import bounds, branch_and_bound
from gschnet_pyg.generation.bounds import Cells, Predictors, Scores, highest
from gschnet_pyg.generation.branch_and_bound import PositionSearch
from gschnet_pyg.generation.grid import PlacementGrid

BINS = DistanceBins(6.7, 202)
CENTRES = torch.linspace(0, BINS.maximum, BINS.number)

Batch = tuple[Tensor, Tensor, list[int]]


@pytest.fixture(scope="module")
def search() -> PositionSearch:
    return PositionSearch(PlacementGrid(0.7, 1.7, 0.05, BINS))


def predictor_pos(random: np.random.Generator, counts: list[int]) -> Tensor:
    """Focus token and atom, the origin, and neighbours; some closer to the focus than any new atom, one very far."""
    pos = [random.uniform(-3, 3, (n, 3)).astype(np.float32) for n in counts]
    for of_molecule in pos:
        of_molecule[: min(2, len(of_molecule) - 1)] = 0.0
        of_molecule[-1] *= random.choice([0.2, 1.0, 5.0])
    return torch.as_tensor(np.concatenate(pos))


def trained(random: np.random.Generator, counts: list[int]) -> Batch:
    """Every molecule's predictors know two places about as well as a trained model does."""
    pos = predictor_pos(random, counts)
    places = torch.as_tensor(random.normal(size=(len(counts), 2, 3)))
    places *= 1.2 / places.norm(dim=2, keepdim=True)
    away = (pos[:, None] - places.repeat_interleave(torch.tensor(counts), dim=0)).norm(dim=2)[..., None]
    density = torch.exp(-((CENTRES - away) ** 2) / (2 * 0.04**2)).sum(1) + 1e-5
    return pos, density.log().log_softmax(1).float(), counts


def noise(random: np.random.Generator, counts: list[int]) -> Batch:
    pos = predictor_pos(random, counts)
    return pos, torch.as_tensor(random.normal(size=(len(pos), BINS.number))).log_softmax(1).float(), counts


def peaks(random: np.random.Generator, counts: list[int]) -> Batch:
    pos = predictor_pos(random, counts)
    return pos, torch.as_tensor(20 * random.normal(size=(len(pos), BINS.number))).log_softmax(1).float(), counts


def flat(random: np.random.Generator, counts: list[int]) -> Batch:
    pos = predictor_pos(random, counts)
    return pos, torch.zeros(len(pos), BINS.number).log_softmax(1), counts


def partly_impossible(random: np.random.Generator, counts: list[int]) -> Batch:
    pos, logp, _ = noise(random, counts)
    logp[:, ::7] = -torch.inf
    return pos, logp, counts


KINDS = [trained, noise, peaks, flat, partly_impossible]


def split(batch: Batch) -> list[tuple[Tensor, Tensor]]:
    pos, logp, counts = batch
    return list(zip(torch.split(pos, counts), torch.split(logp, counts), strict=True))


def number_of(grid: PlacementGrid, place: Tensor) -> Tensor:
    """Numbers of the grid's points at ``place [n, 3]`` on the axis; -1 for no candidates."""
    number = torch.where(grid.is_candidate, grid.is_candidate.view(-1).cumsum(0).view(grid.is_candidate.shape) - 1, -1)
    number = torch.nn.functional.pad(number, [0, 1] * 3, value=-1)
    return number[place[:, 0], place[:, 1], place[:, 2]]


def assert_drawn_as_from_the_whole_grid(
    grid: PlacementGrid, batch: Batch, temperature: float, uniform: np.ndarray, drawn: Tensor
) -> None:
    """Every point's share of the whole grid's cumulative distribution contains the number it was drawn with."""
    for (pos, logp), u, point in zip(split(batch), uniform, drawn, strict=True):
        cumulative = grid.position_logp(pos, logp, temperature).double().exp().cumsum(0)
        place = torch.searchsorted(grid.axis, point)
        assert torch.equal(grid.axis[place], point)
        [number] = number_of(grid, place[None]).tolist()
        assert number >= 0
        before = cumulative[number - 1] if number else 0.0
        assert before / cumulative[-1] - 2e-6 <= u <= cumulative[number] / cumulative[-1] + 2e-6


@pytest.mark.parametrize("kind", KINDS)
def test_no_point_scores_above_the_bounds_of_its_cells(search: PositionSearch, kind: Callable[..., Batch]) -> None:
    """From the points up: the highest score in a cell is no higher than the bound of the cell, at any level."""
    pos, logp, counts = kind(np.random.default_rng(1), [1, 4, 9])
    predictors = Predictors(pos, logp, counts)
    highest_in = torch.empty(0)
    for level in reversed(search.tree.levels):
        cells = Cells.everywhere(len(counts), torch.arange(level.n_cells + 1).expand(len(counts), -1))
        scores = Scores(level, predictors, BINS).of(cells).view(8, len(counts), -1).permute(1, 2, 0)
        if level.size > 1:
            of_children = highest_in[:, level.children]
            assert (of_children <= scores + 1e-4).all()
            scores = of_children
        highest_in = scores.amax(2)
    assert (highest_in > -torch.inf).any(1).all()


@pytest.mark.parametrize("spacing", [0.05, 0.11])
@pytest.mark.parametrize("temperature", [0.01, 0.1, 2.0])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_left_out_holds_a_millionth_at_most(
    kind: Callable[..., Batch], temperature: float, spacing: float
) -> None:
    search = PositionSearch(PlacementGrid(0.7, 1.7, spacing, BINS))
    batch = kind(np.random.default_rng(2), [6, 2, 13, 1])
    predictors = Predictors(*batch)
    molecules = split(batch)
    seen = []
    for cells, scores in search.points(predictors, temperature):
        x, y, z = search.tree.point_index[:, :, cells.cell]
        place = torch.stack(torch.broadcast_tensors(x[:, None, None], y[:, None], z), dim=-1).reshape(8, -1, 3)
        for molecule in cells.molecules:
            mine = (cells.molecule == molecule) & (scores > -torch.inf)
            number = number_of(search.grid, place[mine])
            assert len(number.unique()) == len(number)
            logp = search.grid.position_logp(*molecules[predictors.order[molecule]], temperature)
            assert logp.double().exp()[number].sum() / logp.double().exp().sum() >= 1 - 1e-6
            score = (scores[mine] / temperature).double()
            torch.testing.assert_close(
                score - score.max(), (logp[number] - logp[number].max()).double(), atol=1e-3, rtol=1e-5
            )
            seen.append(molecule)
    assert sorted(seen) == [0, 1, 2, 3]


@pytest.mark.parametrize("temperature", [0.01, 0.1, 1.0])
@pytest.mark.parametrize("kind", [trained, noise, peaks, flat])
def test_draws_the_points_that_the_whole_grid_draws(
    search: PositionSearch, kind: Callable[..., Batch], temperature: float
) -> None:
    random = np.random.default_rng(3)
    batch = kind(random, random.integers(1, 16, 24).tolist())
    uniform = random.random(24)
    uniform[:2] = 0.0, np.nextafter(1.0, 0.0)
    drawn = search.sample_batch(*batch, temperature, uniform)
    assert drawn.dtype == torch.float64
    assert_drawn_as_from_the_whole_grid(search.grid, batch, temperature, uniform, drawn)


def test_one_molecule_s_many_uniform_numbers_give_the_same_points(search: PositionSearch) -> None:
    [(pos, logp)] = split(trained(np.random.default_rng(4), [7]))
    uniform = np.random.default_rng(5).random(300)
    drawn = search.sample_batch(pos.repeat(300, 1), logp.repeat(300, 1), [7] * 300, 1.0, uniform)
    cumulative = search.grid.position_logp(pos, logp, 1.0).double().exp().cumsum(0)
    whole = search.grid.points[torch.searchsorted(cumulative, torch.as_tensor(uniform) * cumulative[-1], right=True)]
    assert len(drawn.unique(dim=0)) > 20
    assert int((drawn != whole).any(1).sum()) <= 1


@pytest.mark.shared
@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_draws_from_the_established_distributions(shared, temperature: float) -> None:
    with np.load(shared / "reference" / "grid.npz") as file:
        arrays = dict(file)
    grid = PlacementGrid(float(arrays["minimum"]), float(arrays["maximum"]), float(arrays["spacing"]), BINS)
    pos, logp = (
        [torch.as_tensor(arrays[f"case{case}_{name}"]) for case in range(6)]
        for name in ("predictor_pos", "distance_logp")
    )
    batch = torch.cat(pos), torch.cat(logp), [len(of_case) for of_case in pos]
    uniform = np.random.default_rng(6).random(6)
    drawn = PositionSearch(grid).sample_batch(*batch, temperature, uniform)
    assert_drawn_as_from_the_whole_grid(grid, batch, temperature, uniform, drawn)


def test_a_molecule_s_position_does_not_depend_on_the_others(search: PositionSearch) -> None:
    batch = trained(np.random.default_rng(7), [3, 12, 1, 8, 8, 5])
    uniform = np.random.default_rng(8).random(6)
    together = search.sample_batch(*batch, 0.1, uniform)
    alone = [
        search.sample_batch(pos, logp, [len(pos)], 0.1, uniform[k : k + 1])
        for k, (pos, logp) in enumerate(split(batch))
    ]
    assert torch.equal(together, torch.cat(alone))


@pytest.mark.parametrize("kind", [trained, flat])
def test_the_parts_that_are_worked_on_do_not_matter(
    monkeypatch: pytest.MonkeyPatch, kind: Callable[..., Batch]
) -> None:
    search = PositionSearch(PlacementGrid(0.7, 1.7, 0.1, BINS))
    batch = kind(np.random.default_rng(9), [3, 12, 1, 8, 8, 5])
    uniform = np.random.default_rng(10).random(6)
    expected = search.sample_batch(*batch, 0.5, uniform)
    monkeypatch.setattr(bounds, "MAX_PAIRS", 100)
    monkeypatch.setattr(branch_and_bound, "MAX_CELLS", 300)
    assert torch.equal(search.sample_batch(*batch, 0.5, uniform), expected)


def test_memory_is_bounded_whatever_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where nothing can be left out, cells held at a time do not grow with the number of molecules."""
    search = PositionSearch(PlacementGrid(0.7, 1.7, 0.1, BINS))
    held, score = [], Scores.of

    def watched(self: Scores, cells: Cells) -> Tensor:
        if self.level is not search.tree.levels[0]:
            held.append(len(cells.cell))
        return score(self, cells)

    monkeypatch.setattr(Scores, "of", watched)
    n_cells = search.tree.levels[-1].n_cells
    monkeypatch.setattr(branch_and_bound, "MAX_CELLS", 3 * n_cells)
    search.sample_batch(*flat(np.random.default_rng(0), [4] * 20), 1.0, np.full(20, 0.5))
    assert max(held) == 3 * n_cells


@pytest.mark.parametrize("temperature", [1e-4, 100.0])
def test_extreme_temperatures(search: PositionSearch, temperature: float) -> None:
    batch = trained(np.random.default_rng(11), [5, 11])
    drawn = search.sample_batch(*batch, temperature, np.array([0.3, 0.8]))
    if temperature < 1:
        for (pos, logp), point in zip(split(batch), drawn, strict=True):
            best = search.grid.position_logp(pos, logp, 1.0).topk(3).indices
            assert (search.grid.points[best] == point).all(1).any()
    else:
        assert_drawn_as_from_the_whole_grid(search.grid, batch, temperature, np.array([0.3, 0.8]), drawn)


@pytest.mark.parametrize(
    ("minimum", "maximum", "spacing"),
    [(0.7, 1.7, 0.37), (0.0, 1.0, 1.0), (0.0, 0.4, 0.5), (0.7, 1.7, 0.021), (1.6, 1.7, 0.05), (1.0, 4.0, 0.25)],
)
def test_coarse_fine_and_odd_grids(minimum: float, maximum: float, spacing: float) -> None:
    grid = PlacementGrid(minimum, maximum, spacing, BINS)
    batch = trained(np.random.default_rng(12), [2, 9, 4])
    uniform = np.array([0.05, 0.5, 0.95])
    drawn = PositionSearch(grid).sample_batch(*batch, 0.3, uniform)
    assert_drawn_as_from_the_whole_grid(grid, batch, 0.3, uniform, drawn)


@pytest.mark.parametrize("value", [-np.inf, np.nan])
@pytest.mark.parametrize("spacing", [0.05, 0.7])
def test_without_a_possible_point_no_position_is_drawn_as_from_the_whole_grid(value: float, spacing: float) -> None:
    search = PositionSearch(PlacementGrid(0.7, 1.7, spacing, BINS))
    pos, logp, counts = trained(np.random.default_rng(13), [4, 6])
    expected = search.sample_batch(pos, logp, counts, 0.1, np.array([0.4, 0.6]))[1]
    logp[:4] = value
    drawn = search.sample_batch(pos, logp, counts, 0.1, np.array([0.4, 0.6]))
    assert drawn[0].isnan().all()
    assert search.grid.sample(pos[:4], logp[:4], 0.1, 0.4).isnan().all()
    assert torch.equal(drawn[1], expected)


def test_highest_of_the_bins_around() -> None:
    logp = torch.randn(3, 12, generator=torch.Generator().manual_seed(0))
    for below, above in ((0, 1), (1, 2), (4, 4), (9, 20)):
        expected = [logp[:, max(0, k - below) : k + above + 1].amax(1) for k in range(12)]
        assert torch.equal(highest(logp, below, above), torch.stack(expected, dim=1))
