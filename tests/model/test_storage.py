"""Models survive on disk, and bad files are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gschnet_pyg.contracts import Cutoffs, Vocabulary
from gschnet_pyg.errors import ModelError
from gschnet_pyg.model.conditions import CompositionCondition, Mixing, ScalarCondition, VectorCondition
from gschnet_pyg.model.embeddings import ConditionEmbedding
from gschnet_pyg.model.gschnet import GSchNet, ModelSettings
from gschnet_pyg.model.storage import describe_model, load_model, save_model
from gschnet_pyg.trajectory.collate import PlacementCollate
from tests.molecules import molecules

CONDITIONS = (
    VectorCondition(name="fingerprint", computed={"kind": "fingerprint", "radius": 2, "bits": 16}, size=16, width=8),
    CompositionCondition(atom_types=(1, 6, 8, 7, 9), skip_hydrogen=True, observed=((0.0, 9.0),) * 5, width=8),
    ScalarCondition(name="gap", unit="eV", observed=((1.0, 3.0),), minimum=1.0, maximum=3.0, spacing=0.5, layers=2),
)


@pytest.fixture
def model() -> GSchNet:
    torch.manual_seed(3)
    return GSchNet(Vocabulary((1, 6, 8, 7, 9)), Cutoffs(6.0, 4.0, 1.7, None), ModelSettings(8, 1, 10, type_layers=2))


def test_round_trip(model: GSchNet, tmp_path: Path) -> None:
    save_model(tmp_path / "model.safetensors", model)
    loaded = load_model(tmp_path / "model.safetensors")
    assert (loaded.vocabulary, loaded.cutoffs, loaded.settings) == (model.vocabulary, model.cutoffs, model.settings)
    steps = PlacementCollate(model.vocabulary, model.cutoffs)(molecules())
    torch.testing.assert_close(loaded(steps).type_logp, model.eval()(steps).type_logp)


def test_widths_of_single_layers_come_back(model: GSchNet, tmp_path: Path) -> None:
    settings = ModelSettings(8, 1, 10, type_layers=4, type_width=(12, 9, 6), distance_layers=2, distance_width=(7,))
    save_model(tmp_path / "model.safetensors", GSchNet(model.vocabulary, model.cutoffs, settings))
    loaded = load_model(tmp_path / "model.safetensors")
    assert loaded.settings == settings
    assert [layer.out_features for layer in loaded.type_head[::2]] == [12, 9, 6, 6]


@pytest.fixture
def conditional(model: GSchNet) -> GSchNet:
    embedding = ConditionEmbedding(CONDITIONS, Mixing(2, 12))
    return GSchNet(model.vocabulary, model.cutoffs, model.settings, embedding)


def test_round_trip_with_conditions(conditional: GSchNet, tmp_path: Path) -> None:
    save_model(tmp_path / "model.safetensors", conditional)
    loaded = load_model(tmp_path / "model.safetensors")
    assert loaded.conditions is not None
    assert loaded.conditions.conditions == CONDITIONS
    assert loaded.conditions.mixing == Mixing(2, 12)
    steps = PlacementCollate(loaded.vocabulary, loaded.cutoffs)(molecules())
    steps.conditions = {each.name: torch.rand(len(molecules()), each.n_values) for each in CONDITIONS}
    expected = conditional.eval()(steps)
    torch.testing.assert_close(loaded(steps).type_logp, expected.type_logp)
    torch.testing.assert_close(loaded(steps).distance_logp, expected.distance_logp)
    steps.conditions["gap"] = steps.conditions["gap"] + 1
    assert not torch.allclose(loaded(steps).type_logp, expected.type_logp)
    assert not torch.allclose(loaded(steps).distance_logp, expected.distance_logp)


def test_conditions_of_a_newer_version_are_refused(conditional: GSchNet, tmp_path: Path) -> None:
    description = describe_model(conditional)
    description["conditions"][0]["kind"] = "curve"
    save_file(dict(conditional.state_dict()), tmp_path / "m.safetensors", {"gschnet_pyg": json.dumps(description)})
    with pytest.raises(ModelError, match=r"m\.safetensors: condition 'fingerprint' is of an unknown kind"):
        load_model(tmp_path / "m.safetensors")
    description["conditions"][0] = {"kind": "vector", "property": "fingerprint"}
    save_file(dict(conditional.state_dict()), tmp_path / "m.safetensors", {"gschnet_pyg": json.dumps(description)})
    with pytest.raises(ModelError, match="description of the model is damaged"):
        load_model(tmp_path / "m.safetensors")


def test_missing_damaged_and_foreign_files(model: GSchNet, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model file"):
        load_model(tmp_path / "none.safetensors")
    save_model(tmp_path / "model.safetensors", model)
    content = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "half.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match=r"half\.safetensors: damaged"):
        load_model(tmp_path / "half.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    with pytest.raises(ModelError, match="holds no G-SchNet model"):
        load_model(tmp_path / "foreign.safetensors")


def test_newer_format_and_wrong_shapes_are_refused(model: GSchNet, tmp_path: Path) -> None:
    save_model(tmp_path / "m.safetensors", model)
    weights = dict(model.state_dict())
    description = {
        "format": 1,
        "vocabulary": {"atom_types": [1, 6], "origin": 121, "focus": 122, "stop": 123},
        "cutoffs": vars(model.cutoffs),
        "settings": vars(model.settings),
    }
    save_file(weights, tmp_path / "shapes.safetensors", {"gschnet_pyg": json.dumps(description)})
    with pytest.raises(ModelError, match="do not fit"):
        load_model(tmp_path / "shapes.safetensors")
    save_file(weights, tmp_path / "new.safetensors", {"gschnet_pyg": json.dumps({**description, "format": 99})})
    with pytest.raises(ModelError, match="newer version"):
        load_model(tmp_path / "new.safetensors")
