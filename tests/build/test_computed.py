"""Properties that are computed, the molecules that lack them, and those that a recipe keeps for the test."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gschnet_pyg.build.conditions import open_source, prepare
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
    structures,
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
    assert condition.computed == {"kind": "relative_atomic_energy", **settings.model_dump()}
    assert conditions_from_json(json.loads(json.dumps([condition.to_json()]))) == (condition,)
    again = prepare(result.recipe, open_source(result.recipe), database.with_name("split.npz"))
    assert (again.conditions, again.recipe) == (result.conditions, result.recipe)


def test_given_coefficients_are_used_as_they_are(database: Path) -> None:
    result = prepared(database, RELATIVE, GIVEN)
    assert result.recipe.properties == recipe(database, RELATIVE, GIVEN).properties
    values = result.molecules.properties["relative_atomic_energy"].values[:, 0]
    methane = columns()["energy"][1]
    assert values[1] == pytest.approx((methane + 4 * 13.6 + 1030) / 5)


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
        database.with_name("split.npz").unlink()


def test_fingerprints_leave_out_what_cannot_be_perceived(database: Path) -> None:
    result = prepared(database, "conditions=[{kind: vector}]", "properties.fingerprint={radius: 1, bits: 64}")
    assert result.parts.excluded.tolist() == [APART, METHYL, NITRIC_OXIDE]
    assert list(result.left_out.values()) == [1, 2]
    (condition,) = result.conditions
    assert isinstance(condition, VectorCondition)
    assert (condition.size, condition.observed) == (64, ())
    assert condition.computed == {"kind": "fingerprint", "radius": 1, "bits": 64}
    assert result.molecules[1].fingerprint.shape == (1, 64)
    assert prepared(database, GAP).left_out["fall apart under the placement rule"] == 1


def test_schnetpacks_split(database: Path, tmp_path: Path) -> None:
    """Its indices skip what falls apart, here the first molecule."""
    np.savez(tmp_path / "theirs.npz", train_idx=np.arange(20), val_idx=[20, 21], test_idx=[22])
    settings = f"split={{file: {tmp_path / 'theirs.npz'}, train: 1, validation: 1, test: 1}}"
    result = prepared(database, GAP, settings)
    assert result.parts.train.tolist() == list(range(1, 21))
    assert result.parts.validation.tolist() == [21, 22]
    assert result.parts.test.tolist() == [23]
    database.with_name("split.npz").unlink()
    result = prepared(database, "conditions=[{kind: vector}]", settings)
    assert set(range(1, 21)) - set(result.parts.train.tolist()) == {METHYL, NITRIC_OXIDE}
    database.with_name("split.npz").unlink()
    np.savez(tmp_path / "theirs.npz", train_idx=[METHYL - 1], val_idx=[20, 21], test_idx=[22])
    with pytest.raises(DataError, match=r"theirs\.npz: leaves no molecule whose conditions are known to train"):
        prepared(database, "conditions=[{kind: vector}]", settings)
