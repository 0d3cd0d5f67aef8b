"""Whole commands: train, resume, generate, report, on molecules of the user."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import ase.db
import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.io import read

from gschnet_pyg import run
from gschnet_pyg.data.sources import open_dataset
from gschnet_pyg.data.writing import write_database, write_molecules
from gschnet_pyg.generation.sampler import Attempt
from tests.integration.conftest import Command, refused, train
from tests.molecules import coordinates


def test_train_generate_report(command: Command, database: Path) -> None:
    directory = train(command, database, "training.max_steps=12")
    assert {"recipe.yaml", "split.npz", "model.safetensors", "losses.json", "checkpoints", "metrics.csv"} <= {
        path.name for path in directory.iterdir()
    }
    assert json.loads((directory / "losses.json").read_text()).keys() == {
        "picked_by",
        "validation/loss",
        "test/loss",
        "test/type",
        "test/distance",
    }
    resolved = yaml.safe_load((directory / "recipe.yaml").read_text())
    assert Path(resolved["data"]["path"]).is_absolute()
    assert command("recipe", "check", directory / "recipe.yaml").code == 0

    outcome = command("generate", directory, "-n", 12, "--max-atoms", 8, "--seed", 3)
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("12 molecules requested, ")
    path = directory / "generated" / "1.db"
    with ase.db.connect(path) as found:
        metadata, rows = found.metadata["gschnet_pyg"], list(found.select())
    assert metadata["requested"] == 12
    assert metadata["finished"] == len(rows) > 0
    assert metadata["settings"]["seed"] == 3
    assert metadata["settings"]["temperature"] == 0.1

    outcome = command("report", path, "--reference", directory, "--json", "report.json")
    assert outcome.code == 0, outcome.err
    report = json.loads(Path("report.json").read_text())
    assert report["format"] == 1
    assert (report["requested"], report["finished"]) == (12, len(rows))
    valid = report["rdkit"]["valid"]
    assert valid["of"] == 12
    assert valid["count"] + sum(report["rdkit"]["failures"].values()) == 12
    assert report["rdkit"]["novel"] is not None
    assert f"{valid['count']}/12" in outcome.out


def test_equal_seeds_give_equal_files_in_every_format(command: Command, database: Path) -> None:
    directory = train(command, database, "training.max_steps=8")
    for output, batch_size in (("a.db", 64), ("b.extxyz", 5), ("c.sdf", 64)):
        outcome = command("generate", directory, "-n", 10, "--max-atoms", 6, "-o", output, "--batch-size", batch_size)
        assert outcome.code == 0, outcome.err
    a, b, c = (open_dataset(name) for name in ("a.db", "b.extxyz", "c.sdf"))
    for other in (b, c):
        np.testing.assert_array_equal(a.z, other.z)
        np.testing.assert_allclose(a.pos, other.pos, atol=1e-4)
    assert len(read("b.extxyz", ":")) == len(a)
    # the attempts that were abandoned count against every format
    for name in ("a.db", "b.extxyz", "c.sdf"):
        command("report", name, "--json", "report.json")
        assert json.loads(Path("report.json").read_text())["requested"] == 10
    outcome = command("generate", directory, "-n", 2, "-o", "a.db")
    assert outcome.code == 2
    assert "a.db: exists already" in outcome.err


def test_a_run_that_was_cut_short_still_generates(command: Command, database: Path) -> None:
    directory = train(command, database, "training.max_steps=6")
    (directory / "model.safetensors").rename("exported")
    for output in ("of_checkpoint.extxyz", "of_export.extxyz"):
        outcome = command("generate", directory, "-n", 5, "--max-atoms", 4, "-o", output)
        assert outcome.code == 0, outcome.err
        if output == "of_checkpoint.extxyz":
            assert not (directory / "model.safetensors").exists()
            Path("exported").rename(directory / "model.safetensors")
    assert Path("of_checkpoint.extxyz").read_text() == Path("of_export.extxyz").read_text()


def test_an_interrupted_generation_keeps_what_is_finished(
    command: Command, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = train(command, database, "training.max_steps=4")

    def interrupted(*arguments: object) -> Iterator[Attempt]:
        for number in range(3):
            yield Attempt(number, np.array([6]), np.zeros((1, 3)), is_finished=number != 1)
        raise KeyboardInterrupt

    monkeypatch.setattr("gschnet_pyg.run.generation.generate_attempts", interrupted)
    outcome = command("generate", directory, "-n", 10, "-o", "some.db")
    assert outcome.code == 130
    assert outcome.err.startswith(
        "Interrupted. 3 of 10 molecules were attempted. The same command with --resume -o some.db goes on."
    )
    assert len(open_dataset("some.db")) == 2
    assert run.stored_counts(Path("some.db")) == {"requested": 3, "finished": 2}


@pytest.mark.parametrize("name", ["bad.extxyz", "bad.db", "bad.sdf"])
def test_molecules_that_training_would_refuse_are_judged(command: Command, name: str) -> None:
    good, doubled = Atoms(*coordinates("CO")), Atoms(*coordinates("CO"))
    doubled.positions[3] = doubled.positions[4]
    write_molecules(name, [good, doubled])
    outcome = command("report", name, "--json", "report.json")
    assert outcome.code == 0, outcome.err
    report = json.loads(Path("report.json").read_text())
    assert report["rdkit"]["valid"]["count"] == 1
    assert report["rdkit"]["failures"] == {"bad_coordinates": 1}


def test_a_file_that_was_changed_since_counts_as_any_other(command: Command, database: Path) -> None:
    directory = train(command, database, "training.max_steps=4")
    assert command("generate", directory, "-n", 4, "--max-atoms", 6, "-o", "some.db").code == 0
    write_database("some.db", [Atoms("He")] * 9, append=True)
    n_molecules = len(open_dataset("some.db"))
    assert command("report", "some.db", "--json", "report.json").code == 0
    assert json.loads(Path("report.json").read_text())["requested"] == n_molecules


@pytest.mark.parametrize("name", ["none.db", "none.extxyz", "none.sdf"])
def test_a_report_on_abandoned_attempts_alone(command: Command, database: Path, name: str) -> None:
    """An untrained model rarely finishes with a single atom; some seed does not."""
    directory = train(command, database, "training.max_steps=1")
    for seed in range(50):
        outcome = command("generate", directory, "-n", 1, "--max-atoms", 1, "--seed", seed, "-o", name)
        if outcome.out.startswith("1 molecules requested, 0 finished, 1 abandoned"):
            break
        Path(name).unlink()
    outcome = command("report", name, "--json", "report.json")
    assert outcome.code == 0, outcome.err
    report = json.loads(Path("report.json").read_text())
    assert (report["requested"], report["finished"]) == (1, 0)
    assert report["rdkit"]["failures"] == {"unfinished": 1}


def test_the_recipe_of_the_readme(command: Command, database: Path) -> None:
    """Three lines over a shipped recipe, on a handful of molecules, with its own split."""
    Path("mine.yaml").write_text(
        f"extends: qm9_fast\ndata: {{kind: file, path: {database.name}}}\n"
        "atoms: {types: [1, 6, 7, 8, 9, 16]}\ntraining: {max_minutes: 0.01}\n"
    )
    outcome = command("train", "mine.yaml", "run.id=first", "training.batch_size=32")
    assert outcome.code == 0, outcome.err
    assert "30 molecules, 1 for validation, 1 for the test" in outcome.out
    assert command("generate", "runs/first", "-n", 2, "--max-atoms", 3, "--seed", 7).code == 0


def test_generation_recipe(command: Command, database: Path) -> None:
    train(command, database, "training.max_steps=4")
    Path("mine.yaml").write_text("kind: generate\nrun: runs/first\nn_molecules: 3\nmax_atoms: 4\noutput: mine.db\n")
    assert command("recipe", "check", "mine.yaml").out.startswith("mine.yaml: a generation recipe")
    outcome = command("generate", "mine.yaml", "--seed", 2)
    assert outcome.code == 0, outcome.err
    with ase.db.connect("mine.db") as found:
        assert found.metadata["gschnet_pyg"]["settings"]["seed"] == 2


def test_data_import_and_info(command: Command, database: Path) -> None:
    table = "id,gap,name\n" + "".join(f"{number},{0.1 + number / 100},m{number}\n" for number in range(1, 33))
    Path("table.csv").write_text(table)
    outcome = command(
        "data",
        "import",
        database.name,
        "-o",
        "out.db",
        "--properties",
        "table.csv",
        "--key",
        "id",
        "--unit",
        "gap=Hartree",
    )
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("32 molecules lie in out.db")
    gap = open_dataset("out.db", properties=["gap"])[0].gap.item()
    assert gap == pytest.approx(0.11 * 27.211386, rel=1e-5)
    shown = command("data", "info", "out.db").out
    for fact in ("32 molecules", "gap", "eV", "0 of 32 molecules fall apart"):
        assert fact in shown


def test_recipe_verbs(command: Command) -> None:
    listed = command("recipe", "list").out
    assert "qm9_fast" in listed
    assert "generate/quick" in listed
    assert all(re.fullmatch(r"[\w/]+  +[A-Z].*[^.]\.", line) for line in listed.splitlines())  # one sentence each
    shown = yaml.safe_load(command("recipe", "show", "qm9_fast", "training.batch_size=3").out)
    assert shown["training"]["batch_size"] == 3
    assert shown["cutoffs"]["placement"] == 1.7
    assert command("recipe", "copy", "demo").code == 0
    assert command("recipe", "check", "demo.yaml").code == 0
    assert command("recipe", "copy", "demo").code == 2
    assert "properties" in json.loads(command("recipe", "schema").out)["anyOf"][0]


@pytest.mark.parametrize("is_converted", [False, True])
def test_a_check_looks_up_properties_in_the_data(command: Command, measured: Path, is_converted: bool) -> None:
    """What a training would say of them, said before it."""
    if is_converted:
        assert command("data", "info", measured).code == 0
    good = (
        f"extends: qm9_fast\ndata: {{kind: file, path: {measured}}}\nconditions: [{{kind: scalar, property: gap}}]\n"
        "split: {train: 20, validation: 8, hold_out: [gap > 1000]}\n"
    )
    wrong = {
        "there is no property 'gpa'; there are: dipole_vector, energy, gap": good.replace("gap}", "gpa}"),
        "there is no property 'homo'": good.replace("gap >", "homo >"),
        "properties.relative_atomic_energy.energy=NAME": good.replace("gap}", "relative_atomic_energy}"),
        "there is no property 'energy_U0'": good.replace("gap}", "relative_atomic_energy}")
        + "properties: {relative_atomic_energy: {energy: energy_U0}}\n",
    }
    checked = {}
    for error, recipe in wrong.items():
        Path("mine.yaml").write_text(recipe)
        checked[error] = command("recipe", "check", "mine.yaml")
        refused(checked[error], error)
    assert measured.with_name("measured.db.gschnet-cache").exists() == is_converted
    for error, recipe in wrong.items():
        Path("mine.yaml").write_text(recipe)
        assert command("train", "mine.yaml").err.splitlines()[-1] == checked[error].err.splitlines()[-1]
    Path("mine.yaml").write_text(good)
    assert command("recipe", "check", "mine.yaml").out == "mine.yaml: a training recipe without errors\n"


def test_a_check_says_where_it_did_not_look(command: Command, measured: Path) -> None:
    unseen = "a training recipe without errors; the data were not looked at\n"
    assert command("recipe", "check", "demo").out == f"demo: {unseen}"
    Path("molecules.xyz").write_text("1\n\nH 0 0 0\n")
    for name in ("molecules.xyz", "none.db"):
        Path("mine.yaml").write_text(f"extends: qm9_fast\ndata: {{kind: file, path: {name}}}\n")
        assert command("recipe", "check", "mine.yaml").out == f"mine.yaml: {unseen}"


def test_a_check_needs_no_torch(measured: Path) -> None:
    recipe = measured.with_name("mine.yaml")
    recipe.write_text(f"extends: qm9_gap_relative_energy\ndata: {{kind: file, path: {measured}}}\n")
    code = (
        "import sys, gschnet_pyg.cli\n"
        f"sys.argv = ['gschnet-pyg', 'recipe', 'check', {str(recipe)!r}]\n"
        "try:\n    gschnet_pyg.cli.main()\n"
        "finally:\n    print({'torch', 'lightning'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.stdout.endswith("set()\n"), found.stdout + found.stderr
    assert found.returncode == 2  # energy_U0 is not among its properties


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, gschnet_pyg.cli; print(sorted({'torch', 'rdkit', 'ase', 'pydantic'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_version_and_help(command: Command) -> None:
    assert command("--version").out.startswith("gschnet-pyg ")
    for verb in ("train", "generate", "report"):
        assert "Examples:\n  gschnet-pyg" in command(verb, "--help").out
