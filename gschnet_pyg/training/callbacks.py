"""What happens around the training steps: averaged weights, limits, interrupts, a line after every validation."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NoReturn

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, Timer, WeightAveraging
from lightning.pytorch.trainer.states import RunningStage
from torch import Tensor

from gschnet_pyg.processes import ALONE, Processes


class AveragedWeights(WeightAveraging):
    """Exponential moving average with warm-up, ``min(decay, (t + 1) / (t + 20))`` after t updates.

    The averaged weights are validated and exported. In the list of callbacks, it stands before those that save
    checkpoints when something goes wrong.
    """

    def __init__(self, decay: float) -> None:
        def average(averaged: Tensor, current: Tensor, n_averaged: Tensor) -> Tensor:
            share = (1 - (n_averaged + 1) / (n_averaged + 20)).clamp(min=1 - decay)
            if not averaged.is_floating_point():  # tables of numbers do not change
                return current
            return averaged.lerp(current, share.to(averaged.dtype))

        super().__init__(avg_fn=average)
        self._is_in_use = False

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the averaged weights in place of the current ones."""
        super().on_validation_epoch_start(trainer, pl_module)
        self._is_in_use = True

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the current weights back."""
        super().on_validation_epoch_end(trainer, pl_module)
        self._is_in_use = False

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Put the current weights back where a validation is cut short: a checkpoint shall not mistake the two."""
        if self._is_in_use:
            self.on_validation_epoch_end(trainer, pl_module)


class StepLimit(Callback):
    """Stop after a number of optimisation steps, with a last validation.

    Args:
        max_steps: the number.
    """

    def __init__(self, max_steps: int) -> None:
        self.max_steps = max_steps

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """A resumed run may have taken all its steps."""
        self._check(trainer)

    def on_train_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Called after every batch."""
        self._check(trainer)

    def _check(self, trainer: Trainer) -> None:
        trainer.should_stop = trainer.should_stop or trainer.global_step >= self.max_steps


class TimeLimit(Timer):
    """Stop after some wall time of training and validation, over all resumptions, with a last validation.

    Several processes go by one clock, read before every step: they stop at the same step, and a learning rate that
    follows the time is the same in all of them.

    Args:
        minutes: the time.
        processes: that train together.

    Attributes:
        is_reached: it was the time that stopped the training; a last validation may exceed it all the same.
    """

    def __init__(self, minutes: float, processes: Processes = ALONE) -> None:
        super().__init__(timedelta(minutes=minutes), verbose=False)
        self.processes, self.is_reached = processes, False
        self._read: float | None = None

    def on_fit_start(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """A resumed run may have had all its time."""
        super().on_fit_start(trainer, *args, **kwargs)
        self.is_reached = self._is_over()

    def on_train_batch_start(self, *args: Any, **kwargs: Any) -> None:
        """Read the clock."""
        if self.processes.size > 1:
            self._read = self.processes.largest(super().time_elapsed())

    def on_train_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Called after every batch."""
        self.is_reached = self._is_over()
        trainer.should_stop = trainer.should_stop or self.is_reached

    def time_elapsed(self, stage: str = RunningStage.TRAINING) -> float:
        """Seconds, of training as all processes have it."""
        is_agreed = self._read is not None and stage == RunningStage.TRAINING
        return self._read if is_agreed else super().time_elapsed(stage)  # type: ignore[return-value]

    def _is_over(self) -> bool:
        remaining = self.time_remaining()
        return remaining is not None and remaining <= 0


class Patience(EarlyStopping):
    """Early stopping whose patience is that of the recipe at hand, also where a checkpoint has another one."""

    @property
    def state_key(self) -> str:
        """As earlier versions stored it."""
        return super().state_key.replace(type(self).__qualname__, EarlyStopping.__qualname__, 1)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting, with the patience of now."""
        super().load_state_dict({**state_dict, "patience": self.patience})

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """A resumed run may have lost it already."""
        trainer.should_stop = trainer.should_stop or self.wait_count >= self.patience


class OrderlyInterrupt(Callback):
    """Let an interrupt wait until no batch is under way, and reach all processes there, so that they stop in order.

    Another one does not wait.

    Args:
        processes: that train together.

    Attributes:
        asked: number of the signal that waits.
    """

    def __init__(self, processes: Processes = ALONE) -> None:
        self.processes = processes
        self._before: dict[int, Any] = {}
        self.asked: int | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """From now on an interrupt waits for the next batch; Lightning's own handlers are in their places by now."""
        if threading.current_thread() is not threading.main_thread():  # which never sees one
            return
        # where there are several processes, the request to terminate is for whoever started them
        for number in (signal.SIGINT, signal.SIGTERM)[: 1 if self.processes.size > 1 else None]:
            if callable(signal.getsignal(number)):
                self._before[number] = signal.signal(number, self._ask)

    def on_train_batch_start(self, *args: Any, **kwargs: Any) -> None:
        """Called before every batch."""
        self.check()

    def on_validation_batch_start(self, *args: Any, **kwargs: Any) -> None:
        """Called before every batch."""
        self.check()

    def check(self, is_busy: bool = False) -> bool:
        """Called by all processes, as often by each.

        Args:
            is_busy: this process has a share of some work, and is not done with it.

        Returns:
            Whether some process is busy.

        Raises:
            KeyboardInterrupt: if one of them was interrupted.
        """
        found = self.processes.largest(2.0 * (self.asked is not None) + is_busy)
        if found >= 2.0:
            self._pass_on(self.asked or signal.SIGINT)
        return found > 0.0

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Interrupts are as they were."""
        self._restore()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Interrupts are as they were; Lightning sees to them itself if this was one."""
        if not isinstance(exception, KeyboardInterrupt):
            self._restore()

    def _ask(self, number: int, frame: Any) -> None:
        if self.asked is not None:
            self._pass_on(number)
        self.asked = number

    def _pass_on(self, number: int) -> NoReturn:
        """What would have happened without this callback; at least an interrupt."""
        handler = self._before.get(number)
        if callable(handler):
            handler(number, None)
        raise KeyboardInterrupt

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


class ValidationLine(Callback):
    """Print one line after every validation, above the progress bar; its clock counts all resumptions.

    Args:
        n_sampled: molecules of a sampling, where there are any.
    """

    def __init__(self, n_sampled: int = 0) -> None:
        self.n_sampled = n_sampled
        self._before = 0.0
        self._start: float | None = None

    @property
    def elapsed(self) -> float:
        """Seconds of training and validation."""
        return self._before + (0.0 if self._start is None else time.monotonic() - self._start)

    def state_dict(self) -> dict[str, Any]:
        """What a resumption goes on from; checkpoints of earlier versions lack it."""
        return {"elapsed": self.elapsed}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there."""
        self._before = state_dict["elapsed"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """From now on the time counts, as for the time limit."""
        self._start = time.monotonic()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Called after the losses of a validation are known, and its molecules sampled."""
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        metrics = trainer.callback_metrics
        train = f"train {metrics['train/loss']:.3f}  " if "train/loss" in metrics else ""
        pl_module.print(
            f"epoch {trainer.current_epoch:3d}  step {trainer.global_step:6d}  "
            f"{timedelta(seconds=round(self.elapsed))}  {train}"
            f"validation {metrics['validation/loss']:.3f} "
            f"(type {metrics['validation/type']:.3f}, distance {metrics['validation/distance']:.3f})"
            f"{self._sampled(metrics)}"
        )

    def _sampled(self, metrics: Mapping[str, Tensor]) -> str:
        if "sampled/valid" not in metrics:
            return ""
        shares = (f"{name} {100 * metrics[f'sampled/{name}']:.1f} %" for name in ("valid", "unique", "stable"))
        return f"  sampled {self.n_sampled:,}: {', '.join(shares)}"
