"""Whole commands with conditions: what is trained on, asked for, and stored."""

from __future__ import annotations

import json
from pathlib import Path

import ase.db
import numpy as np
import pytest
import yaml
from ase.formula import Formula
from ase.io import read

from gschnet_pyg.bonds import smiles_fingerprint
from gschnet_pyg.data.sources import open_dataset
from gschnet_pyg.model.storage import load_model
from gschnet_pyg.run_directory import RunDirectory
from tests.integration.conftest import ENERGIES, NO_WORKERS, TARGETS, Command, generated, refused, train, train_again

GAP = "conditions=[{kind: scalar, property: gap}]"


def stored(directory: Path) -> dict:
    return yaml.safe_load((directory / "recipe.yaml").read_text())


def test_the_stored_recipe_says_what_the_training_molecules_decided(conditioned: Path) -> None:
    directory = RunDirectory(conditioned)
    molecules = open_dataset(conditioned.parent / "measured.db", properties=["gap"])
    training = np.isin(molecules.ids, np.load(directory.split_file)["train"])
    gap, composition, energy = stored(conditioned)["conditions"]
    values = molecules.properties["gap"].values[training, 0]
    assert values.min() <= gap["minimum"] < gap["maximum"] <= values.max()
    assert gap["spacing"] == pytest.approx((gap["maximum"] - gap["minimum"]) / 4)
    assert composition["count"]["spacing"] == 8.75
    assert energy["minimum"] < 0 < energy["maximum"]
    fit = stored(conditioned)["properties"]["relative_atomic_energy"]
    for symbol, coefficient in ENERGIES.items():  # of concentrations that sum to 1, beside an intercept
        assert fit["coefficients"][symbol] + fit["intercept"] == pytest.approx(coefficient, abs=0.5)


def test_model_file_knows_its_conditions(conditioned: Path) -> None:
    model = load_model(conditioned / "model.safetensors")
    gap, composition, energy = model.conditions.conditions
    assert (gap.name, composition.name, energy.name) == ("gap", "composition", "relative_atomic_energy")
    assert (gap.unit, energy.unit) == ("eV", "eV")
    assert energy.computed["coefficients"].keys() == ENERGIES.keys()
    assert composition.n_values == 5


def test_every_target_is_stored_with_its_molecules(command: Command, conditioned: Path) -> None:
    several = ("-c", "gap=4", "-c", "gap=8.5", "-c", "composition=[CH4, C2H6O]", "-c", "relative_atomic_energy=0.01")
    for output in ("a.db", "b.extxyz", "c.sdf"):
        outcome = command("generate", conditioned, "-n", 12, "--max-atoms", 6, *several, "-o", output)
        assert outcome.code == 0, outcome.err
    with ase.db.connect("a.db") as found:
        metadata, rows = found.metadata, list(found.select())
    assert 0 < len(rows) < 12
    assert [entry["property"] for entry in metadata["gschnet_pyg"]["conditions"]] == [
        "gap",
        "composition",
        "relative_atomic_energy",
    ]
    assert metadata["gschnet_pyg"]["settings"]["conditions"]["gap"] == [4, 8.5]
    assert metadata["_property_unit_dict"]["target_gap"] == "eV"
    for row in rows:
        number = int(row.data["number"][0])
        gap, formula = [(4, "CH4"), (4, "C2H6O"), (8.5, "CH4"), (8.5, "C2H6O")][number % 4]
        assert row.data["target_gap"] == [gap]
        assert row.data["target_relative_atomic_energy"] == [0.01]
        assert row.target_formula == formula
        counts = Formula(formula).count()
        assert row.data["target_composition"].tolist() == [counts.get(symbol, 0) for symbol in "HCNOF"]
    frames = read("b.extxyz", ":")
    assert [frame.info["target_formula"] for frame in frames] == [row.target_formula for row in rows]
    for name in ("b.extxyz", "c.sdf"):
        molecules = generated(name)
        for target in ("gap", "composition", "relative_atomic_energy"):
            values = [np.ravel(row.data[f"target_{target}"]) for row in rows]
            np.testing.assert_allclose(molecules.properties[f"target_{target}"].values, values)
        beside = json.loads(Path(f"{name}.json").read_text())
        assert beside["gschnet_pyg"] == metadata["gschnet_pyg"] | {"settings": beside["gschnet_pyg"]["settings"]}
        assert beside["units"]["target_gap"] == "eV"


@pytest.mark.parametrize(
    ("targets", "facts"),
    [
        ((), ("needs a target for gap, composition, relative_atomic_energy", "--condition composition=C7H10O2")),
        (TARGETS[:4], ("needs a target for relative_atomic_energy",)),
        ((*TARGETS, "-c", "gapp=3"), ("conditions.gapp", "did you mean gap?")),
        ((*TARGETS[2:], "-c", "gap=wide"), ("conditions.gap: must be a number in eV", "'wide'")),
        ((*TARGETS[:2], *TARGETS[4:], "-c", "composition=C2Cl"), ("Cl is no atom type of the model",)),
        ((*TARGETS, "-c", "gap"), ("--condition 'gap': written NAME=VALUE",)),
    ],
)
def test_bad_targets_are_refused_before_any_work(
    command: Command, conditioned: Path, targets: tuple[str, ...], facts: tuple[str, ...]
) -> None:
    refused(command("generate", conditioned, "-n", 2, *targets, "-o", "none.db"), *facts)
    assert not Path("none.db").exists()


def test_far_targets_warn(command: Command, conditioned: Path) -> None:
    few = ("-n", 1, "--max-atoms", 2)
    assert "far outside" not in command("generate", conditioned, *few, *TARGETS, "-o", "near.db").err
    far = ("-c", "gap=60", "-c", "composition=C30H62", "-c", "relative_atomic_energy=0")
    outcome = command("generate", conditioned, *few, *far, "-o", "far.db")
    assert outcome.code == 0
    assert "Warning: gap = 60 eV lies far outside the training molecules" in outcome.err
    assert "composition = C30H62 lies far outside" in outcome.err
    assert "relative_atomic_energy" not in outcome.err


def test_targets_that_are_larger_than_molecules_may_become_warn(command: Command, conditioned: Path) -> None:
    """Ethanol has nine atoms."""
    for n_atoms, is_warned in ((8, True), (9, False)):
        outcome = command("generate", conditioned, "-n", 1, "--max-atoms", n_atoms, *TARGETS)
        assert outcome.code == 0, outcome.err
        expected = f"Warning: composition asks for molecules of 9 atoms, but they may have {n_atoms} at most; raise max"
        assert (expected in outcome.err) == is_warned


def test_more_targets_than_molecules_warn(command: Command, conditioned: Path) -> None:
    targets = ("-c", "gap={from: 4, to: 8, steps: 5}", *TARGETS[2:])
    outcome = command("generate", conditioned, "-n", 3, "--max-atoms", 2, *targets)
    assert "Warning: 5 targets and substructures are asked for, but only 3 molecules" in outcome.err


def test_another_target_gives_other_molecules(command: Command, conditioned: Path) -> None:
    """Whatever is asked for enters the network."""
    asked = {"gap": "gap=8", "composition": "composition=CH4", "relative_atomic_energy": "relative_atomic_energy=0.05"}
    positions = []
    for name in (None, *asked):
        targets = [asked[name] if name and text.startswith(f"{name}=") else text for text in TARGETS]
        outcome = command("generate", conditioned, "-n", 8, "--max-atoms", 5, *targets, "-o", f"{name}.db")
        assert outcome.code == 0, outcome.err
        molecules = generated(f"{name}.db")
        positions.append((molecules.z.tolist(), molecules.pos.round(3).tolist()))
    assert all(positions[0] != others for others in positions[1:])


def test_targets_of_a_recipe_are_changed_one_by_one(command: Command, conditioned: Path) -> None:
    Path("mine.yaml").write_text(
        f"kind: generate\nrun: {conditioned}\nn_molecules: 4\nmax_atoms: 3\n"
        "conditions: {gap: [4, 6], composition: CH4, relative_atomic_energy: 0}\n"
    )
    for number, changes in enumerate((("-c", "gap=5"), ("conditions.gap=5",))):
        outcome = command("generate", "mine.yaml", *changes, "-o", f"{number}.db")
        assert outcome.code == 0, outcome.err
        with ase.db.connect(f"{number}.db") as found:
            settings = found.metadata["gschnet_pyg"]["settings"]
        assert settings["conditions"] == {"gap": 5, "composition": "CH4", "relative_atomic_energy": 0}


def test_conditions_from_the_command_line(command: Command, measured: Path) -> None:
    """A shipped recipe with another property, and a whole list."""
    settings = ("data.kind=file", f"data.path={measured.name}", *NO_WORKERS, "training.max_steps=2")
    given = (
        "conditions=[{kind: scalar, property: gap, minimum: 2, maximum: 11, spacing: 2.25, width: 8},"
        "{kind: scalar, property: n_heavy_atoms}]",
        "conditions.0.spacing=4.5",
        "mixing={layers: 2, width: 12}",
    )
    directory = train(command, measured, *settings, *given)
    gap, heavy = stored(directory)["conditions"]
    assert (gap["minimum"], gap["maximum"], gap["spacing"], gap["width"]) == (2, 11, 4.5, 8)
    assert (heavy["minimum"], heavy["maximum"]) == (1, 6)
    embedding = load_model(directory / "model.safetensors").conditions
    assert embedding.conditions[0].n_gaussians == 3
    assert embedding.n_features == 12
    # replacing a single property of a shipped recipe
    name = "qm9_gap_relative_energy"
    shown = command("recipe", "show", name, "conditions.0.property=n_atoms", "conditions.0.minimum=null")
    assert yaml.safe_load(shown.out)["conditions"][0]["property"] == "n_atoms"


def test_a_run_goes_on_with_what_it_settled_and_nothing_else(command: Command, measured: Path) -> None:
    conditions = (
        "properties.relative_atomic_energy={energy: energy}",
        "conditions=[{kind: scalar, property: gap},{kind: scalar, property: relative_atomic_energy}]",
    )
    directory = train(command, measured, *conditions, "training.max_steps=2")
    before = stored(directory)
    outcome = train_again(command, measured, *conditions, "training.max_steps=4")
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("Resuming ")
    after = stored(directory)
    assert after["training"].pop("max_steps") == 4
    before["training"].pop("max_steps")
    assert after == before
    for change in (
        "conditions.0.minimum=1",
        "conditions.0.width=8",
        "conditions.0.property=n_atoms",
        "conditions=[]",
        "properties.relative_atomic_energy.coefficients={H: 0, C: 0, N: 0, O: 0, F: 0}",
        "mixing.width=8",
    ):
        part = change.partition(".")[0].partition("=")[0]
        outcome = train_again(command, measured, *conditions, change, "training.max_steps=6")
        refused(outcome, f"{part}: differs from")
    assert stored(directory)["training"]["max_steps"] == 4


def test_given_coefficients_are_taken_as_they_are(command: Command, measured: Path) -> None:
    coefficients = "{H: -16, C: -1035, N: -1488, O: -2043, F: -2714}"
    directory = train(
        command,
        measured,
        f"properties.relative_atomic_energy={{energy: energy, coefficients: {coefficients}}}",
        "conditions=[{kind: scalar, property: relative_atomic_energy}]",
        "split.hold_out=[relative_atomic_energy < -0.365]",
        "split.validation=2",
        "split.train=8",
        "split.test=null",
        "training.max_steps=2",
    )
    settings = stored(directory)["properties"]["relative_atomic_energy"]
    assert settings["coefficients"] == yaml.safe_load(coefficients)
    (condition,) = load_model(directory / "model.safetensors").conditions.conditions
    low, _ = condition.observed[0]
    assert low >= -0.365  # what is held out is not seen


def test_a_number_of_atoms_steers_the_size(command: Command, database: Path) -> None:
    directory = train(command, database, "conditions=[{kind: scalar, property: n_atoms}]", "training.max_steps=2")
    outcome = command("generate", directory, "-n", 6, "--max-atoms", 3, "-c", "n_atoms=[3, 12]", "-o", "sizes.db")
    assert outcome.code == 0, outcome.err
    assert "n_atoms asks for molecules of 12 atoms, but they may have 3 at most" in outcome.out
    molecules = generated("sizes.db")
    assert set(molecules.properties["target_n_atoms"].values[:, 0]) <= {3, 12}
    with ase.db.connect("sizes.db") as found:
        (condition,) = found.metadata["gschnet_pyg"]["conditions"]
    assert condition["computed"] == {"kind": "n_atoms"}
    assert condition["observed"] == [[5, 20]]  # methane to hexane


def test_fingerprints_are_asked_for_by_smiles(command: Command, database: Path) -> None:
    directory = train(
        command,
        database,
        "properties.fingerprint={bits: 64, radius: 1}",
        "conditions=[{kind: vector, property: fingerprint, hidden: 16, layers: 2, width: 8}]",
        "training.workers.preprocessing=0",
        "training.max_steps=2",
    )
    outcome = command("generate", directory, "-n", 6, "--max-atoms", 3, "-c", "fingerprint=[C]O", "-o", "x.db")
    assert outcome.code == 0, outcome.err
    for row in generated("x.db").properties["target_fingerprint"].values:
        np.testing.assert_array_equal(row, smiles_fingerprint("[C]O", 1, 64))
    refused(command("generate", directory, "-n", 6, "-c", "fingerprint=C(C"), "conditions.fingerprint", "C(C")


def test_a_vector_of_the_data(command: Command, measured: Path) -> None:
    directory = train(command, measured, "conditions=[{kind: vector, property: dipole_vector}]", "training.max_steps=2")
    outcome = command("generate", directory, "-n", 6, "--max-atoms", 3, "-c", "dipole_vector=[1, 0, -1]", "-o", "x.db")
    assert outcome.code == 0, outcome.err
    assert generated("x.db").properties["target_dipole_vector"].values[0].tolist() == [1, 0, -1]
    refused(command("generate", directory, "-n", 6, "-c", "dipole_vector=1"), "3 numbers")
    refused(
        train_again(command, measured, "conditions=[{kind: scalar, property: dipole_vector}]", name="other"),
        "dipole_vector",
        "3 numbers",
        "vector",
    )
    refused(
        train_again(command, measured, "conditions=[{kind: scalar, property: dipole}]", name="third"),
        "there is no property 'dipole'",
        "dipole_vector",
    )


def test_an_unconditional_model_takes_no_targets(command: Command, database: Path) -> None:
    directory = train(command, database, "training.max_steps=2")
    refused(command("generate", directory, "-n", 2, "-c", "gap=4"), "conditions.gap", "it has: none")


def test_what_comes_next_asks_for_targets(command: Command, database: Path) -> None:
    settings = ("conditions=[{kind: scalar, property: n_atoms}]", "growth.fragment_share=0.5", "training.max_steps=1")
    outcome = train_again(command, database, *settings)
    assert outcome.out.endswith("generate runs/first -n 1000 --condition n_atoms=VALUE --start FILE\n")


def test_a_run_that_was_refused_leaves_no_split_behind(command: Command, measured: Path) -> None:
    """Conditions are settled after the molecules are split."""
    wrong = train_again(command, measured, "conditions=[{kind: scalar, property: dipole_vector}]")
    refused(wrong, "3 numbers")
    directory = train(command, measured, "split.train=16", "training.max_steps=1")
    assert len(np.load(directory / "split.npz")["train"]) == 16
