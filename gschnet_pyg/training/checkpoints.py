"""Checkpoints to go on from: whole files, from which a resumed run takes the very steps that an unbroken one does."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch import Callback, LightningModule, Trainer

from gschnet_pyg.errors import ModelError
from gschnet_pyg.files import replace_file
from gschnet_pyg.processes import ALONE, Processes


class WholeCheckpoints(TorchCheckpointIO):
    """Writes checkpoints beside their place, and puts them there when they are on the disk."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Write a checkpoint, or leave the one that is there.

        Raises:
            ModelError: if it cannot be written.
        """
        path, content = Path(path), io.BytesIO()  # a full disk is no matter for torch's writer
        torch.save(checkpoint, content)
        try:
            with replace_file(path) as temporary:
                temporary.write_bytes(content.getbuffer())
        except OSError as error:
            raise ModelError(
                f"{path}: cannot be written ({error.strerror or error}); the checkpoint before it is whole: free some "
                f"space or make the folder writable, then the same command with run.id={path.parent.parent.name} goes "
                "on from there"
            ) from error


class SaveBetween(Callback):
    """Keeps the last checkpoint up to date between validations, and begins a resumed run with what was left to do.

    It is written before each validation, where some time has passed since it was, and where the user interrupts the
    training. In the list of callbacks, it stands behind all that change with a batch.

    Args:
        path: of the last checkpoint.
        every_minutes: the time; none does without.
        processes: that train together.
    """

    def __init__(self, path: Path, every_minutes: float | None, processes: Processes = ALONE) -> None:
        self.path, self.every_minutes, self.processes = path, every_minutes, processes
        self._saved_at, self._saved_step = time.monotonic(), -1
        self._is_validation_ahead = False

    def state_dict(self) -> dict[str, Any]:
        """Kept in checkpoints."""
        return {"is_validation_ahead": self._is_validation_ahead}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Of a checkpoint."""
        self._is_validation_ahead = state_dict["is_validation_ahead"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Validate, where the checkpoint was written before a validation."""
        self._saved_at, self._saved_step = time.monotonic(), trainer.global_step
        loop = trainer.fit_loop.epoch_loop
        if self._is_validation_ahead:
            trainer.validating = True
            loop.val_loop.run()
            trainer.training = True
            loop.val_loop._has_run = False  # or Lightning finds nothing left to do in this epoch, nor in any other
        if trainer.global_step and not _is_boundary(trainer) and loop.restarted_on_last:
            loop._batches_that_stepped = trainer.global_step  # else Lightning's log counts the last step twice

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Called before the first batch of a validation."""
        if not trainer.sanity_checking and not self._is_validation_ahead:
            self._is_validation_ahead = True
            self._save(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Others write all checkpoints after it."""
        self._is_validation_ahead = False
        self._saved_at, self._saved_step = time.monotonic(), trainer.global_step

    def on_train_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Called after every batch."""
        if self.every_minutes is None or _is_boundary(trainer):
            return
        if self.processes.largest(time.monotonic() - self._saved_at) >= 60 * self.every_minutes:
            self._save(trainer)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Called before Lightning lets go."""
        is_kept = trainer.validating or trainer.global_step in (0, self._saved_step)
        if not isinstance(exception, KeyboardInterrupt) or is_kept:
            return
        # the batch that was begun was not taken; otherwise Lightning's next validation comes one step early
        trainer.fit_loop.epoch_loop.batch_progress.total.reset_on_restart()
        self._save(trainer)

    def _save(self, trainer: Trainer) -> None:
        trainer.save_checkpoint(self.path)
        self._saved_at, self._saved_step = time.monotonic(), trainer.global_step


def _is_boundary(trainer: Trainer) -> bool:
    """Whether an epoch or the training ends with the last batch, or a validation belongs behind it."""
    loop = trainer.fit_loop.epoch_loop
    is_validated = loop.batch_progress.total.ready % int(trainer.val_check_batch or 1) == 0
    is_last = loop.batch_progress.current.ready >= trainer.num_training_batches
    return bool(trainer.should_stop or is_validated or is_last)
