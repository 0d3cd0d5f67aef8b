"""How fast a model trains."""

from __future__ import annotations

import time
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from gschnet_pyg.contracts import PlacementSteps
from gschnet_pyg.metric_names import THROUGHPUT


class Throughput(Callback):
    """Log molecules and optimisation steps per second, wherever Lightning logs the losses of a step.

    Both are means since they were last logged, of the time in which batches are made and learnt from; validations,
    samplings and checkpoints are no part of it. Several processes log what they do together. In the list of
    callbacks, it stands after those that stop the run.
    """

    def __init__(self) -> None:
        self._molecules = self._steps = 0
        self._seconds = 0.0
        self._since: float | None = None  # none after an interruption: the clock goes on with the next batch

    def on_train_batch_start(self, *args: Any, **kwargs: Any) -> None:
        """Called before every batch."""
        if self._since is None:
            self._since = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: PlacementSteps, batch_idx: int
    ) -> None:
        """Called after every batch, before what was logged in it is passed on."""
        now = time.perf_counter()
        assert self._since is not None
        self._seconds += now - self._since
        self._since = now
        self._steps += 1
        self._molecules += batch.n_molecules * trainer.world_size
        if trainer.should_stop or trainer.global_step % trainer.log_every_n_steps == 0:  # type: ignore[attr-defined]
            seconds = max(self._seconds, 1e-9)
            rates = (self._molecules / seconds, self._steps / seconds)
            pl_module.log_dict(dict(zip(THROUGHPUT, rates, strict=True)), batch_size=batch.n_molecules)
            self._molecules = self._steps = 0
            self._seconds = 0.0

    def on_validation_start(self, *args: Any, **kwargs: Any) -> None:
        """The clock stops."""
        self._since = None
