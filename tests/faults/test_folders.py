"""Folders that nobody may write, and several that want the same data at once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.conftest import NO_WORKERS, TARGETS, TINY, Command, refused, train, train_again
from tests.integration.test_interrupts import Process

SHORT = (*NO_WORKERS, "training.max_steps=2")


@contextmanager
def read_only(*folders: Path) -> Iterator[None]:
    for folder in folders:
        folder.chmod(0o555)
    try:
        yield
    finally:
        for folder in folders:
            folder.chmod(0o755)


def listed(folder: Path) -> list[tuple[str, int]]:
    return sorted((str(path), path.stat().st_mtime_ns) for path in folder.rglob("*"))


def test_a_read_only_folder_of_runs(command: Command, database: Path) -> None:
    Path("runs").mkdir()
    with read_only(Path("runs")):
        refused(train_again(command, database, *SHORT), "run.directory: runs/first cannot be written", "another folder")
    assert not list(Path("runs").iterdir())
    Path("file").touch()
    refused(train_again(command, database, *SHORT, "run.directory=file"), "run.directory: file/first cannot be written")


def test_a_read_only_run_stays_as_it_is(command: Command, database: Path) -> None:
    directory = train(command, database, *SHORT)
    before = listed(directory)
    with read_only(directory, directory / "checkpoints"):
        outcome = train_again(command, database, *NO_WORKERS, "training.max_steps=4")
        refused(outcome, "run.directory: runs/first cannot be written")
        refused(command("generate", directory, "-n", 2, "--max-atoms", 4), "cannot be written", "runs/first")
        elsewhere = command("generate", directory, "-n", 8, "--max-atoms", 4, "-o", "some.db")
        assert elsewhere.code == 0, elsewhere.err
    assert listed(directory) == before


def test_read_only_places_for_what_commands_write(command: Command, conditioned: Path) -> None:
    some = ("generate", conditioned, "-n", 8, "--max-atoms", 4, *TARGETS)
    assert command(*some, "-o", "some.db").code == 0
    there = Path("there")
    there.mkdir()
    shutil.copy("some.db", there / "some.db")
    with read_only(there):
        before = listed(there)
        for commands in (
            (*some, "-o", there / "new.db"),
            (*some, "-o", there / "new.extxyz"),
            (*some, "-o", there / "some.db", "--resume", "-n", 9),
            (*some, "-o", there / "some.db", "--append", "--seed", 1),
            ("report", there / "some.db", "--html", there / "page.html"),
            ("report", there / "some.db", "--json", there / "report.json"),
            ("report", "some.db", "--filtered", there / "valid.db"),
            ("data", "import", "some.db", "-o", there / "copy.db"),
        ):
            refused(command(*commands), "there", "cannot be written")
        assert listed(there) == before
        assert command("report", there / "some.db").code == 0


@pytest.mark.slow
def test_two_trainings_on_the_same_data(command: Command, database: Path) -> None:
    """Both begin at once; one converts the file, and both train."""
    words = ("train", "qm9_fast", "data.kind=file", "data.path=molecules.db", *TINY, *SHORT)
    processes = [Process(*words, f"run.id={name}") for name in ("one", "two")]
    for process in processes:
        code, _, err = process.end()
        assert code == 0, err
    models = [Path("runs", name, "model.safetensors").read_bytes() for name in ("one", "two")]
    assert models[0] == models[1]
    assert len(list(Path("molecules.db.gschnet-cache").glob("*-*"))) == 1


@pytest.mark.slow
def test_two_trainings_of_the_same_run(command: Command, database: Path) -> None:
    words = ("train", "qm9_fast", "data.kind=file", "data.path=molecules.db", "run.id=first", *TINY, *NO_WORKERS)
    first = Process(*words, "training.max_steps=100000")
    first.wait_for_line("epoch   1")
    code, _, err = Process(*words, "training.max_steps=100000").end()
    assert (code, err.splitlines()[-1].startswith("error: run.id: runs/first is being trained")) == (2, True)
    first.interrupt()
    assert first.end()[0] == 130
