"""How fast a model trains, by a clock that the test turns."""

from __future__ import annotations

from typing import Any

import pytest
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers.logger import DummyLogger

from gschnet_pyg.metric_names import THROUGHPUT
from gschnet_pyg.training import throughput
from gschnet_pyg.training.optimisation import Optimisation
from gschnet_pyg.training.throughput import Throughput
from tests.training.test_training import fit, training


class Rows(DummyLogger):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[int, dict[str, float]] = {}

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        self.rows.setdefault(step + 1, {}).update(metrics)


class Clock(Callback):
    """Half a second for every batch, an hour for every validation."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def on_train_batch_start(self, *args: Any, **kwargs: Any) -> None:
        self.now += 0.5

    def on_validation_end(self, *args: Any, **kwargs: Any) -> None:
        self.now += 3600.0


class Stop(Callback):
    def on_train_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        trainer.should_stop = trainer.global_step >= 7


def test_validations_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first batch and those after a validation begin when the clock already stands at their time."""
    clock, rows = Clock(), Rows()
    monkeypatch.setattr(throughput, "time", clock)
    options: dict[str, Any] = {"log_every_n_steps": 3, "logger": rows, "val_check_interval": 2}
    fit(training(Optimisation()), 50, [Stop(), Throughput(), clock], check_val_every_n_epoch=None, **options)
    logged = {step: row[THROUGHPUT[1]] for step, row in rows.rows.items() if THROUGHPUT[1] in row}
    assert list(logged) == [3, 6, 7]  # and where the run stops
    for step, row in rows.rows.items():
        if step in logged:
            assert row[THROUGHPUT[0]] / row[THROUGHPUT[1]] == pytest.approx(3, abs=1.0)
    assert logged[3] == pytest.approx(3 / 1.5)
    assert logged[6] == pytest.approx(3 / 1.5)


def test_training_takes_no_notice() -> None:
    plain, timed = training(Optimisation("adam", 1e-2)), training(Optimisation("adam", 1e-2))
    fit(plain, 5)
    fit(timed, 5, [Throughput()])
    for one, other in zip(plain.state_dict().values(), timed.state_dict().values(), strict=True):
        assert one.equal(other)
