"""Generation at its limits: models that rule all out, never stop or are broken; extreme temperatures and numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from gschnet_pyg.contracts import Cutoffs, DistanceBins, PlacementSteps, Vocabulary
from gschnet_pyg.errors import ModelError
from gschnet_pyg.generation import rounds
from gschnet_pyg.generation.branch_and_bound import PositionSearch
from gschnet_pyg.generation.grid import PlacementGrid
from gschnet_pyg.generation.sampler import Attempt, GenerationSettings, generate
from gschnet_pyg.generation.state import PartialMolecule
from gschnet_pyg.model.gschnet import GSchNet, ModelSettings

VOCABULARY, CUTOFFS = Vocabulary(), Cutoffs()
INFINITE, NO_NUMBER = float("inf"), float("nan")
LAST_BELOW_ONE = float(np.nextafter(1.0, 0.0))
HYDROGEN, STOP = 0, VOCABULARY.stop_class
ANY = [0.0] * 6


class Scripted(GSchNet):
    """Says the same of every step.

    Args:
        types: log-odds of the classes.
        distances: log-probability of every bin, or one for all of them; that of the untrained network by default.
        lost_at: number of atoms from which on all it says is no number.
    """

    def __init__(self, types: list[float], distances: Tensor | float | None = None, lost_at: int | None = None) -> None:
        torch.manual_seed(0)
        super().__init__(VOCABULARY, CUTOFFS, ModelSettings(4, 1, 5, type_layers=1, distance_layers=1))
        self.types, self.lost_at = torch.tensor(types), lost_at
        self.distances = None if distances is None else torch.as_tensor(distances).expand(self.bins.number)

    def type_logp(self, features: Tensor, embedded: Tensor | None, steps: PlacementSteps) -> Tensor:
        said = self.types.log_softmax(0).repeat(steps.n_steps, 1)
        if self.lost_at is not None:
            said[steps.node_step.bincount() > self.lost_at] = NO_NUMBER
        return said

    def distance_logp(
        self, features: Tensor, embedded: Tensor | None, steps: PlacementSteps, predictor: Tensor, next_class: Tensor
    ) -> Tensor:
        if self.distances is None:
            return super().distance_logp(features, embedded, steps, predictor, next_class)
        return self.distances.expand(len(predictor), -1)


def attempts(model: GSchNet, n: int = 12, **settings: object) -> list[Attempt]:
    options = {"max_atoms": 5, "grid_spacing": 0.1, "batch_size": 5, **settings}
    made = list(generate(model.eval(), GenerationSettings(n, **options)))  # type: ignore[arg-type]
    assert sorted(attempt.number for attempt in made) == list(range(n))
    assert all(np.isfinite(attempt.pos).all() for attempt in made)
    return made


def only(bin_number: int) -> Tensor:
    """One distance alone is possible."""
    logp = torch.full((Scripted(ANY).bins.number,), -INFINITE)
    logp[bin_number] = 0.0
    return logp


# Types


@pytest.mark.parametrize("uniform", [None, 0.0, LAST_BELOW_ONE])
def test_a_type_without_probability_is_never_placed(monkeypatch: pytest.MonkeyPatch, uniform: float | None) -> None:
    if uniform is not None:
        _always(monkeypatch, uniform)
    for impossible in (0, 4, STOP):
        types = list(ANY)
        types[impossible] = -INFINITE
        made = attempts(Scripted(types))
        placed = {z for attempt in made for z in attempt.z.tolist()}
        if impossible == STOP:
            assert not any(attempt.is_finished for attempt in made)
        else:
            assert VOCABULARY.atom_types[impossible] not in placed
            assert placed or uniform == LAST_BELOW_ONE  # which stops wherever it can


def test_types_without_probability_are_averaged() -> None:
    """One type that no predictor thinks possible, by the network itself: its share is zero, those of others are not."""
    for average in (False, True):
        settings = ModelSettings(4, 1, 5, type_layers=1, distance_layers=1, average_types=average)
        model = GSchNet(VOCABULARY, CUTOFFS, settings)
        with torch.no_grad():
            model.type_head[0].bias[2] = -INFINITE
        placed = [z for attempt in attempts(model, 20) for z in attempt.z.tolist()]
        assert placed
        assert VOCABULARY.atom_types[2] not in placed


@pytest.mark.parametrize("n_classes", [2, 6, 17])
def test_classes_are_drawn_up_to_the_last_bit(n_classes: int) -> None:
    """No uniform number in [0, 1) leads to a class without probability, first or last."""
    random = np.random.default_rng(n_classes)
    logits = np.log(random.random((2000, n_classes)))
    logits[:, -1] = logits[:, 0] = -INFINITE
    logits[: len(logits) // 2, 1:] = np.where(random.random((1000, n_classes - 1)) < 0.5, -INFINITE, 0.0)
    logits[:, n_classes // 2] = 0.0
    for uniform in (0.0, 5e-324, 0.5, LAST_BELOW_ONE):
        drawn = rounds._draw(logits, np.full(len(logits), uniform))
        assert np.isfinite(logits[np.arange(len(logits)), drawn]).all()


# Distances


@pytest.mark.parametrize("grid_spacing", [0.1, 0.7])
def test_without_a_possible_place_an_attempt_is_abandoned(grid_spacing: float) -> None:
    """Nowhere, from the first atom on; or nowhere on the grid, where only the first atom has a place."""
    never = [0.0] * 5 + [-INFINITE]
    made = attempts(Scripted(never, -INFINITE), grid_spacing=grid_spacing)
    assert [(len(attempt.z), attempt.is_finished) for attempt in made] == [(0, False)] * 12
    beyond = DistanceBins.for_cutoffs(CUTOFFS).number - 1  # from the focus itself no point of the grid is so far away
    made = attempts(Scripted(never, only(beyond)), grid_spacing=grid_spacing)
    assert [(len(attempt.z), attempt.is_finished) for attempt in made] == [(1, False)] * 12


def test_others_do_not_notice_an_attempt_that_is_abandoned() -> None:
    """Molecules of one hydrogen lose their place with the second atom, those that stop before are finished."""
    beyond = DistanceBins.for_cutoffs(CUTOFFS).number - 1
    made = attempts(Scripted(ANY, only(beyond)), 60)
    counts = {(len(attempt.z), attempt.is_finished) for attempt in made}
    assert counts == {(0, False), (1, False), (1, True)}
    alone = attempts(Scripted(ANY, only(beyond)), 60, batch_size=1)
    for one, other in zip(*(sorted(each, key=lambda attempt: attempt.number) for each in (made, alone)), strict=True):
        assert one.is_finished == other.is_finished
        np.testing.assert_array_equal(one.z, other.z)
        np.testing.assert_array_equal(one.pos, other.pos)


@pytest.mark.parametrize("uniform", [0.0, LAST_BELOW_ONE])
def test_extreme_numbers_draw_possible_places(monkeypatch: pytest.MonkeyPatch, uniform: float) -> None:
    """On the grid as for the first atom: a point that is possible, whatever is impossible beside it."""
    grid = PlacementGrid(0.7, 1.7, 0.05, DistanceBins.for_cutoffs(CUTOFFS))
    logp = torch.full((1, grid.bins.number), -INFINITE)
    logp[0, 30:40] = torch.linspace(-3, 0, 10)
    [point] = PositionSearch(grid).sample_batch(torch.zeros(1, 3), logp, [1], 0.7, np.array([uniform]))
    for drawn in (point, grid.sample(torch.zeros(1, 3), logp, 0.7, uniform)):
        assert 29.5 <= float(drawn.norm()) / grid.bins.width <= 39.5
    number = torch.zeros(1, dtype=torch.long), torch.tensor([uniform], dtype=torch.float64)
    [first] = grid.sample_first(logp, *number)
    assert round(float(first[0]) / grid.bins.width) == (30 if uniform == 0.0 else 39)
    _always(monkeypatch, uniform)
    attempts(Scripted(ANY))


DISTRIBUTIONS: dict[str, Callable[[int], Tensor]] = {
    "flat": lambda n: torch.zeros(n),
    "peaked": lambda n: torch.where(torch.arange(n) == 36, 1e30, -1e30),
    "steep": lambda n: -1e4 * torch.arange(n),
    "tiny differences": lambda n: 1e-7 * torch.arange(n),
    "half impossible": lambda n: torch.where(torch.arange(n) % 2 == 0, 0.0, -INFINITE),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize("temperature", [5e-324, 1e-300, 1e-30, 1e-8, 1e8, 1e38, 1e300, 1.7e308])
def test_every_temperature_draws_places(temperature: float, name: str) -> None:
    """Cold ones the most likely place, hot ones any that is possible."""
    grid = PlacementGrid(0.7, 1.7, 0.1, DistanceBins.for_cutoffs(CUTOFFS))
    logp = DISTRIBUTIONS[name](grid.bins.number).log_softmax(0)[None]
    uniform = np.linspace(0.0, LAST_BELOW_ONE, 9)
    drawn = PositionSearch(grid).sample_batch(torch.zeros(9, 3), logp.expand(9, -1), [1] * 9, temperature, uniform)
    whole = torch.stack([grid.sample(torch.zeros(1, 3), logp, temperature, u) for u in uniform])
    nearest = (grid.points.norm(dim=1) / grid.bins.width + 0.5).int()
    for points in (drawn, whole):
        assert points.isfinite().all()
        scores = logp[0, (points.norm(dim=1) / grid.bins.width + 0.5).int()]
        assert (scores > -INFINITE).all()
        if temperature < 1e-9:
            torch.testing.assert_close(scores, logp[0, nearest].max().expand(9), atol=1e-6, rtol=0)
    if temperature > 1 and name != "peaked":
        assert len(drawn.unique(dim=0)) > 5


@pytest.mark.parametrize("temperature", [1e-8, 1e-300, 1e300])
def test_temperatures_of_types(temperature: float) -> None:
    types = [1.0, 0.0, -1.0, -INFINITE, -2.0, 0.5]
    placed = [z for attempt in attempts(Scripted(types), 30, type_temperature=temperature) for z in attempt.z.tolist()]
    assert 8 not in placed
    assert set(placed) == ({1} if temperature < 1 else {1, 6, 7, 9})


# Models that only stop, never stop, or are broken


def test_a_model_that_only_stops() -> None:
    made = attempts(Scripted([-INFINITE] * 5 + [0.0]))
    assert [(len(attempt.z), attempt.is_finished) for attempt in made] == [(0, False)] * 12


def test_a_model_that_never_stops() -> None:
    made = attempts(Scripted([0.0] * 5 + [-INFINITE]))
    assert [(len(attempt.z), attempt.is_finished) for attempt in made] == [(5, False)] * 12


@pytest.mark.parametrize("lost_at", [0, 2])
def test_types_that_are_no_numbers_end_in_one_error(lost_at: int) -> None:
    model = Scripted([0.0] * 5 + [-INFINITE], lost_at=lost_at)
    with pytest.raises(
        ModelError, match=rf"molecule 0, after {lost_at} atoms: what the model predicts is not a number"
    ):
        attempts(model)


@pytest.mark.parametrize("weight", ["distance_head.0.weight", "next_type_embedding.weight", "schnet.embedding.weight"])
@pytest.mark.parametrize("value", [NO_NUMBER, INFINITE, 3e38])
def test_damaged_weights_end_in_one_error(weight: str, value: float) -> None:
    """Infinite weights, and such that are too large for products, lead to something that is no number as well."""
    model = GSchNet(VOCABULARY, CUTOFFS, ModelSettings(4, 1, 5, type_layers=1, distance_layers=1))
    with torch.no_grad():
        model.get_parameter(weight)[:] = value
        model.type_head[0].bias[STOP] = -1e3
    with pytest.raises(ModelError, match=r"molecule \d+, after \d+ atoms: .* not a number.*train it anew"):
        attempts(model)


def _always(monkeypatch: pytest.MonkeyPatch, uniform: float) -> None:
    """All molecules draw the same number, always."""

    class Constant:
        def random(self, n: int) -> np.ndarray:
            return np.full(n, uniform)

    begin = PartialMolecule.begin.__func__  # type: ignore[attr-defined]

    def begun(cls: type[PartialMolecule], *args: object) -> PartialMolecule:
        molecule: PartialMolecule = begin(cls, *args)
        molecule.random = Constant()  # type: ignore[assignment]
        return molecule

    monkeypatch.setattr(PartialMolecule, "begin", classmethod(begun))
