"""All metrics of a run in one CSV file, resumptions included."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only

COLUMNS = (
    *("step", "epoch", "learning_rate"),
    *(f"{stage}/{loss}" for stage in ("train", "validation", "test") for loss in ("loss", "type", "distance")),
)


class MetricsFile(Logger):
    """Appends a row whenever something is logged; columns that were not logged stay empty.

    Args:
        path: ``.csv``; a file that is there is continued.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    @property
    def name(self) -> str:
        """Required by Lightning."""
        return self.path.stem

    @property
    def version(self) -> int:
        """Required by Lightning."""
        return 0

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """The recipe is stored as a whole elsewhere."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Append one row."""
        is_new = not self.path.exists()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
            if is_new:
                writer.writeheader()
            writer.writerow({"step": step, **metrics})
