"""Where a loss is no number any more, training stops, and the batch is kept for a look at it."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from gschnet_pyg.contracts import PlacementSteps
from gschnet_pyg.data.datamodule import FILLER, MoleculeDataModule
from gschnet_pyg.errors import ModelError
from gschnet_pyg.files import replace_file
from gschnet_pyg.processes import ALONE, Processes
from gschnet_pyg.training.module import PlacementTraining

FAILED_BATCH = "failed_batch.npz"
"""Name of the file, in a run directory."""

_NAMED = 10
"""Molecules that a message names at most; the file has all."""


class FiniteNumbers(Callback):
    """Stop where the loss of a step or the norm of its gradient is not a finite number, and store the batch.

    On a CPU that is before the step changes a weight. Nobody waits for the numbers of an accelerator: they are looked
    at when the next step is on its way, and before a validation begins or a checkpoint is written, so that none is
    ever written with weights that are lost. Several processes share the numbers of a batch, and stop at the same step.

    Args:
        path: ``.npz`` to write.
        processes: that train together.
    """

    def __init__(self, path: Path, processes: Processes = ALONE) -> None:
        self.path, self.processes = path, processes
        self._molecules = np.empty((2, 0), dtype=np.int64)  # ids and seeds of this process's share of the batch
        self._waiting: _Step | None = None
        self._on_interrupt: Any = signal.SIG_DFL

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Nothing waits from an earlier fit."""
        self._waiting, self._on_interrupt = None, signal.getsignal(signal.SIGINT) or signal.SIG_DFL

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: PlacementSteps, batch_idx: int
    ) -> None:
        """Take note of the molecules."""
        n_own = 0 if FILLER in batch else batch.n_molecules
        self._molecules = np.stack([batch.ids[:n_own], batch.seeds[:n_own]])

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Look at the numbers of this step, or of the one before."""
        assert isinstance(pl_module, PlacementTraining)
        assert pl_module.loss is not None
        gradients = [weight.grad for weight in pl_module.parameters() if weight.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        numbers = torch.stack([*pl_module.loss[:3], norm])
        step = _Step(trainer.global_step + 1, trainer.current_epoch, self._molecules, _Numbers(numbers))
        if _is_immediate(pl_module.device):
            self._check(step, trainer)
        else:
            self._check(self._waiting, trainer)
            self._waiting = step

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the last step."""
        self._check_waiting(trainer)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Look at the last step."""
        self._check_waiting(trainer)

    def _check_waiting(self, trainer: Trainer) -> None:
        step, self._waiting = self._waiting, None
        self._check(step, trainer)

    def _check(self, step: _Step | None, trainer: Trainer) -> None:
        """Go on if the numbers of a step are finite.

        Raises:
            ModelError: if they are not, when the batch has been stored.
        """
        if step is not None and not all(map(math.isfinite, step.numbers.read())):
            self._fail(step, trainer)

    def _fail(self, step: _Step, trainer: Trainer) -> NoReturn:
        """Store the batch, and say so in all processes, none of which ends before it lies there."""
        ids, seeds = np.concatenate(self.processes.gathered(step.molecules), axis=1)
        if self.processes.is_first:
            _store(self.path, trainer.datamodule, ids, seeds, step)  # type: ignore[attr-defined]
        self.processes.shared(None)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self._on_interrupt)  # Lightning ignores them where this happens in one
        loss, *_, norm = step.numbers.read()
        of_gradient = f"the norm of the gradient is {norm}, with a loss of {loss:.4g}"
        what = of_gradient if math.isfinite(loss) else f"the loss is {loss}"
        raise ModelError(
            f"step {step.number:,}: {what}; lower training.optimizer.learning_rate (in a run with another id) or set "
            f"training.gradient_clip, and look at the batch, {_listed(ids)}, in {self.path}"
        )


@dataclass(frozen=True)
class _Step:
    """One step.

    Attributes:
        number: from 1.
        epoch: from 0.
        molecules: ``[2, M]`` ids and seeds of this process's share.
        numbers: loss, its two terms, and the norm of its gradient.
    """

    number: int
    epoch: int
    molecules: np.ndarray
    numbers: _Numbers


class _Numbers:
    """Numbers on their way from an accelerator, which goes on meanwhile."""

    def __init__(self, values: Tensor) -> None:
        self._values = values.detach().to("cpu", non_blocking=True)
        self._arrival = None if values.device.type == "cpu" else torch.Event(device=values.device)
        if self._arrival is not None:
            self._arrival.record()

    def read(self) -> list[float]:
        """The numbers; waits until they have arrived."""
        if self._arrival is not None:
            self._arrival.synchronize()
        numbers: list[float] = self._values.tolist()
        return numbers


def _is_immediate(device: torch.device) -> bool:
    """Whether to look at a number takes no time."""
    return device.type == "cpu"


def _listed(ids: Sequence[int] | np.ndarray) -> str:
    named = ", ".join(str(number) for number in ids[:_NAMED])
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return f"molecules {named}{more}" if len(ids) > 1 else f"molecule {named}"


def _store(path: Path, batches: MoleculeDataModule, ids: np.ndarray, seeds: np.ndarray, step: _Step) -> None:
    """Write the molecules of a batch as plain arrays; also a file of molecules that this package reads."""
    dataset = batches.dataset
    order = np.argsort(dataset.ids)
    rows = order[np.searchsorted(dataset.ids, ids, sorter=order)]
    molecules = [dataset[row] for row in rows.tolist()]
    sizes = np.array([len(molecule.z) for molecule in molecules])
    loss, of_type, of_distance, norm = step.numbers.read()
    arrays: dict[str, Any] = {
        "ids": ids,
        "n_atoms": sizes,
        "z": np.concatenate([molecule.z.numpy() for molecule in molecules]),
        "pos": np.concatenate([molecule.pos.numpy() for molecule in molecules]),
        "offsets": np.concatenate([[0], np.cumsum(sizes)]),
        "seeds": seeds,
        "step": step.number,
        "epoch": step.epoch,
        "loss": loss,
        "loss_type": of_type,
        "loss_distance": of_distance,
        "gradient_norm": norm,
        **{f"condition_{name}": dataset.properties[name].values[rows] for name in batches.collate.conditions},
    }
    with replace_file(path) as temporary:
        np.savez(temporary, **arrays)
