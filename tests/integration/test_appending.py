"""Generated files that grow: one database from several calls."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from pathlib import Path
from typing import Any

import ase.db
import pytest
from ase.db.sqlite import SQLite3Database

from gschnet_pyg import run
from tests.integration.conftest import TARGETS, Command, Outcome, generated, refused, train


def add(command: Command, directory: Path, n_molecules: int, seed: int, *more: object) -> Outcome:
    arguments = ("-n", n_molecules, "--max-atoms", 4, "--seed", seed, "-o", "all.db", "--append", *more)
    return command("generate", directory, *arguments)


def test_counts_add_up(command: Command, conditioned: Path) -> None:
    finished = []
    for n_molecules, seed, gap in ((16, 1, 4), (15, 2, 8), (14, 3, 8)):
        outcome = add(command, conditioned, n_molecules, seed, "-c", f"gap={gap}", *TARGETS[2:])
        assert outcome.code == 0, outcome.err
        assert f"{n_molecules} molecules requested" in outcome.out
        finished.append(len(generated("all.db")))
    assert 0 < finished[0] < finished[1] < finished[2]
    assert run.stored_counts(Path("all.db")) == {"requested": 45, "finished": finished[2]}
    with ase.db.connect("all.db") as found:
        metadata = found.metadata["gschnet_pyg"]
        gaps = [row.data["target_gap"].item() for row in found.select()]
        assert [row.id for row in found.select()] == list(range(1, finished[2] + 1))
    assert gaps == [4] * finished[0] + [8] * (finished[2] - finished[0])
    assert metadata["settings"]["seed"] == 1
    assert [entry["settings"]["seed"] for entry in metadata["appended"]] == [2, 3]
    assert [entry["origin"] for entry in (metadata, *metadata["appended"])] == [[0, 0, 0]] * 3
    assert command("report", "all.db", "--json", "report.json").code == 0
    report = json.loads(Path("report.json").read_text())
    assert (report["requested"], report["finished"]) == (45, finished[2])
    assert not list(Path().glob(".generating-*"))


def test_what_does_not_belong_together_is_refused(command: Command, conditioned: Path, database: Path) -> None:
    plain = train(command, database, "training.max_steps=2")
    assert add(command, conditioned, 16, 1, *TARGETS).code == 0
    before = Path("all.db").read_bytes()
    refused(add(command, plain, 4, 2), "conditioned on gap, composition, relative_atomic_energy", "nothing")
    refused(add(command, conditioned, 9, 1, *TARGETS, "--batch-size", 3), "seed 1 already", "(--seed)")
    shutil.copy(database, "foreign.db")
    arguments = ("-n", 2, "--max-atoms", 4, "--append")
    refused(command("generate", plain, *arguments, "-o", "foreign.db"), "not written by gschnet-pyg generate")
    refused(command("generate", plain, *arguments, "-o", "new.extxyz"), "new.extxyz", "must end in .db")
    refused(command("generate", plain, *arguments), "append: name the database")
    assert Path("all.db").read_bytes() == before
    assert command("report", "all.db", "--filtered", "valid.db").code == 0
    refused(
        command("generate", conditioned, *arguments, *TARGETS, "-o", "valid.db"),
        "valid.db: holds valid molecules only",
        "as it was generated",
    )
    with ase.db.connect("all.db") as found:
        found.delete([1])
    refused(add(command, conditioned, 4, 2, *TARGETS), "were generated", "as it was generated")


def test_the_same_request_spelt_otherwise_is_refused(command: Command, conditioned: Path) -> None:
    """It would give the same molecules once more."""
    run_path = os.path.relpath(conditioned)
    assert add(command, Path(run_path), 4, 1, *TARGETS).code == 0
    spellings = ("-c", "gap=[6.0]", "-c", "composition=[C2H6O]", "-c", "relative_atomic_energy=[0]")
    for directory, targets in ((conditioned, TARGETS), (Path(run_path), spellings), (conditioned, spellings)):
        refused(add(command, directory, 5, 1, *targets), "seed 1 already", "(--seed)")
    assert add(command, conditioned, 4, 1, "-c", "gap=[6, 7]", *TARGETS[2:]).code == 0  # others


def test_energies_relative_to_another_fit_are_another_condition(
    command: Command, conditioned: Path, measured: Path
) -> None:
    condition = "conditions=[{kind: scalar, property: relative_atomic_energy}]"
    fits = {
        name: train(
            command,
            measured,
            f"properties.relative_atomic_energy={{energy: energy, coefficients: {coefficients}}}",
            condition,
            "training.max_steps=1",
            name=name,
        )
        for name, coefficients in {
            "one": "{H: -16, C: -1035, N: -1488, O: -2043, F: -2714}",
            "other": "{H: -13, C: -1030, N: -1488, O: -2043, F: -2714}",
        }.items()
    }
    target = ("-c", "relative_atomic_energy=0")
    assert add(command, fits["one"], 4, 1, *target).code == 0
    refused(add(command, fits["other"], 4, 2, *target), "another relative_atomic_energy", "computed otherwise")
    assert add(command, fits["one"], 4, 2, *target).code == 0


def test_a_failure_leaves_the_file_as_it_was(
    command: Command, conditioned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert add(command, conditioned, 4, 1, *TARGETS).code == 0
    before = Path("all.db").read_bytes()

    plain_write, calls = SQLite3Database.write, itertools.count()

    def full(self: SQLite3Database, *arguments: Any, **more: Any) -> int:
        if next(calls) == 1:
            raise OSError(28, "No space left on device")
        return plain_write(self, *arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(SQLite3Database, "write", full)
        refused(add(command, conditioned, 24, 2, *TARGETS), "all.db: cannot be written", "No space left on device")
    assert Path("all.db").read_bytes() == before
    assert not list(Path().glob(".generating-*"))
    assert add(command, conditioned, 4, 2, *TARGETS).code == 0


def test_generated_molecules_are_not_lost_where_they_cannot_be_moved(
    command: Command, conditioned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are written in the work directory, and stay there if the output cannot be written."""
    seen, plain_copy = [], shutil.copyfile

    def full(source: Path, target: Path) -> None:
        seen.append(Path(source))
        raise OSError(28, "No space left on device")

    arguments = ("-n", 6, "--max-atoms", 4, *TARGETS, "work_directory=scratch/here")
    for output in ("some.db", "some.extxyz"):
        with monkeypatch.context() as patch:
            patch.setattr("gschnet_pyg.run.deposit.shutil.copyfile", full)
            refused(command("generate", conditioned, *arguments, "-o", output), "No space", "molecules lie in scratch")
        assert not Path(output).exists()
        kept = seen[-1].parent
        assert kept.parent == Path("scratch/here")
        assert command("generate", conditioned, *arguments, "-o", output).code == 0
        assert len(generated(kept / output)) == len(generated(output)) > 0
        assert [path for path in Path("scratch/here").iterdir() if path != kept] == []
        shutil.rmtree(kept)
    assert shutil.copyfile is plain_copy
    assert json.loads(Path("some.extxyz.json").read_text())["gschnet_pyg"]["requested"] == 6
