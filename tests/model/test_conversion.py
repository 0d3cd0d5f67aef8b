"""State dicts of the established implementation say what the model is, and their weights become ours."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from gschnet_pyg.contracts import Cutoffs, Vocabulary
from gschnet_pyg.errors import ModelError
from gschnet_pyg.model.conditions import CompositionCondition, Condition, Mixing, ScalarCondition, VectorCondition
from gschnet_pyg.model.conversion import read_established
from gschnet_pyg.model.embeddings import ConditionEmbedding
from gschnet_pyg.model.gschnet import GSchNet, ModelSettings
from tests.model.established import established_state
from tests.reference import CONDITIONS, CUTOFFS, VOCABULARY, read_case

SMALL = ModelSettings(8, 2, 10, type_layers=3, type_width=12, distance_layers=2, distance_width=16)
EVERY_KIND = (
    VectorCondition(name="fingerprint", size=64, width=6),
    CompositionCondition(atom_types=(1, 6, 8), skip_hydrogen=True, width=6, type_features=4),
    ScalarCondition(name="gap", minimum=2.0, maximum=11.0, spacing=2.0, width=6),
    VectorCondition(name="dipole", size=3, hidden=5, layers=4, width=6),
)


def make(settings: ModelSettings = SMALL, conditions: tuple[Condition, ...] = ()) -> GSchNet:
    torch.manual_seed(1)
    embedding = ConditionEmbedding(conditions, Mixing(2, 10)) if conditions else None
    model = GSchNet(Vocabulary((1, 6, 8), 2, 3, 4), Cutoffs(6.0, 4.5, 1.7, None), settings, embedding)
    for weight in model.parameters():  # biases start at zero, which would hide one that is not carried over
        torch.nn.init.normal_(weight)
    return model


def nameless(condition: Condition) -> Condition:
    return condition if isinstance(condition, CompositionCondition) else dataclasses.replace(condition, name="")


@pytest.mark.parametrize(
    "settings",
    [
        SMALL,
        dataclasses.replace(SMALL, type_width=(12, 7), distance_layers=1),
        dataclasses.replace(SMALL, shared_interactions=True, n_interactions=3, average_types=True),
        dataclasses.replace(SMALL, max_distance=9.0, n_distance_bins=50),
    ],
    ids=["plain", "pyramid", "shared", "bins"],
)
def test_sizes_and_weights_come_back(settings: ModelSettings) -> None:
    model = make(settings)
    found = read_established(established_state(model))
    assert found.vocabulary == model.vocabulary
    assert found.cutoffs == model.cutoffs
    assert found.settings.bins(found.cutoffs) == model.bins
    assert found.weights.keys() == model.state_dict().keys()
    for name, weight in model.state_dict().items():
        assert torch.equal(found.weights[name], weight), name
    again = GSchNet(found.vocabulary, found.cutoffs, found.settings)
    again.load_state_dict(dict(found.weights))
    assert again.settings.shared_interactions == settings.shared_interactions
    assert again.settings.average_types == settings.average_types


def test_every_kind_of_condition() -> None:
    model = make(conditions=EVERY_KIND)
    found = read_established(established_state(model))
    vector, composition, scalar, dipole = found.conditions
    assert (vector, dipole) == (nameless(EVERY_KIND[0]), nameless(EVERY_KIND[3]))
    assert composition == EVERY_KIND[1]
    assert (scalar.minimum, scalar.maximum, scalar.spacing) == (2.0, 12.0, 2.0)  # the last Gaussian lies beyond 11
    assert found.mixing == Mixing(2, 10)
    assert all(torch.equal(found.weights[name], weight) for name, weight in model.state_dict().items())
    assert found.weights.keys() == model.state_dict().keys()


def test_a_task_holds_its_model_and_labels() -> None:
    state = established_state(make())
    task = {f"model.{name}": value for name, value in state.items()}
    task |= {"gaussian_centers": torch.zeros(1, 5), "gaussian_width": torch.tensor(0.1)}
    found = read_established(task)
    assert found.weights.keys() == read_established(state).weights.keys()


def test_what_changes_no_prediction_is_named_and_left() -> None:
    state = {**established_state(make()), "postprocessors.0.mean": torch.tensor([1.0])}
    assert read_established(state).passed_over == ("postprocessors.0.mean",)


def test_float64_becomes_float32() -> None:
    state = {
        name: value.double() if value.is_floating_point() else value
        for name, value in established_state(make()).items()
    }
    assert {weight.dtype for weight in read_established(state).weights.values()} == {torch.float32}


def changed(**changes: torch.Tensor | None) -> dict[str, torch.Tensor]:
    state = established_state(make(conditions=EVERY_KIND))
    state.update({name: value for name, value in changes.items() if value is not None})
    return {name: value for name, value in state.items() if changes.get(name, value) is not None}


BLOCK, BASIS = "representation.interactions.1", "representation.radial_basis"
EMBEDDING = "conditioning_module.condition_embeddings.1"


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({"representation.interactions.0.gate": torch.ones(1)}, "representation.interactions.0.gate"),
        ({"model_cutoff": None}, "has no model_cutoff"),
        ({"distance_prediction_net.0.bias": None}, "has no distance_prediction_net.0.bias"),
        ({"type_prediction_net.1.weight": torch.ones(5, 5)}, "type_prediction_net.1: weights of [5, 5]"),
        ({"next_type_embedding.weight": torch.full((130, 8), torch.nan)}, "next_type_embedding.weight: holds numbers"),
        ({"representation.embedding.weight": torch.ones(5, 8)}, "has no row for type 8"),
        ({f"{BLOCK}.in2f.weight": torch.ones(9, 8)}, "9 filters beside 8 features"),
        ({f"{BASIS}.offsets": torch.linspace(0, 6, 10) ** 2 / 6}, "not evenly spaced"),
        ({f"{BASIS}.widths": torch.full((10,), 0.3)}, "not evenly spaced"),
        ({"model_cutoff": torch.tensor(7.0)}, "Gaussians from 0 to 6"),
        ({"representation.cutoff_fn.cutoff": torch.tensor([5.0])}, "5 is not the model cutoff, 6"),
        ({"distance_min": torch.tensor(0.5)}, "bins from 0.5 Å"),
        ({"n_distance_bins": torch.tensor(7)}, "n_distance_bins: 7, but the distance network has"),
        ({"distance_unit": torch.tensor([66, 111, 104, 114])}, "lengths in Bohr"),
        ({f"{EMBEDDING}.type_mask": torch.tensor([True, False, True])}, "leaves out other types than hydrogen"),
        ({f"{EMBEDDING}.atom_types": torch.tensor([1, 8, 6])}, "counts [1, 8, 6], but the model places [1, 6, 8]"),
        (
            {
                "conditioning_module.dense_net.0.weight": torch.ones(9, 30),
                "conditioning_module.dense_net.0.bias": torch.ones(9),
                "conditioning_module.dense_net.1.weight": torch.ones(10, 9),
            },
            "all layers of a condition are equally wide",
        ),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)
def test_what_cannot_be_converted_is_named(changes: dict[str, torch.Tensor | None], fact: str) -> None:
    with pytest.raises(ModelError) as error:
        read_established(changed(**changes))
    assert fact in str(error.value)


@pytest.mark.shared
@pytest.mark.parametrize("name", list(CUTOFFS))
def test_reference_weights_say_how_they_were_made(name: str, shared) -> None:
    case = read_case(shared, name)
    found = read_established(case.weights)
    assert found.vocabulary == VOCABULARY
    assert found.cutoffs == dataclasses.replace(CUTOFFS[name], covalent_factor=None)
    expected = case.model()
    assert found.settings.bins(found.cutoffs) == expected.bins
    sizes = ("n_features", "n_interactions", "n_gaussians", "type_layers", "type_width", "distance_layers")
    assert [getattr(found.settings, key) for key in sizes] == [getattr(expected.settings, key) for key in sizes]
    if case.is_conditional:
        assert found.conditions == (CONDITIONS[0], nameless(CONDITIONS[1]))
        assert found.mixing == Mixing(2, 24)
