"""A chemist's own files become a conditioned model."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import ase.io
import pytest

from gschnet_pyg.data.sources import open_dataset
from tests.integration.conftest import NO_WORKERS, TINY, Command, conformers, refused


def write_files(n_files: int) -> None:
    """``files/mol_<k>.xyz``, and a table that gives each a gap of 0.1 + k / 10,000 Hartree."""
    Path("files").mkdir()
    some = conformers()
    for number in range(n_files):
        ase.io.write(f"files/mol_{number}.xyz", some[number % len(some)], format="xyz", comment="by hand")
    rows = "".join(f"mol_{number}.xyz,{0.1 + number / 10_000},B3LYP\n" for number in range(n_files))
    Path("table.csv").write_text(f"file,gap,method\n{rows}")


def test_500_xyz_files_and_a_table_become_a_conditioned_model(command: Command) -> None:
    write_files(500)
    outcome = command("data", "import", "files", "-o", "mine.db", "--properties", "table.csv", "--key", "file",
                      "--unit", "gap=Hartree")  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("500 molecules lie in mine.db")
    assert outcome.err.count("\n") <= 1  # the column of text
    gaps = open_dataset("mine.db", progress=False).properties["gap"]
    assert gaps.unit == "eV"
    assert gaps.values[:, 0] == pytest.approx([(0.1 + number / 10_000) * 27.211386 for number in range(500)])
    trained = command("train", "qm9_fast", "data.kind=file", "data.path=mine.db", "run.id=mine",
                      "conditions=[{kind: scalar, property: gap}]", "training.max_steps=4",
                      *NO_WORKERS, *TINY)  # fmt: skip
    assert trained.code == 0, trained.err
    generated = command("generate", "runs/mine", "-n", 2, "--max-atoms", 5, "-c", "gap=4")
    assert generated.code == 0, generated.err


def test_files_named_by_the_shell(command: Command) -> None:
    write_files(12)
    files = sorted(Path("files").glob("mol_1*.xyz"))
    outcome = command("data", "import", *files, "-o", "mine.db", "--properties", "table.csv", "--key", "file")
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("3 molecules lie in mine.db")
    gaps = open_dataset("mine.db", progress=False).properties["gap"].values[:, 0]
    assert gaps == pytest.approx([0.1001, 0.101, 0.1011])  # mol_1, mol_10, mol_11


def test_files_that_the_table_does_not_name(command: Command) -> None:
    write_files(12)
    table = Path("table.csv").read_text().splitlines(keepends=True)
    Path("table.csv").write_text("".join(table[:9]))
    arguments = ("data", "import", "files", "-o", "mine.db", "--properties", "table.csv", "--key", "file")
    outcome = command(*arguments)
    assert outcome.code == 2
    assert (
        "table.csv has no row for it (4 of 12 molecules have none); leave these out with --drop-missing" in outcome.err
    )
    assert not Path("mine.db").exists()
    assert command(*arguments, "--drop-missing").out.startswith("8 molecules lie in mine.db")


def test_smiles_become_molecules_to_train_on(command: Command) -> None:
    lines = [
        "smiles,name,mu",
        *(f"{'C' * size}O,alcohol {size},{size}" for size in range(1, 9)),
        "C(C,broken,0",
        "C.O,two,0",
    ]
    Path("list.csv").write_text("\n".join(lines) + "\n")
    outcome = command("data", "import", "list.csv", "-o", "mine.db", "--conformers", 2, "--seed", 3, "--unit", "mu=D")
    assert outcome.code == 0, outcome.err
    for fact in (
        "8 of 10 SMILES were embedded",
        "8 molecules lie in mine.db",
        "1  several fragments",
        "mine.failures.csv",
    ):
        assert fact in outcome.out
    with Path("mine.failures.csv").open() as file:
        assert [row["line"] for row in csv.DictReader(file)] == ["10", "11"]
    shown = command("data", "info", "mine.db").out
    for fact in ("8 molecules", "mmff94_energy", "mu", "0 of 8 molecules fall apart"):
        assert fact in shown
    split = "split={train: 5, validation: 2, test: 1, hold_out: [], file: null}"
    trained = command("train", "qm9_fast", "data.kind=file", "data.path=mine.db", "run.id=mine",
                      "training.max_steps=2", *NO_WORKERS, *TINY, split)  # fmt: skip
    assert trained.code == 0, trained.err


def test_programs_read_what_was_embedded(command: Command) -> None:
    Path("list.smi").write_text("CCO\nOCC\nC(C\n")
    outcome = command("data", "import", "list.smi", "-o", "mine.db", "--conformers", 1, "--json")
    assert json.loads(outcome.out) | {"failures_file": None} == {
        "path": "mine.db",
        "molecules": 2,
        "files": 1,
        "failures": {"unreadable": 1},
        "failures_file": None,
    }
    Path("mine.db").unlink()
    assert command("data", "import", "list.smi", "-o", "mine.db", "--conformers", 1, "--quiet").out == "mine.db\n"


def test_smiles_that_cannot_be_used(command: Command) -> None:
    Path("list.csv").write_text("mol,name\nC,methane\n")
    refused(command("data", "import", "list.csv", "-o", "mine.db"), "--smiles-column", "There are: mol, name")
    Path("broken.smi").write_text("C(C\n")
    refused(command("data", "import", "broken.smi", "-o", "mine.db"), "nothing could be embedded")
    refused(command("data", "info", "broken.smi"), "gschnet-pyg data import broken.smi -o broken.db")
    assert not Path("mine.db").exists()
