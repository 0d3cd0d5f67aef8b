"""Generation: one code path with training, reproducible, and able to repeat what was learnt by heart."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from gschnet_pyg.contracts import Cutoffs, PlacementSteps, Vocabulary
from gschnet_pyg.generation.filters import KeptFilters
from gschnet_pyg.generation.sampler import Attempt, GenerationSettings, StepView, generate
from gschnet_pyg.generation.slots import Slots
from gschnet_pyg.model.gschnet import GSchNet, ModelSettings
from gschnet_pyg.trajectory.collate import PlacementCollate
from gschnet_pyg.trajectory.sample import sample_trajectory
from tests.generation.by_heart import is_same, learn
from tests.molecules import molecule

VOCABULARY, CUTOFFS = Vocabulary(), Cutoffs()
COARSE = {"grid_spacing": 0.1}


@pytest.fixture(scope="module")
def untrained() -> GSchNet:
    torch.manual_seed(1)
    settings = ModelSettings(16, 2, type_layers=2, type_width=24, distance_layers=2, distance_width=24)
    return GSchNet(VOCABULARY, CUTOFFS, settings).eval()


class Scripted(GSchNet):
    """Says the same of every step: the given log-odds of the classes."""

    def __init__(self, logits: list[float]) -> None:
        super().__init__(VOCABULARY, CUTOFFS, ModelSettings(4, 1, 5, type_layers=1, distance_layers=1))
        self.logits = torch.tensor(logits)

    def type_logp(self, features: Tensor, embedded: Tensor | None, steps: PlacementSteps) -> Tensor:
        return self.logits.log_softmax(0).expand(steps.n_steps, -1)


def by_number(attempts: list[Attempt]) -> dict[int, Attempt]:
    return {attempt.number: attempt for attempt in attempts}


def assert_same(a: Attempt, b: Attempt) -> None:
    assert a.is_finished == b.is_finished
    np.testing.assert_array_equal(a.z, b.z)
    np.testing.assert_allclose(a.pos, b.pos, atol=1e-6)


def test_equal_seeds_give_equal_molecules_whatever_the_batch(untrained: GSchNet) -> None:
    first, second, other = (
        by_number(list(generate(untrained, GenerationSettings(12, batch, max_atoms=8, seed=seed, **COARSE))))
        for batch, seed in ((12, 5), (5, 5), (12, 6))
    )
    assert first.keys() == second.keys() == set(range(12))
    for number in first:
        assert_same(first[number], second[number])
    assert any(a.z.tolist() != other[number].z.tolist() for number, a in first.items())


def test_more_molecules_do_not_change_the_first_ones(untrained: GSchNet) -> None:
    few = by_number(list(generate(untrained, GenerationSettings(3, max_atoms=6, **COARSE))))
    many = by_number(list(generate(untrained, GenerationSettings(9, max_atoms=6, **COARSE))))
    for number, attempt in few.items():
        assert_same(attempt, many[number])


def test_some_numbers_give_those_molecules(untrained: GSchNet) -> None:
    settings = GenerationSettings(7, max_atoms=6, **COARSE)
    whole = by_number(list(generate(untrained, settings)))
    shares = [by_number(list(generate(untrained, settings, numbers=range(rank, 7, 2)))) for rank in (0, 1)]
    assert [set(share) for share in shares] == [{0, 2, 4, 6}, {1, 3, 5}]
    for number, attempt in (shares[0] | shares[1]).items():
        assert_same(attempt, whole[number])


@torch.inference_mode()
def test_partial_molecules_look_as_in_training() -> None:
    """Features and predictors of a step are equal whether the collate or the generator expands it."""
    mol = molecule("CC=O", seed=2)
    torch.manual_seed(0)
    network = GSchNet(VOCABULARY, CUTOFFS, ModelSettings(8, 2, 10, type_layers=2)).eval()
    trained_on = PlacementCollate(VOCABULARY, CUTOFFS)([mol])
    trajectory = sample_trajectory(mol, CUTOFFS, torch.Generator().manual_seed(2))
    place = {int(atom): number for number, atom in enumerate(trajectory.order)}
    expected = network(trained_on).type_logp
    slots = Slots(2, len(mol.z), CUTOFFS)
    kept = KeptFilters(network.schnet, slots)
    for step, n_placed in enumerate(trajectory.n_placed.tolist()):
        if n_placed > int(slots.n_atoms[1]):
            atom = trajectory.order[n_placed - 1]
            kept.update(slots.place(np.array([1]), mol.z[[atom]].numpy(), mol.pos[[atom]].numpy()))
        focus = place.get(int(trajectory.focus[step]), -1)
        steps = slots.steps(np.array([1]), [focus], VOCABULARY)
        here = trained_on.predictor_step == step
        assert sorted(steps.predictor_pos.norm(dim=1).tolist()) == pytest.approx(
            sorted(trained_on.predictor_pos[here].norm(dim=1).tolist()), abs=1e-6
        )
        features = network.encode(steps, kept.of_blocks)
        torch.testing.assert_close(network.type_logp(features, None, steps)[0], expected[step], atol=1e-5, rtol=0)


def test_a_model_that_only_stops_is_abandoned_at_once() -> None:
    attempts = list(generate(Scripted([-50.0] * 5 + [0.0]), GenerationSettings(4)))
    assert [attempt.is_finished for attempt in attempts] == [False] * 4
    assert all(len(attempt.z) == 0 for attempt in attempts)


def test_a_model_that_never_stops_is_abandoned_at_the_maximum() -> None:
    attempts = list(generate(Scripted([0.0] * 5 + [-50.0]), GenerationSettings(3, max_atoms=4, **COARSE)))
    assert [(len(attempt.z), attempt.is_finished) for attempt in attempts] == [(4, False)] * 3


def test_a_molecule_at_the_maximum_may_still_finish() -> None:
    attempts = list(generate(Scripted([0.0] * 5 + [1.0]), GenerationSettings(40, max_atoms=2, **COARSE)))
    assert any(attempt.is_finished and len(attempt.z) == 2 for attempt in attempts)


def test_new_atoms_lie_within_reach_of_their_focus(untrained: GSchNet) -> None:
    foci: list[tuple[int, int, np.ndarray]] = []

    def observe(view: StepView) -> None:
        if view.focus >= 0 and view.next_z != VOCABULARY.stop:
            foci.append((view.molecule.number, len(view.molecule.z), view.molecule.focus_pos(view.focus)))

    attempts = by_number(list(generate(untrained, GenerationSettings(8, max_atoms=6, **COARSE), on_step=observe)))
    assert foci
    for number, placed, focus_pos in foci:
        if placed < len(attempts[number].pos):
            distance = np.linalg.norm(attempts[number].pos[placed] - focus_pos)
            assert 0.7 - 1e-4 <= distance <= 1.7 + 1e-4


def test_the_observer_sees_every_step() -> None:
    views: list[StepView] = []
    list(generate(Scripted([0.0] * 5 + [3.0]), GenerationSettings(5, max_atoms=5, **COARSE), on_step=views.append))
    assert {view.molecule.number for view in views} == set(range(5))
    assert all(view.type_logp.shape == (6,) for view in views)
    assert all(view.next_z in (*VOCABULARY.atom_types, VOCABULARY.stop) for view in views)


@pytest.mark.parametrize("smiles", ["C", "CO"])
def test_one_molecule_learnt_by_heart_is_generated_again(smiles: str) -> None:
    attempts = generate(learn(smiles), GenerationSettings(10, max_atoms=12, temperature=0.05))
    assert sum(is_same(attempt, molecule(smiles)) for attempt in attempts) >= 8
