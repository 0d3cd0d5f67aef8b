"""Runs that are stopped, interrupted and resumed."""

from __future__ import annotations

import csv
import itertools
import json
import signal
from pathlib import Path

import pytest
import torch

from gschnet_pyg.contracts import PlacementSteps
from gschnet_pyg.model.storage import load_model
from gschnet_pyg.run_directory import RunDirectory
from gschnet_pyg.training.module import PlacementTraining
from tests.integration.conftest import Command, refused, train, train_again, write_measured


@pytest.mark.parametrize("limit", ["training.max_epochs=2", "training.max_steps=2", "training.max_minutes=0.001"])
def test_every_limit_ends_with_a_validation(command: Command, database: Path, limit: str) -> None:
    directory = train(command, database, limit, "training.validate_every=7")
    assert (directory / "model.safetensors").is_file()
    assert len(json.loads((directory / "losses.json").read_text())) == 5


def test_a_training_says_why_it_ended_and_where_it_goes_on(command: Command, database: Path) -> None:
    limits = {
        "training.max_epochs=2": "6 steps: training.max_epochs=2 was reached",
        "training.max_steps=8": "8 steps: training.max_steps=8 was reached",
        "training.max_minutes=0.0001": "9 steps: training.max_minutes=0.0001 was reached",
    }
    at, frozen = None, "training.optimizer.learning_rate=1e-12"
    for limit, reason in limits.items():
        outcome = train_again(command, database, frozen, limit)
        begins = "Training runs/first: " if at is None else f"Resuming runs/first at step {at}: "
        assert outcome.out.startswith(begins)
        assert f"\nEnded after {reason}.\n" in outcome.out
        at = reason[0]
    outcome = train_again(command, database, frozen, "training.early_stopping=2", name="second")
    assert ": 2 validations without improvement, training.early_stopping=2.\n" in outcome.out
    outcome = train_again(command, database, frozen, "training.early_stopping=5", name="second")
    assert ": 5 validations without improvement, training.early_stopping=5.\n" in outcome.out


def weights_of(directory: Path) -> dict[str, torch.Tensor]:
    return load_model(directory / "model.safetensors").state_dict()


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


def test_an_existing_id_resumes(command: Command, database: Path) -> None:
    directory = train(command, database, "training.max_steps=6")
    early = weights_of(directory)
    directory = train(command, database, "training.max_steps=60")
    late = weights_of(directory)
    assert not equal(early, late)
    with (directory / "metrics.csv").open() as file:
        steps = [int(row["step"]) for row in csv.DictReader(file) if row["validation/loss"]]
    assert steps == sorted(steps)
    assert steps[-1] == 59  # Lightning counts from 0

    outcome = train_again(command, database, "training.max_steps=60")
    assert outcome.code == 0
    assert outcome.out.startswith("Resuming ")
    assert equal(late, weights_of(directory))

    for change in ("cutoffs.model=8", "training.optimizer.learning_rate=1"):
        outcome = train_again(command, database, change)
        assert outcome.code == 2
        assert f"{change.rpartition('.')[0]}: differs from" in outcome.err


def test_stopping_and_resuming_in_mid_epoch_changes_nothing(command: Command, database: Path) -> None:
    """Three batches make an epoch; a run that stops after four goes on with the molecules that were left."""
    constant = "training.schedule={kind: constant}"
    whole = train(command, database, constant, "training.max_steps=8", name="whole")
    for steps in (4, 5, 8):
        pieces = train(command, database, constant, f"training.max_steps={steps}", name="pieces")
    last = [RunDirectory(path).read_checkpoint("last") for path in (whole, pieces)]
    assert equal(last[0]["current_model_state"], last[1]["current_model_state"])
    assert equal(last[0]["state_dict"], last[1]["state_dict"])


def test_an_interrupted_run_goes_on_where_it_stopped(
    command: Command, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ("training.schedule={kind: constant}", "training.max_steps=8")
    whole = train(command, database, *settings, name="whole")
    plain_step, calls = PlacementTraining.training_step, itertools.count()

    def interrupted_step(self: PlacementTraining, steps: PlacementSteps, batch_idx: int) -> torch.Tensor:
        if next(calls) == 4:  # in the middle of the second epoch
            raise KeyboardInterrupt
        return plain_step(self, steps, batch_idx)

    monkeypatch.setattr(PlacementTraining, "training_step", interrupted_step)
    on_interrupt = signal.getsignal(signal.SIGINT)
    outcome = train_again(command, database, *settings, name="pieces")
    assert outcome.code == 130
    assert signal.getsignal(signal.SIGINT) is on_interrupt
    assert "Interrupted. The same command with run.id=pieces goes on where it stopped." in outcome.err
    pieces = train(command, database, *settings, name="pieces")
    last = [RunDirectory(path).read_checkpoint("last") for path in (whole, pieces)]
    assert equal(last[0]["current_model_state"], last[1]["current_model_state"])


def test_a_run_goes_on_with_the_same_values_only(command: Command, measured: Path) -> None:
    """Atoms, ids and recipe are the same; what the model was learning from has changed."""
    conditions = (
        "properties.relative_atomic_energy={energy: energy}",
        "conditions=[{kind: scalar, property: gap},{kind: scalar, property: relative_atomic_energy}]",
    )
    directory = train(command, measured, *conditions, "training.max_steps=2")
    before, original = (directory / "split.npz").read_bytes(), measured.read_bytes()
    for name, is_read in (("gap", True), ("energy", True), ("dipole_vector", False)):
        measured.unlink()
        write_measured(measured, **{name: 1.5})
        outcome = train_again(command, measured, *conditions, "training.max_steps=4")
        if is_read:
            refused(outcome, "measured.db: gap, relative_atomic_energy changed since", "another id")
        else:
            assert outcome.code == 0, outcome.err
    measured.write_bytes(original)
    assert train_again(command, measured, *conditions, "training.max_steps=6").out.startswith("Resuming ")
    assert (directory / "split.npz").read_bytes() == before


def test_a_run_goes_on_with_the_same_noise(command: Command, database: Path) -> None:
    noise = ("training.position_noise=0.1", "training.origin_noise=0.1")
    constant = "training.schedule={kind: constant}"
    whole = train(command, database, *noise, constant, "training.max_steps=6", name="whole")
    for steps in (4, 6):
        pieces = train(command, database, *noise, constant, f"training.max_steps={steps}", name="pieces")
    last = [RunDirectory(path).read_checkpoint("last")["state_dict"] for path in (whole, pieces)]
    assert equal(*last)
    for part in ("training.position_noise", "training.origin_noise"):
        outcome = train_again(command, database, *noise, constant, f"{part}=0.2", name="pieces")
        refused(outcome, f"{part}: differs from")
