"""Each kind of bad input: exit code 2, one line that names the place and the remedy, nothing written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from gschnet_pyg.data.writing import write_database
from tests.integration.conftest import TINY, Command, Outcome
from tests.molecules import coordinates


def train_on(command: Command, path: str, *more: str) -> Outcome:
    return command("train", "qm9_fast", "data.kind=file", f"data.path={path}", "run.id=x", *TINY, *more)


def assert_refused(outcome: Outcome, *facts: str) -> None:
    assert outcome.code == 2
    assert outcome.err.startswith("error: ")
    assert outcome.err.strip().count("\n") == 0
    for fact in facts:
        assert fact in outcome.err
    assert not Path("runs").exists()


def methanol() -> Atoms:
    return Atoms(*coordinates("CO"))


def test_misspelt_key(command: Command, database: Path) -> None:
    assert_refused(train_on(command, database.name, "training.lerning_rate=1"), "training.lerning_rate: unknown key")
    Path("mine.yaml").write_text("extends: demo\ntraining: {bacth_size: 3}\n")
    assert_refused(command("train", "mine.yaml"), "mine.yaml: training.bacth_size", "did you mean 'batch_size'")


def test_missing_file(command: Command) -> None:
    assert_refused(train_on(command, "none.db"), "none.db: no such file")
    assert_refused(command("report", "none.db"), "none.db: no such file")
    assert_refused(command("data", "info", "none.db"), "none.db: no such file")
    assert_refused(command("train", "none.yaml"), "none.yaml: no such file")


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_truncated_database(command: Command, database: Path, share: float) -> None:
    content = database.read_bytes()
    database.write_bytes(content[: int(len(content) * share)])
    assert_refused(train_on(command, database.name), database.name)


def test_nan_coordinates(command: Command) -> None:
    broken = methanol()
    broken.positions[2, 1] = np.nan
    write("broken.extxyz", [methanol(), broken])
    assert_refused(train_on(command, "broken.extxyz"), "broken.extxyz, record 1", "not a finite number")


def test_an_element_outside_the_atom_types(command: Command) -> None:
    chloromethane = methanol()
    chloromethane.numbers[1] = 17
    write_database("chlorine.db", [methanol()] * 31 + [chloromethane])
    assert_refused(train_on(command, "chlorine.db"), "Cl", "32", "types")


def test_periodic_cell(command: Command) -> None:
    crystal = methanol()
    crystal.set_cell([10.0, 10.0, 10.0])
    crystal.set_pbc(True)
    write("crystal.extxyz", [crystal])
    assert_refused(train_on(command, "crystal.extxyz"), "crystal.extxyz", "periodic")


def test_two_atoms_at_one_place(command: Command) -> None:
    doubled = methanol()
    doubled.positions[3] = doubled.positions[4]
    write("doubled.xyz", [methanol(), methanol(), doubled])
    assert_refused(train_on(command, "doubled.xyz"), "doubled.xyz, record 2", "atoms 3 and 4", "one place")


def test_run_directory_without_a_model(command: Command, database: Path) -> None:
    assert_refused(command("generate", "nowhere", "-n", 3), "nowhere: no such run directory")
    Path("empty").mkdir()
    assert_refused(command("generate", "empty", "-n", 3), "empty: no run directory (it has no recipe.yaml)")
    assert train_on(command, database.name, "training.max_steps=2", "run.directory=trained").code == 0
    directory = Path("trained/x")
    (directory / "model.safetensors").unlink()
    best = directory / "checkpoints" / "best.ckpt"
    best.write_bytes(best.read_bytes()[:5000])
    assert_refused(command("generate", directory, "-n", 3), "best.ckpt: damaged checkpoint")
    best.unlink()
    assert_refused(command("generate", directory, "-n", 3), "no model.safetensors and no checkpoint", "train first")
    last = directory / "checkpoints" / "last.ckpt"
    last.write_bytes(b"garbage")
    again = train_on(command, database.name, "training.max_steps=4", "run.directory=trained")
    assert_refused(again, "last.ckpt: damaged checkpoint")


def test_a_loss_that_is_no_number_ends_the_run(command: Command, database: Path) -> None:
    outcome = train_on(command, database.name, "training.max_steps=4", "training.optimizer.learning_rate=1e30")
    assert outcome.code == 2
    assert "the validation loss is" in outcome.err
    assert "lower training.optimizer.learning_rate" in outcome.err
    assert not Path("runs/x/model.safetensors").exists()


def test_recipes_of_the_wrong_kind(command: Command) -> None:
    assert_refused(command("train", "generate/quick"), "generate/quick: is a recipe for generation")
    assert_refused(command("generate", "qm9"), "qm9: is a recipe for training")


def test_settings_that_cannot_work(command: Command, database: Path) -> None:
    assert_refused(train_on(command, database.name, "split.train=1000"), "only 32 can be used")
    assert_refused(train_on(command, database.name, "split.train=1.0"), "split.train: a fraction is below 1")
    assert_refused(train_on(command, database.name, "cutoffs.model=.inf"), "cutoffs.model", "finite")
    assert_refused(train_on(command, database.name, "run.directory=molecules.db"), "molecules.db")
    assert_refused(command("generate", "empty", "-n", 0), "n_molecules", "greater than 0")
    assert_refused(command("generate", "empty", "--device", "abacus"), "device", "cpu")
    assert_refused(command("data", "import", database.name, "-o", "o.db", "--unit", "gap"), "property=unit")
    assert_refused(command("report", database.name, "--json", "."), "cannot be written")
    assert_refused(command("recipe", "copy", "qm9", "nowhere/x.yaml"), "nowhere/x.yaml")


def test_a_grid_without_points(command: Command, database: Path) -> None:
    assert train_on(command, database.name, "training.max_steps=2", "run.directory=trained").code == 0
    for setting in ("grid_minimum=2.0", "grid_spacing=3.0"):
        outcome = command("generate", "trained/x", setting, "-o", "none.db")
        assert_refused(outcome, "no point of the grid lies between")
        assert not Path("none.db").exists()
    assert_refused(command("generate", "trained/x", "grid_spacing=0.0001"), "too many points")
