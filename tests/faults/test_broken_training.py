"""A training that is broken off anywhere goes on to the very weights, losses and metrics of one that is not."""

from __future__ import annotations

import csv
import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from gschnet_pyg.model.storage import load_model
from gschnet_pyg.run_directory import RunDirectory
from gschnet_pyg.training.checkpoints import WholeCheckpoints
from gschnet_pyg.training.module import PlacementTraining
from gschnet_pyg.training.sampling import Sampling
from tests.integration.conftest import NO_WORKERS, TINY, Command, refused, train, train_again

SETTINGS = (
    *NO_WORKERS,
    "training.max_steps=9",
    "training.validate_every=0.67",  # every second step; three are an epoch
    "training.ema_decay=0.9",
    "training.schedule={kind: plateau, patience: 0, factor: 0.5}",
    "training.position_noise=0.1",
    "sampling={every: 1, n_molecules: 3, max_atoms: 3}",
    "checkpoint.every_minutes=1e-9",  # after every step
)
N_VALIDATIONS, CLOCKS = 5, ("molecules_per_second", "steps_per_second")


class Killed(BaseException):
    """Nothing in the package gets to hear of it, as of a signal that kills."""


def half_written(self: WholeCheckpoints, checkpoint: dict, path: Any, storage_options: Any = None) -> None:
    """What a process leaves that is killed while it writes."""
    path = Path(path)
    path.parent.mkdir(exist_ok=True)
    path.with_name(f".{path.stem}-1{path.suffix}").write_bytes(b"half of a checkpoint")
    raise Killed


def raising(error: type[BaseException], number: int, plain: Callable[..., Any], instead: Any = None) -> Callable:
    """A method that fails at a certain call."""
    calls = itertools.count()

    def method(*arguments: Any, **more: Any) -> Any:
        if next(calls) == number:
            if instead is not None:
                instead(*arguments, **more)
            raise error
        return plain(*arguments, **more)

    return method


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the unbroken run is kept."""
    return tmp_path_factory.mktemp("unbroken")


@pytest.fixture
def unbroken(whole: Path, command: Command, database: Path) -> Path:
    if not (whole / "model.safetensors").exists():
        shutil.copytree(train(command, database, *SETTINGS, name="whole"), whole, dirs_exist_ok=True)
    return whole


def metrics(directory: Path) -> list[dict[str, str]]:
    with (directory / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    # a resumed run has not measured a speed yet where the other one has
    without = [{name: value for name, value in row.items() if not name.endswith(CLOCKS)} for row in rows]
    for row in without:
        if row["test/loss"]:  # where nothing was left to train, the test counts from the step before
            del row["step"], row["epoch"]
    return [row for row in without if any(value for name, value in row.items() if name not in ("step", "epoch"))]


def check_equal(directory: Path, unbroken: Path) -> None:
    ours, theirs = (RunDirectory(path).read_checkpoint("last") for path in (directory, unbroken))
    for name in ("state_dict", "current_model_state"):
        for key, weights in theirs[name].items():
            assert torch.equal(ours[name][key], weights), key
    assert ours["lr_schedulers"] == theirs["lr_schedulers"]
    moments = [state["optimizer_states"][0]["state"] for state in (ours, theirs)]
    assert all(torch.equal(moments[0][i]["exp_avg_sq"], moments[1][i]["exp_avg_sq"]) for i in moments[1])
    exported = [load_model(path / "model.safetensors").state_dict() for path in (directory, unbroken)]
    assert all(torch.equal(exported[0][name], exported[1][name]) for name in exported[1])
    losses = [json.loads((path / "losses.json").read_text()) for path in (directory, unbroken)]
    assert losses[0] == losses[1]
    assert metrics(directory) == metrics(unbroken)
    assert not [path.name for path in directory.rglob(".*")]


@pytest.mark.parametrize("error", [Killed, KeyboardInterrupt])
@pytest.mark.parametrize(
    ("owner", "method", "number"),
    [
        *((PlacementTraining, "training_step", number) for number in range(9)),
        *((PlacementTraining, "validation_step", number) for number in (0, 2, 4)),
        *((Sampling, "on_validation_end", number) for number in (0, 3, 4)),
    ],
)
def test_broken_off_anywhere(
    command: Command,
    database: Path,
    unbroken: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    method: str,
    number: int,
    error: type[BaseException],
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(owner, method, raising(error, number, getattr(owner, method)))
        outcome = train_again(command, database, *SETTINGS)
        assert outcome.code == (130 if error is KeyboardInterrupt else 1)
    again = train_again(command, database, *SETTINGS)
    assert again.code == 0, again.err
    check_equal(Path("runs/first"), unbroken)


def test_broken_off_while_workers_are_ahead(
    command: Command, database: Path, unbroken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They have fetched batches of the epoch that the training never saw; the resumed run begins with these."""
    workers = "training.workers={train: 2, validation: 1, test: 0, preprocessing: 0}"
    for number in (4, 1):
        with monkeypatch.context() as patch:
            step = raising(Killed, number, PlacementTraining.training_step)
            patch.setattr(PlacementTraining, "training_step", step)
            assert train_again(command, database, *SETTINGS, workers).code == 1
    assert train_again(command, database, *SETTINGS, workers).code == 0
    check_equal(Path("runs/first"), unbroken)


@pytest.mark.parametrize("number", [0, 1, 2, 5, 9, 14])
def test_killed_while_a_checkpoint_is_written(
    command: Command, database: Path, unbroken: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    with monkeypatch.context() as patch:
        save = raising(Killed, number, WholeCheckpoints.save_checkpoint, half_written)
        patch.setattr(WholeCheckpoints, "save_checkpoint", save)
        assert train_again(command, database, *SETTINGS).code == 1
    assert list(Path("runs/first/checkpoints").glob(".*.ckpt"))
    again = train_again(command, database, *SETTINGS)
    assert again.code == 0, again.err
    check_equal(Path("runs/first"), unbroken)


def test_killed_between_training_and_export(
    command: Command, database: Path, unbroken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(RunDirectory, "export", raising(Killed, 0, RunDirectory.export))
        assert train_again(command, database, *SETTINGS).code == 1
    again = train_again(command, database, *SETTINGS)
    assert "Resuming runs/first at step 9" in again.out
    check_equal(Path("runs/first"), unbroken)


def test_a_run_that_was_stopped_early_stays_stopped(
    command: Command, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ("training.optimizer.learning_rate=1e-12", "training.early_stopping=2", "training.max_steps=60")
    with monkeypatch.context() as patch:
        patch.setattr(RunDirectory, "export", raising(Killed, 0, RunDirectory.export))
        assert train_again(command, database, *NO_WORKERS, *settings).code == 1
    n_steps = RunDirectory(Path("runs/first")).progress()
    outcome = train_again(command, database, *NO_WORKERS, *settings)
    assert "2 validations without improvement" in outcome.out
    assert RunDirectory(Path("runs/first")).progress() == n_steps


def test_a_full_disk_leaves_the_checkpoint_before(
    command: Command, database: Path, unbroken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, data: Any) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(PlacementTraining, "training_step", raising(Killed, 5, PlacementTraining.training_step))
        train_again(command, database, *SETTINGS)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        refused(
            train_again(command, database, *SETTINGS),
            "last.ckpt: cannot be written (No space left on device)",
            "the checkpoint before it is whole",
            "run.id=first goes on",
        )
    assert train_again(command, database, *SETTINGS).code == 0
    check_equal(Path("runs/first"), unbroken)


def test_two_trainings_of_one_run(command: Command, database: Path) -> None:
    from gschnet_pyg.run.locking import locked

    with locked(RunDirectory(Path("runs/first"))):
        outcome = train_again(command, database, *SETTINGS, *TINY)
        refused(outcome, "run.id: runs/first is being trained by another process", "another id")
    assert not Path("runs/first").exists()
    assert train_again(command, database, *SETTINGS).code == 0
