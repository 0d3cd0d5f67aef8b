"""Runs that sample molecules while they train, and pick their best weights by them."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gschnet_pyg.contracts import PlacementSteps
from gschnet_pyg.data.sources import open_dataset
from gschnet_pyg.generation.sampler import Attempt, GenerationSettings
from gschnet_pyg.generation.starts import Start
from gschnet_pyg.model.gschnet import GSchNet
from gschnet_pyg.model.storage import load_model
from gschnet_pyg.run_directory import RunDirectory
from gschnet_pyg.training import sampling
from gschnet_pyg.training.metrics_file import SAMPLED
from gschnet_pyg.training.module import PlacementTraining
from gschnet_pyg.training.sampling import Sampling
from tests.integration.conftest import NO_WORKERS, SOME_STEPS, Command, refused, train, train_again

CONSTANT = ("training.schedule={kind: constant}", "training.validate_every=1", *NO_WORKERS)
EVERY_EPOCH = ("sampling={every: 1, n_molecules: 6, max_atoms: 6}", *CONSTANT)
"""Three batches make an epoch."""


def column(directory: Path, name: str) -> dict[int, float]:
    """Logged values by step, counted from 1."""
    with (directory / "metrics.csv").open() as file:
        return {int(row["step"]) + 1: float(row[name]) for row in csv.DictReader(file) if row[name]}


def losses(directory: Path) -> dict[str, Any]:
    return json.loads((directory / "losses.json").read_text())


def last_weights(directory: Path) -> list[torch.Tensor]:
    last = RunDirectory(directory).read_checkpoint("last")
    return [*last["current_model_state"].values(), *last["state_dict"].values()]


def assert_equal(one: list[torch.Tensor], other: list[torch.Tensor]) -> None:
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Shares that samplings will come out with; they are used up one by one."""
    shares: list[float] = []
    monkeypatch.setattr(Sampling, "_shares", lambda self, *args: dict.fromkeys(SAMPLED, shares.pop(0)))
    return shares


def test_molecules_are_sampled_and_logged(command: Command, database: Path) -> None:
    settings = (*CONSTANT, *SOME_STEPS, "sampling={every: 8, n_molecules: 20, max_atoms: 6}")
    outcome = train_again(command, database, *settings, "checkpoint.monitor=stable")
    assert outcome.code == 0, outcome.err
    directory = Path("runs/first")
    for name in SAMPLED:
        shares = column(directory, name)
        assert list(shares) == [24, 48, 60]
        assert all(0.0 <= share <= 1.0 for share in shares.values())
        if name != "sampled/atom_stable":
            assert all((20 * share) % 1 == pytest.approx(0.0) for share in shares.values())
    assert max(column(directory, "sampled/finished").values()) > 0.0
    lines = [line for line in outcome.out.splitlines() if line.startswith("epoch ")]
    assert [", stable " in line and "sampled 20: valid " in line for line in lines] == [
        number in (8, 16, 20) for number in range(1, 21)
    ]
    found = losses(directory)
    assert {"validation/loss", *SAMPLED, "test/loss"} <= found.keys()
    assert found["picked_by"] == "sampled/stable"
    assert "of the best weights, picked by sampled/stable:\n" in outcome.out
    assert f"  sampled/stable       {found['sampled/stable']:.4f}" in outcome.out
    # what the exported model makes is what was sampled with it
    command("generate", directory, "-n", 20, "--max-atoms", 6, "-o", "again.extxyz")
    command("report", "again.extxyz", "--json", "report.json")
    report = json.loads(Path("report.json").read_text())
    assert report["finished"] / 20 == found["sampled/finished"]
    assert report["rdkit"]["valid_unique"]["value"] == found["sampled/unique"]
    assert report["edm"]["atom_stable"]["value"] == pytest.approx(found["sampled/atom_stable"])


def test_the_run_is_the_same_with_and_without(command: Command, database: Path) -> None:
    plain = train(command, database, *CONSTANT, "training.max_steps=9", name="plain")
    sampled = train(command, database, *EVERY_EPOCH, "training.max_steps=9", name="sampled")
    assert_equal(last_weights(plain), last_weights(sampled))
    assert losses(sampled)["picked_by"] == losses(plain)["picked_by"] == "validation/loss"
    same = ("validation/loss", "test/loss")
    assert [losses(sampled)[name] for name in same] == [losses(plain)[name] for name in same]
    assert column(plain, "validation/loss") == column(sampled, "validation/loss")


@pytest.mark.parametrize("monitor", ["valid", "unique", "stable"])
def test_the_best_weights_are_those_of_the_best_sampling(
    command: Command, database: Path, scripted: list[float], monitor: str
) -> None:
    """Validations fall between samplings, and the loss falls all the time."""
    scripted[:] = [0.25, 0.75, 0.5, 0.75]
    settings = (*EVERY_EPOCH, f"checkpoint.monitor={monitor}", "training.validate_every=0.34", "training.max_steps=12")
    directory = train(command, database, *settings)
    assert list(column(directory, "validation/loss")) == list(range(1, 13))
    assert column(directory, f"sampled/{monitor}") == {3: 0.25, 6: 0.75, 9: 0.5, 12: 0.75}
    stored = RunDirectory(directory)
    assert stored.read_checkpoint("best")["global_step"] == 6  # the first of equals
    assert stored.read_checkpoint("last")["global_step"] == 12
    whole = column(directory, "validation/loss")
    assert whole[12] < whole[6]
    assert losses(directory)["validation/loss"] == pytest.approx(whole[6])
    assert losses(directory)["sampled/valid"] == 0.75
    best = stored.read_checkpoint("best")["state_dict"]
    for name, weight in load_model(stored.model_file).state_dict().items():
        assert torch.equal(weight, best[f"model.{name}"])


def test_the_lowest_loss_may_have_had_no_sampling(command: Command, database: Path, scripted: list[float]) -> None:
    scripted[:] = [0.5]
    still = ("training.optimizer={kind: adam, learning_rate: 1e-30}", "training.max_epochs=2")
    directory = train(command, database, *CONSTANT, *still, "sampling.every=2")
    assert list(column(directory, "sampled/valid")) == [6]
    assert not set(SAMPLED) & losses(directory).keys()  # the first validation is as good as any


def test_early_stopping_waits_for_better_molecules(command: Command, database: Path, scripted: list[float]) -> None:
    scripted[:] = [0.1, 0.4, 0.4, 0.3, 0.9]
    settings = (*EVERY_EPOCH, "checkpoint.monitor=valid", "training.early_stopping=2", "training.validate_every=0.34")
    directory = train(command, database, *settings)
    assert list(column(directory, "sampled/valid")) == [3, 6, 9, 12]
    assert max(column(directory, "validation/loss")) == 12


def test_early_stopping_by_the_loss_ends_with_a_sampling(
    command: Command, database: Path, scripted: list[float]
) -> None:
    scripted[:] = [0.1]
    still = ("training.optimizer={kind: adam, learning_rate: 1e-30}", "training.early_stopping=2")
    directory = train(command, database, *CONSTANT, *still, "sampling.every=50")
    assert list(column(directory, "sampled/valid")) == [9]


def test_samplings_go_on_where_they_stopped(command: Command, database: Path, scripted: list[float]) -> None:
    settings = (*CONSTANT, "sampling.every=2", "checkpoint.monitor=valid")
    scripted[:] = [0.1, 0.6, 0.4]
    train(command, database, *settings, "training.max_steps=15")
    assert losses(Path("runs/first"))["sampled/valid"] == 0.6
    scripted[:] = [0.5, 0.3]  # better than the last one, not than the best
    directory = train(command, database, *settings, "training.max_steps=20")
    assert list(column(directory, "sampled/valid")) == [6, 12, 15, 18, 20]
    assert losses(directory)["sampled/valid"] == 0.6
    assert RunDirectory(directory).read_checkpoint("best")["global_step"] == 12


def test_another_monitor_starts_the_comparison_anew(command: Command, database: Path, scripted: list[float]) -> None:
    """A share of 0.1 is no loss, and none is compared with one."""
    train(command, database, *CONSTANT, "training.max_steps=6")
    (scripted[:], more) = ([0.2, 0.1], (*CONSTANT, "sampling.every=1", "checkpoint.monitor=valid"))
    outcome = train_again(command, database, *more, "training.max_steps=12")
    assert outcome.code == 0, outcome.err
    assert "Note: checkpoint.monitor was loss until now; the best weights are picked anew" in outcome.err
    stored = RunDirectory(Path("runs/first"))
    assert stored.read_checkpoint("best")["global_step"] == 9
    assert losses(stored.path)["picked_by"] == "sampled/valid"

    outcome = train_again(command, database, *CONSTANT, "training.max_steps=15")
    assert "Note: checkpoint.monitor was valid until now" in outcome.err
    assert stored.read_checkpoint("best")["global_step"] == 15
    assert losses(stored.path)["picked_by"] == "validation/loss"
    # nothing is left to be done: the best weights stay what they were picked by
    outcome = train_again(command, database, *more, "training.max_steps=15")
    assert outcome.code == 0, outcome.err
    assert losses(stored.path)["picked_by"] == "validation/loss"


@pytest.mark.parametrize("every", [1, 0.34])
def test_an_interrupted_sampling_changes_nothing(
    command: Command, database: Path, monkeypatch: pytest.MonkeyPatch, every: float
) -> None:
    """The averaged weights are in place of the current ones then; the run goes on with the current ones."""
    settings = (*EVERY_EPOCH, "checkpoint.monitor=valid", f"training.validate_every={every}", "training.max_steps=9")
    whole = train(command, database, *settings, name="whole")
    plain, calls = sampling.generate, itertools.count()

    def interrupted(*arguments: Any) -> Iterator[Attempt]:
        attempts = plain(*arguments)
        if next(calls) == 1:
            next(attempts)
            raise KeyboardInterrupt
        yield from attempts

    monkeypatch.setattr(sampling, "generate", interrupted)
    outcome = train_again(command, database, *settings, name="pieces")
    assert outcome.code == 130
    assert "Interrupted. The same command with run.id=pieces goes on where it stopped." in outcome.err
    pieces = train(command, database, *settings, name="pieces")
    assert_equal(last_weights(whole), last_weights(pieces))
    taken = list(column(pieces, "sampled/valid"))
    assert taken == [3, 6, 9]  # the one that was interrupted is made up for at once
    assert taken == list(column(whole, "sampled/valid"))


def test_an_interrupt_in_the_only_sampling_of_a_run(
    command: Command, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last weights are all there are, until the run goes on with that sampling."""

    def interrupted(*arguments: Any) -> Iterator[Attempt]:
        raise KeyboardInterrupt

    settings = (*CONSTANT, "sampling.every=9", "checkpoint.monitor=valid", "training.max_steps=6")
    with monkeypatch.context() as patched:
        patched.setattr(sampling, "generate", interrupted)
        assert train_again(command, database, *settings).code == 130
    stored = RunDirectory(Path("runs/first"))
    assert not stored.checkpoint("best").exists()
    assert command("generate", stored.path, "-n", 2, "--max-atoms", 3, "-o", "some.extxyz").code == 0
    outcome = train_again(command, database, *settings)
    assert outcome.code == 0, outcome.err
    assert losses(stored.path)["picked_by"] == "sampled/valid"
    assert losses(stored.path)["validation/loss"] == pytest.approx(column(stored.path, "validation/loss")[6])
    assert list(column(stored.path, "sampled/valid")) == [6]
    last = stored.read_checkpoint("last")["state_dict"]
    for name, weight in load_model(stored.model_file).state_dict().items():
        assert torch.equal(weight, last[f"model.{name}"])


def test_an_interrupted_validation_changes_nothing(
    command: Command, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = (*CONSTANT, "training.max_steps=9")
    whole = train(command, database, *settings, name="whole")
    plain_step, calls = PlacementTraining.validation_step, itertools.count()

    def interrupted(self: PlacementTraining, steps: PlacementSteps, batch_idx: int) -> None:
        if next(calls) == 1:
            raise KeyboardInterrupt
        plain_step(self, steps, batch_idx)

    monkeypatch.setattr(PlacementTraining, "validation_step", interrupted)
    assert train_again(command, database, *settings, name="pieces").code == 130
    pieces = train(command, database, *settings, name="pieces")
    assert_equal(last_weights(whole), last_weights(pieces))


def test_an_older_run_gets_the_new_columns(command: Command, database: Path) -> None:
    directory = train(command, database, *CONSTANT, "training.max_steps=3")
    with (directory / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    with (directory / "metrics.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [name for name in rows[0] if name not in SAMPLED], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    before = column(directory, "validation/loss")
    train(command, database, *EVERY_EPOCH, "training.max_steps=6")
    assert column(directory, "validation/loss").items() >= before.items()
    assert list(column(directory, "sampled/finished")) == [6]


def test_targets_are_those_of_validation_molecules(
    command: Command, measured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[np.ndarray] = []

    def watched(
        model: GSchNet, settings: GenerationSettings, starts: Sequence[Start], *others: Any
    ) -> Iterator[Attempt]:
        asked.append(np.array([start.conditions["gap"] for start in starts]))
        assert all(start.conditions["composition"].shape == (5,) for start in starts)
        return plain(model, settings, starts, *others)

    plain = sampling.generate
    monkeypatch.setattr(sampling, "generate", watched)
    conditions = "conditions=[{kind: scalar, property: gap}, {kind: composition}]"
    for name, n_molecules, seed in (("few", 5, 0), ("other", 5, 1), ("many", 11, 0)):
        sampled = f"sampling={{every: 1, n_molecules: {n_molecules}, max_atoms: 4, seed: {seed}}}"
        train(command, measured, *CONSTANT, conditions, sampled, "training.max_steps=6", name=name)
    few, again, other, _, many, _ = asked
    np.testing.assert_array_equal(few, again)
    assert few.shape == (5, 1)
    assert many.shape == (8, 1)  # all there are, which go round
    assert few[:, 0].tolist() != other[:, 0].tolist()
    molecules = open_dataset(measured, properties=["gap"])
    validation = np.isin(molecules.ids, np.load("runs/many/split.npz")["validation"])
    gaps = molecules.properties["gap"].values[validation, 0]
    assert sorted(many[:, 0].tolist()) == pytest.approx(sorted(gaps.tolist()))
    assert set(few[:, 0].tolist()) < set(many[:, 0].tolist())


def test_a_monitor_needs_samplings(command: Command, database: Path) -> None:
    refused(train_again(command, database, "checkpoint.monitor=valid"), "checkpoint", "sampling.every=5")
    settings = ("sampling.every=1", "growth.fragment_share=0.5")
    refused(train_again(command, database, *settings), "sampling: cannot start without a substructure", "sampling=null")
    assert not Path("runs").exists()
