"""Conditions: what their embeddings read, and that they survive on disk."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from gschnet_pyg.errors import ModelError
from gschnet_pyg.model.conditions import (
    CompositionCondition,
    Condition,
    Mixing,
    ScalarCondition,
    VectorCondition,
    conditions_from_json,
)
from gschnet_pyg.model.embeddings import CompositionEmbedding, ConditionEmbedding, ScalarEmbedding, VectorEmbedding

TYPES = (1, 6, 7, 8, 9)
GAP = ScalarCondition(
    name="gap", unit="eV", observed=((1.5, 12.25),), minimum=2.0, maximum=11.0, spacing=2.25, layers=2, width=8
)
ENERGY = ScalarCondition(
    name="relative_atomic_energy",
    unit="eV",
    computed={
        "kind": "relative_atomic_energy",
        "energy": "u0",
        "coefficients": {"H": -13.5, "C": -1029.9},
        "intercept": 1e-17,
    },
    minimum=-0.2,
    maximum=0.2,
    spacing=0.1,
)
FINGERPRINT = VectorCondition(
    name="fingerprint", computed={"kind": "fingerprint", "radius": 2, "bits": 64}, size=64, width=8
)
DIPOLE = VectorCondition(name="dipole_vector", unit="e Ang", observed=((-1.0, 1.0),) * 3, size=3, hidden=16)
COMPOSITION = CompositionCondition(observed=((0.0, 20.0),) * 5, computed={"kind": "composition"}, atom_types=TYPES)
ALL = (GAP, ENERGY, FINGERPRINT, DIPOLE, COMPOSITION, replace(COMPOSITION, skip_hydrogen=True, type_features=3))

PHENOL, PHENOLATE = torch.tensor([[6.0, 6, 0, 1, 0]]), torch.tensor([[5.0, 6, 0, 1, 0]])


def widths(layers: nn.Sequential) -> list[int]:
    linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
    return [linear[0].in_features, *(layer.out_features for layer in linear)]


@pytest.mark.parametrize("condition", ALL, ids=lambda condition: f"{condition.kind}-{condition.name}")
def test_every_kind_survives_json(condition: Condition) -> None:
    stored = json.loads(json.dumps([condition.to_json()]))
    assert stored[0]["kind"] == condition.kind
    assert stored[0]["property"] == condition.name
    assert conditions_from_json(stored) == (condition,)


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(ModelError, match="condition 'gap' is of an unknown kind, 'curve'; update"):
        conditions_from_json([{**GAP.to_json(), "kind": "curve"}])


@pytest.mark.parametrize(
    ("minimum", "maximum", "spacing", "number"),
    [
        (2.0, 11.0, 2.25, 5),  # the published gap
        (-0.2, 0.2, 0.1, 5),  # the published energy
        (0.0, 1.1, 0.1, 12),  # 1.1 / 0.1 is a little more than 11
        (0.0, 35.0, 8.75, 5),
        (0.0, 1.0, 0.3, 5),  # the last one lies beyond the maximum
        (0.0, 1.0, 5.0, 2),
        (0.0, 1e-9, 1.0, 2),
    ],
)
def test_gaussians_cover_the_range(minimum: float, maximum: float, spacing: float, number: int) -> None:
    condition = ScalarCondition(name="x", minimum=minimum, maximum=maximum, spacing=spacing)
    offsets = ScalarEmbedding(condition).gaussians.offsets
    assert condition.n_gaussians == len(offsets) == number
    torch.testing.assert_close(offsets, torch.tensor([minimum + spacing * k for k in range(number)]))
    assert offsets[-1] >= maximum - 1e-6 > offsets[-2] - 1e-6


@pytest.mark.parametrize("wrong", [{"spacing": 0.0}, {"minimum": 11.0}, {"maximum": float("nan")}])
def test_a_range_that_is_none_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="gap: minimum < maximum and a positive spacing"):
        replace(GAP, **wrong)


@pytest.mark.parametrize(
    ("size", "hidden", "expected"),
    [
        (1024, None, [1024, 512, 256, 64]),
        (200, None, [200, 100, 64, 64]),
        (3, None, [3, 64, 64, 64]),  # a pyramid never narrows below its result
        (1024, 32, [1024, 32, 32, 64]),
    ],
)
def test_a_vector_is_read_by_a_pyramid_or_a_tower(size: int, hidden: int | None, expected: list[int]) -> None:
    embedding = VectorEmbedding(VectorCondition(name="x", size=size, hidden=hidden))
    assert widths(embedding.dense) == expected
    assert widths(VectorEmbedding(VectorCondition(name="x", size=size, layers=1)).dense) == [size, 64]


def test_the_published_composition_reads_types_times_features() -> None:
    embedding = CompositionEmbedding(COMPOSITION)
    assert widths(embedding.dense) == [5 * 16, 64, 64, 64]
    assert widths(embedding.count.dense) == [5, 64, 64, 64]
    assert embedding(PHENOL).shape == (1, COMPOSITION.n_features) == (1, 128)
    heavy = CompositionEmbedding(replace(COMPOSITION, skip_hydrogen=True, type_features=8))
    assert widths(heavy.dense)[0] == 4 * 8


def test_equal_concentrations_differ_in_the_count_alone() -> None:
    """Benzene is three times acetylene."""
    embedding = CompositionEmbedding(COMPOSITION)
    acetylene, benzene = embedding(torch.tensor([[2.0, 2, 0, 0, 0], [6, 6, 0, 0, 0]])).split([64, 64], dim=1)
    torch.testing.assert_close(acetylene[0], acetylene[1])
    assert not torch.allclose(benzene[0], benzene[1])


def test_types_are_told_apart() -> None:
    """Each type has a place of its own: N2 and CO differ, and so do CHN and CHO."""
    embedded = CompositionEmbedding(COMPOSITION)(torch.eye(5))
    assert torch.pdist(embedded[:, :64]).min() > 1e-4


def test_hydrogen_can_be_skipped() -> None:
    for skip in (False, True):
        embedding = CompositionEmbedding(replace(COMPOSITION, skip_hydrogen=skip))
        assert torch.allclose(embedding(PHENOL), embedding(PHENOLATE)) == skip
    condition = replace(COMPOSITION, skip_hydrogen=True, atom_types=(6, 1, 8), observed=())
    assert condition.counted == (0, 2)
    embedding = CompositionEmbedding(condition)
    torch.testing.assert_close(embedding(torch.tensor([[6.0, 6, 1]])), embedding(torch.tensor([[6.0, 0, 1]])))
    assert embedding(torch.tensor([[0.0, 2, 0]])).isfinite().all()  # H2 has no heavy atom at all


def test_embeddings_are_stacked_in_the_given_order() -> None:
    torch.manual_seed(0)
    module = ConditionEmbedding((FINGERPRINT, GAP), Mixing(3, 24))
    assert module.properties == ("fingerprint", "gap")
    assert widths(module.mix) == [8 + 8, 24, 24, 24]
    assert module.n_features == 24
    values = {"gap": torch.rand(2, 1) * 10, "fingerprint": torch.rand(2, 64)}
    stacked = torch.cat([module.embeddings[0](values["fingerprint"]), module.embeddings[1](values["gap"])], dim=1)
    torch.testing.assert_close(module(values), module.mix(stacked))
    assert module(values).shape == (2, 24)
    assert ConditionEmbedding((GAP, FINGERPRINT)).properties == ("gap", "fingerprint")


def test_scale_multiplies_the_mixed_features() -> None:
    torch.manual_seed(0)
    plain = ConditionEmbedding([GAP], Mixing(2, 8))
    scaled = ConditionEmbedding([GAP], Mixing(2, 8, scale=10.0))
    scaled.load_state_dict(plain.state_dict())
    values = {"gap": torch.tensor([[4.0], [6.5]])}
    torch.testing.assert_close(scaled(values), 10.0 * plain(values))


def test_all_kinds_together_learn() -> None:
    """Every weight hears of every loss; none is left out of the sum."""
    torch.manual_seed(0)
    conditions = ALL[:5]
    module = ConditionEmbedding(conditions)
    random = np.random.default_rng(0)
    values = {c.name: torch.tensor(random.random((4, c.n_values)), dtype=torch.float32) for c in conditions}
    module(values).square().sum().backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in module.parameters())
