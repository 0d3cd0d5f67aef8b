"""A generation that is broken off has stored what was made, and is completed to the molecules of an unbroken one."""

from __future__ import annotations

import json
import resource
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import ase.db
import numpy as np
import pytest

from gschnet_pyg import run
from gschnet_pyg.errors import GschnetError
from gschnet_pyg.generation import sampler
from gschnet_pyg.generation.sampler import Attempt
from gschnet_pyg.model.storage import load_model, save_model
from gschnet_pyg.recipe import load_generation_recipe
from gschnet_pyg.run.metadata import stored_metadata
from tests.integration.conftest import TARGETS, Command, Outcome, generated, refused
from tests.integration.test_interrupts import Process, wait_until

N_MOLECULES = 30
MORE = ("--max-atoms", 5, "--batch-size", 8, *TARGETS)


class Killed(BaseException):
    """Nothing in the package gets to hear of it, as of a signal that kills."""


def generate(
    command: Command, directory: Path, *more: object, n: int = N_MOLECULES, output: str = "some.db"
) -> Outcome:
    return command("generate", directory, "-n", n, *MORE, "-o", output, *more)


def unbroken(command: Command, directory: Path, n: int = N_MOLECULES) -> list[tuple]:
    assert generate(command, directory, n=n, output="whole.db").code == 0
    return content("whole.db")


def content(path: str) -> list[tuple]:
    """Number, target, atoms and positions of every molecule, by number."""
    molecules = generated(path)
    numbers, gaps = (molecules.properties[name].values[:, 0] for name in ("number", "target_gap"))
    pieces = [slice(*ends) for ends in pairwise(molecules.offsets.tolist())]
    rows = [
        (int(number), gap, molecules.z[piece].tolist(), np.round(molecules.pos[piece], 3).tolist())
        for number, gap, piece in zip(numbers, gaps, pieces, strict=True)
    ]
    return sorted(rows)


@pytest.fixture
def stop_after(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Break the next generation off when some attempts have ended; those that can be are stored at once."""
    plain = sampler.generate

    def stop(n_attempts: int, error: type[BaseException] | None, act: Callable[[], Any] = lambda: None) -> None:
        def attempts(*arguments: Any, **more: Any) -> Iterator[Attempt]:
            for number, attempt in enumerate(plain(*arguments, **more)):
                if number == n_attempts:
                    monkeypatch.setattr("gschnet_pyg.run.generation.generate_attempts", plain)
                    act()
                    if error is not None:
                        raise error
                yield attempt

        monkeypatch.setattr("gschnet_pyg.run.generation.generate_attempts", attempts)
        monkeypatch.setattr("gschnet_pyg.run.generation.INTERVAL", 0.0)

    return stop


def check_whole(path: str, requested: int) -> None:
    """The database opens, and its counts are those of its rows."""
    counts = run.stored_counts(Path(path))
    with ase.db.connect(path) as database:
        assert (counts["requested"], counts["finished"]) == (requested, database.count())


@pytest.mark.parametrize("n_attempts", [1, 13, 29])
def test_killed_and_resumed(command: Command, conditioned: Path, stop_after: Callable, n_attempts: int) -> None:
    expected = unbroken(command, conditioned)
    stop_after(n_attempts, Killed)
    assert generate(command, conditioned).code == 1
    there = run.stored_counts(Path("some.db")) if Path("some.db").exists() else {"requested": 0}
    assert there["requested"] <= n_attempts
    if n_attempts > 8:  # the batch before
        assert there["requested"] > 0
        check_whole("some.db", there["requested"])
        before = content("some.db")
        assert [row for row in expected if row[0] < there["requested"]] == before
    outcome = generate(command, conditioned, "--resume")
    assert outcome.code == 0, outcome.err
    assert content("some.db") == expected
    check_whole("some.db", N_MOLECULES)
    assert "done" not in stored_metadata(Path("some.db"))
    report = command("report", "some.db", "--json", "report.json")
    assert report.code == 0
    assert json.loads(Path("report.json").read_text())["requested"] == N_MOLECULES


def test_an_interrupt_keeps_all_that_has_ended(command: Command, conditioned: Path, stop_after: Callable) -> None:
    expected = unbroken(command, conditioned)
    for n_attempts in (11, 5):  # and once more while it is resumed
        stop_after(n_attempts, KeyboardInterrupt)
        outcome = generate(command, conditioned, "--resume")
        assert outcome.code == 130
    assert "16 of 30 molecules were attempted. The same command with --resume -o some.db goes on." in outcome.err
    check_whole("some.db", 16)
    outcome = generate(command, conditioned, "--resume")
    assert outcome.out.startswith("Resuming some.db: 16 of 30 molecules were attempted before\n")
    assert "14 molecules requested" in outcome.out
    assert content("some.db") == expected


def test_what_is_complete_stays_and_can_be_enlarged(command: Command, conditioned: Path) -> None:
    expected = unbroken(command, conditioned, n=20)
    assert generate(command, conditioned, n=12).code == 0
    before = Path("some.db").read_bytes()
    for n in (12, 7):
        outcome = generate(command, conditioned, "--resume", n=n)
        assert outcome.code == 0, outcome.err
        assert "nothing is left to do" in outcome.out or n == 7
        assert Path("some.db").read_bytes() == before
    assert generate(command, conditioned, "--resume", n=20).code == 0
    assert content("some.db") == expected
    check_whole("some.db", 20)


def test_a_request_among_others_in_a_database(command: Command, conditioned: Path, stop_after: Callable) -> None:
    """Several requests in one database are resumed each by itself."""
    expected = unbroken(command, conditioned)
    assert generate(command, conditioned, "--seed", 7, "--append", n=9).code == 0
    first = content("some.db")
    stop_after(15, Killed)
    assert generate(command, conditioned, "--append").code == 1
    stored = stored_metadata(Path("some.db"))["appended"][0]
    assert 0 < stored["requested"] <= 15
    refused(generate(command, conditioned, "--append"), "seed 0 already", "--resume to complete those")
    assert generate(command, conditioned, "--append", "--resume").code == 0
    assert content("some.db") == sorted([*first, *expected])
    stored = stored_metadata(Path("some.db"))
    assert (stored["requested"], stored["appended"][0]["requested"]) == (9 + N_MOLECULES, N_MOLECULES)
    assert generate(command, conditioned, "--seed", 7, "--resume", n=12).code == 0
    check_whole("some.db", 12 + N_MOLECULES)


def test_two_generations_into_one_database(
    command: Command, conditioned: Path, stop_after: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each finds what it wants while the other one writes; the same molecules twice are refused."""
    assert generate(command, conditioned, "--seed", 9, n=2).code == 0

    def other() -> None:
        values = {"run": conditioned, "n_molecules": 10, "max_atoms": 5, "seed": 5, "output": "some.db", "append": True}
        targets = {"gap": 6, "composition": "C2H6O", "relative_atomic_energy": 0}
        recipe = load_generation_recipe(None, (), {**values, "conditions": targets})
        run.generate(recipe, say=lambda line: None)
        same = recipe.model_copy(update={"seed": 0, "n_molecules": N_MOLECULES})
        with pytest.raises(GschnetError, match="another process is writing these molecules"):
            run.generate(same, say=lambda line: None)

    stop_after(12, None, other)
    outcome = generate(command, conditioned, "--append")
    assert outcome.code == 0, outcome.err
    check_whole("some.db", 2 + 10 + N_MOLECULES)
    stored = stored_metadata(Path("some.db"))["appended"]
    assert sorted((entry["settings"]["seed"], entry["requested"]) for entry in stored) == [(0, N_MOLECULES), (5, 10)]


def test_a_transaction_that_was_cut_is_taken_back(command: Command, conditioned: Path) -> None:
    """Half of it is in the file already; SQLite's journal lies beside it."""
    assert generate(command, conditioned, n=12).code == 0
    before = content("some.db")
    with closing(sqlite3.connect("some.db")) as connection:
        connection.execute("PRAGMA cache_size = 1")  # so that pages are written before the end
        connection.execute("UPDATE systems SET numbers = zeroblob(9000)")
        shutil.copy("some.db", "cut.db")
        shutil.copy("some.db-journal", "cut.db-journal")
        connection.rollback()
    assert Path("cut.db").read_bytes() != Path("some.db").read_bytes()
    outcome = generate(command, conditioned, "--resume", n=20, output="cut.db")
    assert outcome.code == 0, outcome.err
    assert [row for row in content("cut.db") if row[0] < 12] == before
    check_whole("cut.db", 20)


def test_a_full_disk(command: Command, conditioned: Path, stop_after: Callable) -> None:
    expected = unbroken(command, conditioned)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (Path("some.db").stat().st_size, before[1]))

    stop_after(15, None, fill)
    try:
        outcome = generate(command, conditioned)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    refused(outcome, "some.db: cannot be written", "what it holds is whole", "--resume goes on")
    counts = run.stored_counts(Path("some.db"))
    assert 0 < counts["requested"] < N_MOLECULES
    check_whole("some.db", counts["requested"])
    assert generate(command, conditioned, "--resume").code == 0
    assert content("some.db") == expected


def test_what_cannot_be_resumed(command: Command, conditioned: Path, stop_after: Callable, tmp_path: Path) -> None:
    stop_after(15, Killed)
    assert generate(command, conditioned).code == 1
    before = Path("some.db").read_bytes()
    refused(generate(command, conditioned, "--resume", "--temperature", 0.3), "temperature: not those that some.db")
    refused(generate(command, conditioned, "--resume", "--seed", 1), "seed: not those that some.db")
    refused(generate(command, conditioned), "some.db: exists already", "--resume")
    refused(generate(command, conditioned, "--resume", output="some.sdf"), "must end in .db")
    refused(command("generate", conditioned, "-n", 3, *TARGETS, "--resume"), "resume: name the database")
    changed = shutil.copytree(conditioned, tmp_path / "changed")
    model = load_model(changed / "model.safetensors")
    next(model.parameters()).data += 1
    save_model(changed / "model.safetensors", model)
    moved = shutil.move(conditioned, tmp_path / "away")
    try:
        shutil.copytree(changed, conditioned)
        refused(generate(command, conditioned, "--resume"), "the model of", "has changed since", "restore it")
    finally:
        shutil.rmtree(conditioned)
        shutil.move(moved, conditioned)
    assert Path("some.db").read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("devices", [1, 2])
def test_a_signal_that_kills(command: Command, conditioned: Path, devices: int) -> None:
    n_molecules = 3000
    more = ("--devices", devices, "--device", "cpu")
    for _ in range(2):  # once more while it is resumed
        words = ("generate", conditioned, "-n", n_molecules, *MORE, "-o", "some.db", "--resume", *more)
        n_before = run.stored_counts(Path("some.db")).get("requested", 0) if Path("some.db").exists() else 0
        process = Process(*words)

        def has_grown(n_before: int = n_before) -> bool:
            path = Path("some.db")
            return path.exists() and path.stat().st_size > 0 and run.stored_counts(path)["requested"] > n_before

        wait_until(has_grown)
        process.interrupt(signal.SIGKILL)
        assert process.end()[0] == -signal.SIGKILL
        n_attempted = run.stored_counts(Path("some.db"))["requested"]
        assert n_before < n_attempted < n_molecules
        check_whole("some.db", n_attempted)
    outcome = generate(command, conditioned, "--resume", *more, n=n_molecules)
    assert outcome.code == 0, outcome.err
    check_whole("some.db", n_molecules)
    expected = unbroken(command, conditioned, n=n_molecules)
    differing = sum(ours != theirs for ours, theirs in zip(content("some.db"), expected, strict=True))
    assert differing <= n_molecules / 1000  # by rounding
