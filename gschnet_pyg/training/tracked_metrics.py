"""All metrics of a run in wandb."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only

from gschnet_pyg.tracking.tracker import Tracker


class TrackedMetrics(Logger):
    """Passes on what Lightning logs; what has the same step becomes one row.

    Lightning's own logger for wandb would begin the run, and raise what goes wrong with it.

    Args:
        tracker: of the run.
    """

    def __init__(self, tracker: Tracker) -> None:
        super().__init__()
        self.tracker = tracker

    @property
    def name(self) -> str:
        """Required by Lightning."""
        return "wandb"

    @property
    def version(self) -> int:
        """Required by Lightning."""
        return 0

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """The recipe is logged as a whole when the run begins."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log some metrics of a step."""
        self.tracker.log(metrics, step or 0)
