"""Molecules that begin with conditions or with a substructure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from gschnet_pyg.contracts import Cutoffs, Growth, PlacementSteps, Vocabulary
from gschnet_pyg.errors import DataError, RecipeError
from gschnet_pyg.generation.sampler import Attempt, GenerationSettings, StepView, generate
from gschnet_pyg.generation.starts import Fragment, Start
from gschnet_pyg.model.conditions import Mixing, ScalarCondition
from gschnet_pyg.model.embeddings import ConditionEmbedding
from gschnet_pyg.model.gschnet import GSchNet, ModelSettings
from tests.generation.by_heart import is_same, learn
from tests.molecules import molecule

VOCABULARY, CUTOFFS = Vocabulary(), Cutoffs()
TINY = {"n_features": 8, "n_interactions": 1, "type_layers": 2, "distance_layers": 1}
METHANOL, CARBON, OXYGEN = molecule("CO"), 0, 1


def part_of_methanol(atoms: Sequence[int], finished: tuple[int, ...] = (), shift: float = 0.0) -> Fragment:
    """Some of its atoms, where they lie around its centre of mass."""
    return Fragment(METHANOL.z[list(atoms)].numpy(), METHANOL.pos[list(atoms)].numpy() + shift, finished)


class Scripted(GSchNet):
    """Says the same of every step: the given log-odds of the classes."""

    def __init__(self, logits: list[float], has_origin: bool = True) -> None:
        super().__init__(VOCABULARY, CUTOFFS, ModelSettings(**TINY, has_origin=has_origin))
        self.logits = torch.tensor(logits)

    def type_logp(self, features: Tensor, embedded: Tensor | None, steps: PlacementSteps) -> Tensor:
        return self.logits.log_softmax(0).expand(steps.n_steps, -1)


STOPS, PLACES_HYDROGEN = [-50.0] * 5 + [0.0], [0.0] + [-50.0] * 5


def completions(growth: Growth, fragment: Fragment) -> list[Attempt]:
    settings = GenerationSettings(10, max_atoms=12, temperature=0.05)
    return list(generate(learn("CO", growth, 200), settings, [Start(fragment=fragment)]))


@pytest.mark.parametrize("shift", [0.0, 7.0])
def test_without_origin_a_fragment_is_completed_wherever_it_lies(shift: float) -> None:
    attempts = completions(Growth(False, 0.5, next_atom="focus"), part_of_methanol([CARBON, OXYGEN], shift=shift))
    assert sum(is_same(attempt, METHANOL) for attempt in attempts) >= 8


def test_with_origin_a_fragment_is_completed_around_the_true_origin() -> None:
    attempts = completions(Growth(True, 0.5), part_of_methanol([CARBON, OXYGEN, 2]))
    assert sum(is_same(attempt, METHANOL) for attempt in attempts) >= 8


def test_a_finished_hydrogen_may_be_learnt_as_such() -> None:
    """Atoms that training finished with the fragment are finished in generation too."""
    growth = Growth(False, 0.5, finished_fragment=True)
    attempts = completions(growth, part_of_methanol([CARBON, OXYGEN, 2], finished=(2,)))
    assert sum(is_same(attempt, METHANOL) for attempt in attempts) >= 8


def test_fragments_stay_in_place_and_their_finished_atoms_are_never_the_focus() -> None:
    fragment = part_of_methanol([CARBON, OXYGEN, 2, 3], finished=(1, 3))
    views: list[StepView] = []
    settings = GenerationSettings(12, max_atoms=9, grid_spacing=0.1)
    attempts = list(
        generate(Scripted([0.0] * 5 + [1.0]), settings, [Start(fragment=fragment)], lambda view: views.append(view))
    )
    assert {0, 2} <= {view.focus for view in views}
    assert not {1, 3, -1} & {view.focus for view in views}
    for attempt in attempts:
        np.testing.assert_array_equal(attempt.z[:4], fragment.z)
        np.testing.assert_array_equal(attempt.pos[:4], fragment.pos)


def test_a_fragment_that_only_stops_is_a_molecule() -> None:
    fragment = part_of_methanol([CARBON, OXYGEN, 2], finished=(0, 2))
    (attempt,) = generate(Scripted(STOPS), GenerationSettings(1, max_atoms=3), [Start(fragment=fragment)])
    assert attempt.is_finished
    assert attempt.z.tolist() == [6, 8, 1]


def test_a_fragment_that_outgrows_the_maximum_is_abandoned() -> None:
    settings = GenerationSettings(1, max_atoms=4, grid_spacing=0.1)
    (attempt,) = generate(Scripted(PLACES_HYDROGEN), settings, [Start(fragment=part_of_methanol([CARBON, OXYGEN]))])
    assert not attempt.is_finished
    assert attempt.z.tolist() == [6, 8, 1, 1]


def test_starts_take_turns() -> None:
    starts = [Start(), Start(fragment=part_of_methanol([CARBON])), Start(fragment=part_of_methanol([CARBON, OXYGEN]))]
    settings = GenerationSettings(8, batch_size=3, max_atoms=6, grid_spacing=0.1)
    attempts = list(generate(Scripted([0.0] * 5 + [1.0]), settings, starts))
    assert {attempt.number: attempt.start for attempt in attempts} == {number: number % 3 for number in range(8)}
    assert all(attempt.z[:2].tolist() == [6, 8] for attempt in attempts if attempt.start == 2)


@pytest.fixture(scope="module")
def conditional() -> GSchNet:
    torch.manual_seed(0)
    conditions = [
        ScalarCondition(name="gap", minimum=0.0, maximum=10.0, spacing=2.5),
        ScalarCondition(name="n_atoms", minimum=0.0, maximum=35.0, spacing=8.75),
    ]
    network = GSchNet(VOCABULARY, CUTOFFS, ModelSettings(**TINY), ConditionEmbedding(conditions, Mixing(2, 8)))
    with torch.no_grad():
        for layer in network.type_head[::2]:
            layer.weight *= 3.0  # an untrained model hears little of its conditions
    return network.eval()


def conditions(gap: float) -> Start:
    return Start({"gap": np.array([gap]), "n_atoms": np.array([12.0])})


def test_each_molecule_of_a_batch_keeps_its_own_conditions(conditional: GSchNet) -> None:
    """Asked for in turns or alone, a molecule with its number and its condition is the same."""
    settings = GenerationSettings(16, max_atoms=6, grid_spacing=0.1)
    turns, low, high = (
        {attempt.number: attempt for attempt in generate(conditional, settings, starts)}
        for starts in ([conditions(1.0), conditions(9.0)], [conditions(1.0)], [conditions(9.0)])
    )
    for number, attempt in turns.items():
        alone = (low, high)[number % 2][number]
        np.testing.assert_array_equal(attempt.z, alone.z)
        np.testing.assert_allclose(attempt.pos, alone.pos, atol=1e-6)
    assert any(low[number].z.tolist() != high[number].z.tolist() for number in range(16))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"gap": [4.0]}, "n_atoms is missing; the model was trained with: gap, n_atoms"),
        ({"gap": [4.0], "n_atoms": [9.0], "dipole": [1.0]}, "does not know dipole"),
        ({"gap": [4.0, 5.0], "n_atoms": [9.0]}, r"gap has values of shape \[2\], but the model reads 1"),
        ({"gap": [np.nan], "n_atoms": [9.0]}, "gap holds a value that is not a finite number"),
    ],
)
def test_conditions_must_be_those_of_the_model(conditional: GSchNet, given: dict, message: str) -> None:
    start = Start({name: np.array(values) for name, values in given.items()})
    with pytest.raises(RecipeError, match=message):
        generate(conditional, GenerationSettings(1), [start])


def far_apart() -> Fragment:
    return Fragment(np.array([6, 8, 1]), np.array([[0.0, 0, 0], [1.4, 0, 0], [-4.0, 0, 0]]))


@pytest.mark.parametrize(
    ("fragment", "error", "message"),
    [
        (part_of_methanol(range(6)), RecipeError, "max_atoms: substructure has 6 atoms, more than 5"),
        (Fragment(np.array([6, 17]), np.array([[0.0, 0, 0], [1.7, 0, 0]])), DataError, "holds Cl, but the model only"),
        (part_of_methanol([0, 1], finished=(0, 1)), RecipeError, "all its atoms are finished"),
        (part_of_methanol([0, 1], finished=(2,)), RecipeError, "no atom 2 to be finished; atoms are 0 to 1"),
        (part_of_methanol([0, 1, 1]), DataError, "atoms 1 and 2 .* are at one place"),
        (far_apart(), DataError, r"atom 2 .* cannot be reached from atom 0"),
        (Fragment(np.zeros(0, dtype=int), np.zeros((0, 3))), DataError, "at least one atom"),
        (Fragment(np.array([6]), np.full((1, 3), np.nan)), DataError, "three finite coordinates"),
    ],
)
def test_fragments_that_cannot_grow_are_refused_at_once(fragment: Fragment, error: type, message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        generate(Scripted(STOPS), GenerationSettings(1, max_atoms=5), [Start(), Start(fragment=fragment)])
    assert "\n" not in str(caught.value)


def test_a_model_without_origin_needs_a_substructure() -> None:
    with pytest.raises(RecipeError, match="name a file of them"):
        generate(Scripted(STOPS, has_origin=False), GenerationSettings(1))
    with pytest.raises(RecipeError, match="nothing to start from"):
        generate(Scripted(STOPS), GenerationSettings(1), [])
