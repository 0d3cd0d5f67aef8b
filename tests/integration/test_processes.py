"""Several processes do what one does: over gloo, on CPUs, started as a user would."""

from __future__ import annotations

import csv
import os
import re
import signal
import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from gschnet_pyg import run
from gschnet_pyg.data.arrays import MoleculeArrays
from gschnet_pyg.metric_names import THROUGHPUT
from gschnet_pyg.model.storage import load_model
from gschnet_pyg.recipe import load_recipe
from gschnet_pyg.run_directory import RunDirectory
from tests.integration.conftest import (
    NO_WORKERS,
    TARGETS,
    TINY,
    Command,
    generated,
    refused,
    train,
    train_again,
    write_measured,
)

UNEVEN = (
    *NO_WORKERS,
    "training.schedule={kind: constant}",
    "training.optimizer={kind: adam, learning_rate: 1e-4}",  # higher ones enlarge what is rounded differently
    "training.gradient_clip=1",
    "training.validate_every=0.5",
    "training.batch_size=4",
    "training.steps_drawn=1",  # so that some shares have stops only
    "split={train: 21, validation: 9, test: 2, hold_out: [], file: null}",  # last batches of one molecule
    "sampling={every: 2, n_molecules: 11, max_atoms: 6}",
    "checkpoint.monitor=stable",
)


def settings(folder: Path, n_processes: int, max_steps: int, name: str) -> list[str]:
    return [
        "data.kind=file",
        f"data.path={folder / 'measured.db'}",
        "conditions=[{kind: scalar, property: gap}]",
        f"run.directory={folder}",
        f"run.id={name}",
        f"training.devices={n_processes}",
        *TINY,
        *UNEVEN,
        f"training.max_steps={max_steps}",
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of one and of two processes, which end in the middle of the fifth epoch; `lines` holds what was said."""
    folder = tmp_path_factory.mktemp("processes")
    write_measured(folder / "measured.db")
    for n_processes, name in ((1, "one"), (2, "two")):
        lines: list[str] = []
        run.train(load_recipe("qm9_fast", settings(folder, n_processes, 27, name)), say=lines.append)
        (folder / f"{name}.lines").write_text("\n".join(lines))
    return folder


def assert_equal_runs(one: Path, two: Path) -> None:
    """Losses of training, validation and test, shares of sampled molecules, and weights, up to rounding."""
    rows = []
    for directory in (one, two):
        with (directory / "metrics.csv").open() as file:
            rows.append([{key: row[key] for key in row if key not in THROUGHPUT} for row in csv.DictReader(file)])
    assert len(rows[0]) == len(rows[1])
    logged = [name for row in rows[0] for name, value in row.items() if value]
    assert {"train/type", "train/distance", "validation/type", "validation/distance", "test/loss"} <= set(logged)
    assert any(float(row["sampled/finished"]) > 0 for row in rows[0] if row["sampled/finished"])
    for first, second in zip(*rows, strict=True):
        assert {name: float(value) for name, value in second.items() if value} == pytest.approx(
            {name: float(value) for name, value in first.items() if value}, abs=1e-5
        )
    models = [load_model(directory / "model.safetensors").state_dict() for directory in (one, two)]
    last = [RunDirectory(directory).read_checkpoint("last")["state_dict"] for directory in (one, two)]
    for first, second in (models, last):
        for name, weight in first.items():
            np.testing.assert_allclose(second[name], weight, atol=1e-5, err_msg=name)


def test_two_processes_train_as_one(folder: Path) -> None:
    assert_equal_runs(folder / "one", folder / "two")
    names = [path.name for path in sorted((folder / "one").iterdir())]
    assert [path.name for path in sorted((folder / "two").iterdir())] == names
    said = [(folder / f"{name}.lines").read_text().replace(str(folder / name), "") for name in ("one", "two")]
    assert said[0] == said[1]
    assert said[0].count("Ended after 27 steps: training.max_steps=27 was reached.") == 1
    assert "LOCAL_RANK" not in os.environ


def test_another_number_of_processes_resumes(folder: Path) -> None:
    for n_processes, name in ((1, "two"), (1, "one")):
        result = run.train(load_recipe("qm9_fast", settings(folder, n_processes, 42, name)), say=lambda line: None)
        assert result.directory == folder / name
    assert_equal_runs(folder / "one", folder / "two")


def test_an_interrupt_stops_all_processes_in_order(command: Command, measured: Path) -> None:
    """It comes from outside, somewhere in training; what was learnt is kept, and a single process goes on from it."""
    # small steps: rounding, which differs between one and two processes, has no time to grow
    constant = (*NO_WORKERS, "training.schedule={kind: constant}", "training.max_epochs=100000")
    constant += ("training.optimizer.learning_rate=1e-5",)
    metrics = Path("runs/pieces/metrics.csv").absolute()

    def interrupt() -> None:
        while not metrics.exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    watcher = threading.Thread(target=interrupt, daemon=True)
    watcher.start()
    before = signal.getsignal(signal.SIGINT)
    outcome = train_again(command, measured, *constant, "training.devices=2", name="pieces")
    watcher.join()
    assert outcome.code == 130
    assert signal.getsignal(signal.SIGINT) is before
    assert "Interrupted. The same command with run.id=pieces goes on where it stopped." in outcome.err
    n_steps = RunDirectory(metrics.parent).read_checkpoint("last")["global_step"]
    assert n_steps > 0
    limit = f"training.max_steps={n_steps + 4}"
    pieces, whole = (train(command, measured, *constant, limit, name=name) for name in ("pieces", "whole"))
    last = [RunDirectory(path).read_checkpoint("last")["state_dict"] for path in (pieces, whole)]
    for name, weight in last[0].items():
        np.testing.assert_allclose(last[1][name], weight, atol=1.5e-5, err_msg=name)


def frames(molecules: MoleculeArrays) -> list[tuple[np.ndarray, np.ndarray]]:
    ends = pairwise(molecules.offsets.tolist())
    return [(molecules.z[start:end], molecules.pos[start:end]) for start, end in ends]


def test_two_processes_generate_as_one(command: Command, conditioned: Path) -> None:
    arguments = ("generate", conditioned, "-n", 17, "--max-atoms", 9, "--device", "cpu", *TARGETS, "-c", "gap=7")
    arguments += ("--trace", 3, "--trace", 10)
    outcomes = [command(*arguments, "--devices", n, "-o", f"{n}.db") for n in (1, 2)]
    said = [re.sub(r"\d\.(db|trace)", r"\1", outcome.out) for outcome in outcomes]
    assert [outcome.code for outcome in outcomes] == [0, 0], outcomes[1].err
    assert sorted(said[0].splitlines()) == sorted(said[1].splitlines())
    one, two = generated("1.db"), generated("2.db")
    assert 2 < len(one) <= 17
    for name in ("number", "target_gap"):
        np.testing.assert_array_equal(two.properties[name].values, one.properties[name].values)
    for first, second in zip(frames(one), frames(two), strict=True):
        np.testing.assert_array_equal(second[0], first[0])
        np.testing.assert_allclose(second[1], first[1], atol=1e-4)
    for number in (3, 10):
        assert Path(f"2.trace-{number}.extxyz").is_file()
    assert not list(Path().glob(".generating-*"))
    refused(command(*arguments, "-o", "2.db", "--append"), "seed:", "--seed")


def test_processes_that_cannot_work_together(
    command: Command, database: Path, conditioned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused(train_again(command, database, "training.devices=3"), "training.batch_size", "multiple of 3")
    refused(train_again(command, database, "training.devices=0"), "training.devices")
    refused(train_again(command, database, "training.nodes=2"), "training.nodes", "MASTER_ADDR", "srun")
    refused(command("generate", conditioned, "--devices", "some"), "devices")
    refused(command("generate", conditioned, "nodes=2"), "nodes", "torchrun")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("WORLD_SIZE", "2")
    refused(train_again(command, database), "training.devices", "2 processes were started")
