"""How much of a run's limit is used up."""

from __future__ import annotations

from lightning.pytorch import Trainer

from gschnet_pyg.training.callbacks import StepLimit, TimeLimit


def used_share(trainer: Trainer) -> float:
    """Share of the run's limits that is used up, 0 to 1: the largest over steps and wall time."""
    shares = [0.0]
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, StepLimit):
            shares.append(trainer.global_step / callback.max_steps)
        elif isinstance(callback, TimeLimit) and (remaining := callback.time_remaining()) is not None:
            elapsed = callback.time_elapsed()
            shares.append(elapsed / max(elapsed + remaining, 1e-9))
    return min(1.0, max(shares))
