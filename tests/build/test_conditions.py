"""What the training molecules decide about conditions, and what others must not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ase.build import molecule

from gschnet_pyg.build.data import datamodule
from gschnet_pyg.build.model import model
from gschnet_pyg.contracts import Growth, Noise
from gschnet_pyg.data.writing import write_database
from gschnet_pyg.errors import DataError, RecipeError
from gschnet_pyg.model.conditions import CompositionCondition, ScalarCondition, VectorCondition
from gschnet_pyg.recipe import Recipe
from tests.build.sources import (
    ENERGY,
    GAP,
    TYPES,
    columns,
    prepared,
    resumed,
    structures,
    write,
)


def test_a_scalar_gets_its_range_from_the_training_molecules(database: Path) -> None:
    result = prepared(database, GAP)
    (condition,) = result.conditions
    values = columns()["gap"][result.parts.train]
    assert isinstance(condition, ScalarCondition)
    assert condition.observed == ((values.min(), values.max()),)
    assert (condition.minimum, condition.maximum) == tuple(np.quantile(values, (0.005, 0.995)))
    assert condition.n_gaussians == 5
    assert (condition.name, condition.unit, condition.computed) == ("gap", "eV", None)
    assert set(result.molecules.properties) == {"gap"}


def test_other_molecules_have_no_say(database: Path, tmp_path: Path) -> None:
    """Whatever the molecules of the other parts are like, the model is the same."""
    wanted = "conditions=[{kind: scalar, property: gap}, {kind: vector, property: dipole}, {kind: composition},"
    wanted += " {kind: scalar, property: relative_atomic_energy}]"
    first = prepared(database, wanted, ENERGY)
    is_training = np.isin(np.arange(35), first.parts.train)
    changed = {
        name: np.where(is_training.reshape(-1, *[1] * (values.ndim - 1)), values, 1e3 * values + 7)
        for name, values in columns().items()
    }
    (tmp_path / "other").mkdir()
    second = prepared(write(tmp_path / "other" / "molecules.db", changed), wanted, ENERGY)
    np.testing.assert_array_equal(first.parts.train, second.parts.train)
    assert first.conditions == second.conditions
    assert first.recipe.conditions == second.recipe.conditions
    assert first.recipe.properties == second.recipe.properties


def test_the_recipe_is_filled_in_and_reads_back(database: Path) -> None:
    result = prepared(database, GAP)
    (settings,), (condition,) = result.recipe.conditions, result.conditions
    assert (settings.minimum, settings.maximum) == (condition.minimum, condition.maximum)
    assert settings.spacing == (condition.maximum - condition.minimum) / 4
    stored = result.recipe.model_dump(mode="json")
    assert Recipe.model_validate(json.loads(json.dumps(stored))) == result.recipe
    assert not database.with_name("split.npz").exists()  # nothing is stored before all is settled
    assert resumed(database, result).conditions == (condition,)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("minimum: 2.0, maximum: 11.0, spacing: 2.25", (2.0, 11.0, 2.25)),
        ("minimum: 0.0, maximum: 10.0", (0.0, 10.0, 2.5)),
    ],
)
def test_given_ranges_stay(database: Path, given: str, expected: tuple[float, ...]) -> None:
    (condition,) = prepared(database, f"conditions=[{{kind: scalar, property: gap, {given}}}]").conditions
    assert isinstance(condition, ScalarCondition)
    assert (condition.minimum, condition.maximum, condition.spacing) == expected


def test_a_range_that_is_half_given_must_fit_the_rest(database: Path) -> None:
    (condition,) = prepared(database, "conditions=[{kind: scalar, property: gap, minimum: -1}]").conditions
    assert isinstance(condition, ScalarCondition)
    assert condition.minimum == -1
    assert condition.n_gaussians == 5
    with pytest.raises(RecipeError, match=r"conditions: gap ranges from .* its Gaussians would reach from 50 to "):
        prepared(database, "conditions=[{kind: scalar, property: gap, minimum: 50}]")


def test_a_constant_is_no_condition(database: Path) -> None:
    with pytest.raises(RecipeError, match=r"charge ranges from 0 to 0 .*; set minimum and maximum, or drop it"):
        prepared(database, "conditions=[{kind: scalar, property: charge}]")
    prepared(database, "conditions=[{kind: scalar, property: charge, minimum: -1, maximum: 1}]")


@pytest.mark.parametrize(
    ("kind", "place"),
    [("{kind: scalar, property: gap, %s}", "gap"), ("{kind: composition, count: {%s}}", "composition.count")],
)
def test_very_many_gaussians_are_refused(database: Path, kind: str, place: str) -> None:
    """A thousand of them begin 999 spacings before the maximum."""
    given = "minimum: 0, maximum: 9.99, spacing: "
    (condition,) = prepared(database, f"conditions=[{kind % (given + '0.01')}]").conditions
    scalar = condition.count if isinstance(condition, CompositionCondition) else condition
    assert isinstance(scalar, ScalarCondition)
    assert scalar.n_gaussians == 1000
    for spacing in ("0.00999", "1.0e-9", "5.0e-324"):
        with pytest.raises(RecipeError, match=rf"conditions: {place}: a spacing of .* to 9\.99 makes more than 1,000"):
            prepared(database, f"conditions=[{kind % (given + spacing)}]")


def test_a_few_stragglers_do_not_stretch_the_range(tmp_path: Path) -> None:
    """One value in four hundred is beyond the Gaussians, unless all the others are equal."""
    values = np.linspace(0, 1, 400)
    values[7] = 1000.0
    write_database(tmp_path / "a.db", [molecule("HF")] * 400, {"gap": values, "flag": 1.0 * (values > 1)})
    np.savez(tmp_path / "theirs.npz", train_idx=np.arange(398), val_idx=[398], test_idx=[399])
    wanted = "conditions=[{kind: scalar, property: gap}, {kind: scalar, property: flag}]"
    gap, flag = prepared(tmp_path / "a.db", wanted, f"split.file={tmp_path / 'theirs.npz'}").conditions
    assert isinstance(gap, ScalarCondition)
    assert isinstance(flag, ScalarCondition)
    assert gap.observed == ((0, 1000),)
    assert 0 < gap.minimum < gap.maximum < 1
    assert (flag.minimum, flag.maximum) == (0, 1)


def test_several_numbers_are_a_vector(database: Path) -> None:
    with pytest.raises(DataError, match="'dipole' is 3 numbers; as a condition it is of kind: vector"):
        prepared(database, "conditions=[{kind: scalar, property: dipole}]")
    for kind in ("scalar", "vector"):
        with pytest.raises(RecipeError, match="conditions: composition: as a condition it is of kind: composition"):
            prepared(database, f"conditions=[{{kind: {kind}, property: composition}}]")
    result = prepared(database, "conditions=[{kind: vector, property: dipole, hidden: 9}]")
    (condition,) = result.conditions
    values = columns()["dipole"][result.parts.train]
    assert isinstance(condition, VectorCondition)
    assert (condition.size, condition.hidden) == (3, 9)
    np.testing.assert_allclose(condition.observed, np.stack([values.min(0), values.max(0)], axis=1))


def test_composition_and_sizes_are_counted(database: Path) -> None:
    wanted = "{kind: composition, skip_hydrogen: true}, {kind: scalar, property: n_atoms}"
    result = prepared(database, f"conditions=[{wanted}, {{kind: scalar, property: n_heavy_atoms}}]")
    composition, n_atoms, n_heavy = result.conditions
    assert isinstance(composition, CompositionCondition)
    assert (composition.atom_types, composition.skip_hydrogen) == (TYPES, True)
    assert (composition.count.minimum, composition.count.maximum, composition.count.n_gaussians) == (0, 35, 5)
    train = [structures()[row] for row in result.parts.train]
    carbons = [sum(atoms.numbers == 6) for atoms in train]
    assert composition.observed[1] == (min(carbons), max(carbons))
    assert n_atoms.observed == ((min(map(len, train)), max(map(len, train))),)
    assert n_heavy.observed[0][1] == max(sum(atoms.numbers > 1) for atoms in train)
    assert [each.computed for each in result.conditions] == [
        {"kind": name} for name in ("composition", "n_atoms", "n_heavy_atoms")
    ]
    assert result.molecules[1].composition.tolist() == [[4, 1, 0, 0, 0]]  # methane


def test_batches_carry_what_the_model_reads(database: Path) -> None:
    wanted = "[{kind: vector, property: dipole}, {kind: scalar, property: n_atoms}, {kind: composition}]"
    result = prepared(database, f"conditions={wanted}", "training.batch_size=4", "mixing={layers: 2, width: 7}")
    network = model(result.recipe, result.conditions)
    assert network.conditions is not None
    assert network.conditions.properties == ("dipole", "n_atoms", "composition")
    assert network.conditions.n_features == 7
    steps = next(iter(datamodule(result.recipe, result.molecules, result.parts).val_dataloader()))
    rows = result.parts.validation[:4]
    np.testing.assert_allclose(steps.conditions["dipole"], columns()["dipole"][rows], rtol=1e-6)
    assert steps.conditions["n_atoms"][:, 0].tolist() == [len(structures()[row]) for row in rows]
    assert network(steps).type_logp.shape == (steps.n_steps, 6)


def test_growth_reaches_the_batches_and_the_model(database: Path) -> None:
    result = prepared(database, "growth={origin: false, fragment_share: 0.5, next_atom: focus}")
    batches, network = datamodule(result.recipe, result.molecules, result.parts), model(result.recipe)
    assert batches.collate.growth == Growth(False, 0.5, False, "focus")
    assert (network.settings.has_origin, network.settings.needs_fragment) == (False, True)
    assert network.conditions is None
    assert batches.collate.conditions == ()


def test_noise_reaches_the_training_batches_alone(database: Path) -> None:
    result = prepared(database, "training.position_noise=0.1", "training.origin_noise=0.2")
    batches = datamodule(result.recipe, result.molecules, result.parts)
    assert batches.noisy_collate.noise == batches.train_dataloader().collate_fn.collate.noise == Noise(0.1, 0.2)
    for loader in (batches.val_dataloader(), batches.test_dataloader()):
        assert loader.collate_fn.collate.noise == Noise()


def test_equal_recipes_give_equal_weights(database: Path) -> None:
    result = prepared(database, GAP)
    first, second = (model(result.recipe, result.conditions).state_dict() for _ in range(2))
    same = {name: bool((value == second[name]).all()) for name, value in first.items()}
    assert all(same.values())
