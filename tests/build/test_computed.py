"""Properties that are computed, the molecules that lack them, and those that a recipe keeps for the test."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gschnet_pyg.build.conditions import prepare
from gschnet_pyg.build.properties import open_source
from gschnet_pyg.data.properties import RelativeAtomicEnergy, compositions
from gschnet_pyg.errors import DataError, RecipeError
from gschnet_pyg.model.conditions import VectorCondition, conditions_from_json
from tests.build.sources import (
    APART,
    ENERGY,
    GAP,
    GIVEN,
    METHYL,
    NITRIC_OXIDE,
    RELATIVE,
    TYPES,
    columns,
    prepared,
    recipe,
    resumed,
    structures,
    write,
)


def test_relative_atomic_energy_is_fitted_on_the_training_molecules(database: Path) -> None:
    result = prepared(database, RELATIVE, ENERGY)
    train = result.parts.train
    counts, energies = compositions(result.molecules.whole, TYPES), columns()["energy"]
    expected = RelativeAtomicEnergy.fit("energy", energies[train], counts[train], TYPES, seed=0)
    settings = result.recipe.properties.relative_atomic_energy
    assert settings is not None
    assert settings.coefficients == expected.to_json()["coefficients"]
    assert settings.intercept == expected.intercept
    values = result.molecules.properties["relative_atomic_energy"].values[:, 0]
    np.testing.assert_allclose(values, expected.values(energies, counts))
    assert values[train].mean() == pytest.approx(0, abs=1e-9)
    (condition,) = result.conditions
    assert condition.unit == "eV"
    assert settings.fitted
    assert condition.computed == {"kind": "relative_atomic_energy", **settings.model_dump(exclude={"fitted"})}
    assert conditions_from_json(json.loads(json.dumps([condition.to_json()]))) == (condition,)
    again = resumed(database, result)
    assert (again.conditions, again.recipe) == (result.conditions, result.recipe)
    np.testing.assert_array_equal(again.molecules.properties["relative_atomic_energy"].values[:, 0], values)


def test_another_run_with_a_stored_recipe_fits_its_own(database: Path) -> None:
    """A fit belongs to the molecules that it was made on; what a user has given stays."""
    first = prepared(database, RELATIVE, ENERGY).recipe
    other = first.model_copy(update={"seed": 1})
    second = prepare(other, open_source(other), database.with_name("split.npz"))
    assert second.recipe.properties == prepared(database, RELATIVE, ENERGY, "seed=1").recipe.properties
    assert second.recipe.properties != first.properties
    given = prepared(database, RELATIVE, GIVEN).recipe
    assert prepare(given, open_source(given), database.with_name("split.npz")).recipe.properties == given.properties


def test_a_fit_needs_more_molecules_than_unknowns(database: Path, tmp_path: Path) -> None:
    """Any energies of methane, methanol and acetaldehyde follow from three elements; benzene is one molecule more."""
    np.savez(tmp_path / "three.npz", train_idx=np.arange(3), val_idx=[8], test_idx=[9])
    np.savez(tmp_path / "four.npz", train_idx=np.arange(4), val_idx=[8], test_idx=[9])
    three, four = (f"split.file={tmp_path / name}.npz" for name in ("three", "four"))
    with pytest.raises(DataError, match=r"cannot be fitted to 3 training molecules, which leave nothing over; take mo"):
        prepared(database, RELATIVE, ENERGY, three)
    assert prepared(database, RELATIVE, ENERGY, four).conditions
    assert prepared(database, RELATIVE, GIVEN, three).conditions


@pytest.mark.parametrize(("more", "intercept"), [("}", 0.0), (", intercept: 0.25}", 0.25)])
def test_given_coefficients_are_used_as_they_are(database: Path, more: str, intercept: float) -> None:
    given = GIVEN[:-1] + more
    result = prepared(database, RELATIVE, given)
    settings, asked = (each.properties.relative_atomic_energy for each in (result.recipe, recipe(database, given)))
    assert settings is not None
    assert asked is not None
    assert (settings.coefficients, settings.intercept, settings.fitted) == (asked.coefficients, intercept, None)
    computed = result.conditions[0].computed
    assert computed is not None
    assert RelativeAtomicEnergy.from_json(computed).intercept == intercept
    values = result.molecules.properties["relative_atomic_energy"].values[:, 0]
    methane = columns()["energy"][1]
    assert values[1] == pytest.approx((methane + 4 * 13.6 + 1030) / 5 - intercept)


def test_settings_that_nobody_wants_need_no_data(database: Path) -> None:
    """A recipe keeps those of its parent although its conditions are others."""
    for settings in (ENERGY, GIVEN):
        unwanted = settings.replace("energy: energy", "energy: u0")
        assert prepared(database, GAP, unwanted).recipe.properties == recipe(database, GAP, unwanted).properties


@pytest.mark.parametrize(
    ("energy", "message"),
    [
        ("u0", "there is no property 'u0'; there are: charge, dipole, energy, gap"),
        ("dipole", "'dipole' is 3 numbers, and"),
    ],
)
def test_what_is_no_energy(database: Path, energy: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        prepared(database, RELATIVE, f"properties.relative_atomic_energy.energy={energy}")


def test_properties_that_are_missing(database: Path) -> None:
    with pytest.raises(DataError, match=r"no property 'homo'; there are: charge, dipole, energy, gap"):
        prepared(database, "conditions=[{kind: scalar, property: homo}]")
    with pytest.raises(RecipeError, match=r"say of which energy: properties\.relative_atomic_energy\.energy=NAME"):
        prepared(database, RELATIVE)
    with pytest.raises(DataError, match="no property 'homo'"):
        prepared(database, "split.hold_out=[homo < 3]")


def test_molecules_that_are_held_out_only_test(database: Path) -> None:
    result = prepared(database, "split={train: 0.6, validation: 0.2, hold_out: [composition == C6H6, gap > 8]}")
    properties, atoms = columns(), structures()
    held_out = {row for row, each in enumerate(atoms) if str(each.symbols) == "C6H6" or properties["gap"][row] > 8} - {
        APART
    }
    assert len(held_out) > 4
    assert held_out <= set(result.parts.test.tolist())
    assert set(result.molecules.properties) == set()  # only the split needed them


def test_a_fit_on_the_training_molecules_cannot_choose_them(database: Path) -> None:
    held_out = "split={train: 0.6, validation: 0.2, hold_out: [relative_atomic_energy < -0.1]}"
    with pytest.raises(RecipeError, match=r"cannot decide which .*; give properties\.relative_atomic_energy\.coeff"):
        prepared(database, RELATIVE, ENERGY, held_out)
    for wanted in (RELATIVE, GAP):
        result = prepared(database, wanted, GIVEN, held_out)
        values = prepared(database, RELATIVE, GIVEN).molecules.properties["relative_atomic_energy"].values[:, 0]
        low = set(np.flatnonzero(values < -0.1).tolist()) - {APART}
        assert len(low) > 1
        assert low <= set(result.parts.test.tolist())


def test_fingerprints_leave_out_what_cannot_be_perceived(database: Path) -> None:
    result = prepared(database, "conditions=[{kind: vector}]", "properties.fingerprint={radius: 1, bits: 64}")
    assert result.parts.excluded.tolist() == [APART, METHYL, NITRIC_OXIDE]
    assert list(result.left_out.values()) == [1, 2]
    (condition,) = result.conditions
    assert isinstance(condition, VectorCondition)
    assert (condition.size, condition.observed) == (64, ())
    assert condition.computed == {"kind": "fingerprint", "radius": 1, "bits": 64}
    assert result.molecules[1].fingerprint.shape == (1, 64)
    assert prepared(database, GAP).left_out["they fall apart under the placement rule"] == 1


def test_a_fingerprint_of_the_source_comes_first(tmp_path: Path) -> None:
    """It may be of another kind, and stands for molecules that RDKit does not perceive."""
    theirs = np.random.default_rng(2).normal(size=(35, 6))
    path = write(tmp_path / "theirs.db", {**columns(), "fingerprint": theirs})
    result = prepared(path, "conditions=[{kind: vector}]", "properties.fingerprint={radius: 1, bits: 64}")
    assert result.parts.excluded.tolist() == [APART]
    (condition,) = result.conditions
    assert isinstance(condition, VectorCondition)
    assert (condition.size, condition.computed) == (6, None)
    train = theirs[result.parts.train]
    np.testing.assert_allclose(condition.observed, np.stack([train.min(0), train.max(0)], axis=1))
    np.testing.assert_allclose(result.molecules.properties["fingerprint"].values, theirs)


def test_schnetpacks_split(database: Path, tmp_path: Path) -> None:
    """Its indices skip what falls apart, here the first molecule."""
    np.savez(tmp_path / "theirs.npz", train_idx=np.arange(20), val_idx=[20, 21], test_idx=[22])
    settings = f"split={{file: {tmp_path / 'theirs.npz'}, train: 1, validation: 1, test: 1}}"
    result = prepared(database, GAP, settings)
    assert result.parts.train.tolist() == list(range(1, 21))
    assert result.parts.validation.tolist() == [21, 22]
    assert result.parts.test.tolist() == [23]
    result = prepared(database, "conditions=[{kind: vector}]", settings)
    assert set(range(1, 21)) - set(result.parts.train.tolist()) == {METHYL, NITRIC_OXIDE}
    np.savez(tmp_path / "theirs.npz", train_idx=[METHYL - 1], val_idx=[20, 21], test_idx=[22])
    with pytest.raises(DataError, match=r"theirs\.npz: leaves nothing to train or to validate"):
        prepared(database, "conditions=[{kind: vector}]", settings)


def test_held_out_of_a_split_that_is_brought_along(database: Path, tmp_path: Path) -> None:
    """They move to the test; the order of the others is the file's."""
    np.savez(tmp_path / "theirs.npz", train_idx=np.arange(20), val_idx=np.arange(20, 28), test_idx=[30])
    given = f"file: {tmp_path / 'theirs.npz'}, train: null, validation: null"
    plain = prepared(database, GAP, f"split={{{given}}}").parts
    parts = prepared(database, GAP, f"split={{{given}, hold_out: [composition == C6H6, n_atoms > 19]}}").parts
    held_out = [row for row, atoms in enumerate(structures()) if len(atoms) > 19 or str(atoms.symbols) == "C6H6"]
    assert set(plain.train.tolist()) & set(held_out)
    assert set(plain.validation.tolist()) & set(held_out)
    assert parts.train.tolist() == [row for row in plain.train if row not in held_out]
    assert parts.validation.tolist() == [row for row in plain.validation if row not in held_out]
    moved = {*plain.train.tolist(), *plain.validation.tolist()} & set(held_out)
    assert parts.test.tolist() == sorted({*plain.test.tolist(), *moved})
    with pytest.raises(DataError, match=r"leaves nothing to train .* since its molecules there are held out"):
        prepared(database, GAP, f"split={{{given}, hold_out: [n_atoms > 2]}}")
