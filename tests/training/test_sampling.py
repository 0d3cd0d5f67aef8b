"""Molecules sampled at validations: when, with which weights, and what is logged of them."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping

from gschnet_pyg.contracts import Verdict
from gschnet_pyg.generation.sampler import Attempt
from gschnet_pyg.generation.settings import GenerationSettings
from gschnet_pyg.model.gschnet import GSchNet
from gschnet_pyg.processes import Processes
from gschnet_pyg.training import sampling
from gschnet_pyg.training.callbacks import AveragedWeights, OrderlyInterrupt
from gschnet_pyg.training.metrics_file import SAMPLED
from gschnet_pyg.training.optimisation import Optimisation
from gschnet_pyg.training.sampling import Sampling, sampled_rates
from tests.molecules import coordinates
from tests.training.test_training import fit, training

FEW = GenerationSettings(5, max_atoms=4, grid_spacing=0.2)


class Seen(Callback):
    """Steps of all validations, and what stands in the metrics after them."""

    def __init__(self) -> None:
        self.valid: dict[int, float | None] = {}

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        metrics = trainer.callback_metrics
        self.valid[trainer.global_step] = float(metrics["sampled/valid"]) if "sampled/valid" in metrics else None


class Scripted(Sampling):
    """Samplings that come out as they should, for epochs of two steps."""

    def __init__(self, valid: Sequence[float] = (), every: int = 1) -> None:
        super().__init__(FEW, every, steps_per_epoch=2)
        self.valid = iter(valid) if valid else None
        self.n_taken = 0

    def _shares(self, *args: Any) -> dict[str, float]:
        self.n_taken += 1
        return dict.fromkeys(SAMPLED, next(self.valid) if self.valid is not None else self.n_taken / 100)


@pytest.mark.parametrize(
    ("every", "interval", "n_steps", "sampled"),
    [
        (1, 2, 6, [2, 4, 6]),
        (2, 2, 8, [4, 8]),
        (2, 2, 7, [4, 7]),  # and the last one
        (1, 1, 4, [2, 4]),
        (1, 3, 9, [3, 6, 9]),  # validations in the middle of an epoch
        (5, 2, 6, [6]),
    ],
)
def test_epochs_are_followed_by_samplings(every: int, interval: int, n_steps: int, sampled: list[int]) -> None:
    seen = Seen()
    options = {"val_check_interval": interval, "check_val_every_n_epoch": None}
    fit(training(Optimisation()), n_steps, [Scripted(every=every), seen], **options)
    taken = [step for step, valid in seen.valid.items() if valid is not None]
    assert taken == sampled
    # nothing old is left where none was taken
    assert [seen.valid[step] for step in taken] == [pytest.approx((number + 1) / 100) for number in range(len(taken))]


def test_early_stopping_counts_samplings_alone() -> None:
    seen = Seen()
    stopping = EarlyStopping("sampled/valid", patience=2, mode="max", strict=False)
    options = {"val_check_interval": 2, "check_val_every_n_epoch": None}
    callbacks = [Scripted([0.1, 0.3, 0.2, 0.3, 0.9], every=2), stopping, seen]
    trainer = fit(training(Optimisation()), 40, callbacks, **options)
    assert trainer.global_step == 16  # four samplings of every second validation
    assert list(seen.valid.values()) == [None, 0.1, None, 0.3, None, 0.2, None, 0.3]


def test_averaged_weights_make_the_molecules(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[torch.Tensor] = []

    def watched(model: GSchNet, *args: Any) -> Iterator[Attempt]:
        used.append(model.type_head[0].weight.clone())
        return iter(())

    monkeypatch.setattr(sampling, "generate", watched)
    plain, averaged = training(Optimisation("adam", 1e-2)), training(Optimisation("adam", 1e-2))
    fit(plain, 12)
    fit(averaged, 12, [AveragedWeights(0.99), Sampling(FEW, 100, 2)])  # leaves the average in the model
    (weight,) = used
    assert torch.equal(weight, averaged.model.type_head[0].weight)
    assert not torch.allclose(weight, plain.model.type_head[0].weight)


@pytest.mark.parametrize("optimisation", [Optimisation("adam", 1e-2), Optimisation("adam", 1e-2, precision="bfloat16")])
def test_training_takes_no_notice(optimisation: Optimisation) -> None:
    """The molecules of real samplings leave no trace in the weights, nor in the states that draw trajectories."""
    weights, metrics = [], []
    for callbacks in ([AveragedWeights(0.9)], [AveragedWeights(0.9), Sampling(FEW, 1, 2)]):
        module = training(optimisation)
        metrics.append(fit(module, 9, callbacks).callback_metrics)
        weights.append([*module.state_dict().values(), torch.rand(4)])
    assert all(torch.equal(first, second) for first, second in zip(*weights, strict=True))
    assert not set(SAMPLED) & metrics[0].keys()
    assert set(SAMPLED) <= metrics[1].keys()
    assert all(0.0 <= float(metrics[1][name]) <= 1.0 for name in SAMPLED)
    assert torch.equal(metrics[0]["validation/loss"], metrics[1]["validation/loss"])


def verdict(smiles: str | None, n_atoms: int = 4, n_stable: int = 4) -> Verdict:
    return Verdict("X", smiles, None if smiles else "radical", n_atoms, n_stable, smiles)


def test_shares_are_of_the_molecules_asked_for() -> None:
    verdicts = [verdict("C"), verdict("C"), verdict("CC", n_stable=2), verdict(None, n_atoms=8, n_stable=6)]
    rates = sampled_rates(verdicts, 10)
    assert tuple(rates) == SAMPLED
    counts = {name.removeprefix("sampled/"): (rate.count, rate.of) for name, rate in rates.items()}
    assert counts == {
        "valid": (3, 10),
        "unique": (2, 10),
        "stable": (2, 10),
        "atom_stable": (16, 20),
        "edm_valid": (3, 10),
        "finished": (4, 10),
    }
    assert {rate.value for rate in sampled_rates([], 10).values()} == {0.0}


class Twins(Processes):
    """Two processes that find the same, as seen by one of them."""

    def gathered(self, value: Any) -> list[Any]:
        return [value, value]

    def largest(self, value: float) -> float:
        return value


def test_what_two_processes_find_is_unique_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[int]] = []

    def methanes(*args: Any) -> Iterator[Attempt]:
        asked.append(list(args[-1]))
        return (Attempt(number, *coordinates("C"), is_finished=number != 3) for number in args[-1])

    monkeypatch.setattr(sampling, "generate", methanes)
    eight = replace(FEW, n_molecules=8)
    trainer = fit(training(Optimisation()), 1, [Sampling(eight, 1, 2, processes=Twins(rank=1, size=2))])
    assert asked == [[1, 3, 5, 7]]
    found = {name: float(trainer.callback_metrics[f"sampled/{name}"]) for name in ("finished", "valid", "unique")}
    assert found == {"finished": 6 / 8, "valid": 6 / 8, "unique": 1 / 8}


@pytest.fixture
def interrupts_as_before() -> Iterator[None]:
    """Lightning ignores further ones once it was interrupted."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts_as_before")
def test_an_interrupt_of_another_process_ends_a_sampling(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is noticed while molecules are made, and the weights that training goes on with are in their place."""
    interrupts, looks = OrderlyInterrupt(Twins(size=2)), itertools.count(1)

    def endless(*args: Any) -> Iterator[Attempt]:
        *_, on_step, numbers = args
        assert len(numbers) == 500
        while True:
            on_step(None)
            interrupts.asked = signal.SIGINT if next(looks) == 3 else None
            yield from ()

    monkeypatch.setattr(sampling, "generate", endless)
    monkeypatch.setattr(sampling, "_INTERVAL", 0.0)
    plain, module = training(Optimisation("adam", 1e-2)), training(Optimisation("adam", 1e-2))
    fit(plain, 2)
    many = replace(FEW, n_molecules=1000)
    with pytest.raises(SystemExit):
        fit(module, 2, [interrupts, AveragedWeights(0.99), Sampling(many, 1, 2, processes=Twins(size=2))])
    assert next(looks) == 4
    assert torch.equal(module.model.type_head[0].weight, plain.model.type_head[0].weight)


class Behind(Twins):
    """Beside a process that is busy for three more looks."""

    n_looks = 0

    def largest(self, value: float) -> float:
        Behind.n_looks += 1
        return max(value, float(Behind.n_looks <= 3))


def test_processes_wait_for_each_other_and_look_on() -> None:
    processes = Behind(size=2)
    sampler = Sampling(replace(FEW, n_molecules=0), 1, 2, processes=processes)
    assert sampler._attempts(training(Optimisation()), OrderlyInterrupt(processes)) == []
    assert Behind.n_looks == 4
