"""All metrics of a run in one CSV file, resumptions included."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only

from gschnet_pyg.errors import DataError
from gschnet_pyg.files import replace_file
from gschnet_pyg.metric_names import SAMPLED, TRAINING

__all__ = ["COLUMNS", "SAMPLED", "MetricsFile", "last_step"]

COLUMNS = ("step", *TRAINING)


def last_step(path: Path) -> int:
    """Step of the last row of a file of metrics; -1 if there is none."""
    if not path.exists():
        return -1
    return max((int(row["step"]) for row in _read(path)[1] if row["step"]), default=-1)


def _read(path: Path) -> tuple[tuple[str, ...], list[dict[str, str]]]:
    """Columns and rows, without a last one that was not written to its end.

    Raises:
        DataError: if the file is no such table.
    """
    try:
        text = path.read_text(encoding="utf-8")
        reader = csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1], newline=""))
        rows, columns = list(reader), tuple(reader.fieldnames or ())
        if text and "step" not in columns:
            raise ValueError("it has no column of steps")
        for number, row in enumerate(rows, start=1):
            if None in row or None in row.values() or not re.fullmatch(r"\d{0,18}", row["step"]):
                raise ValueError(f"row {number}")
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{path}: damaged ({error}); remove it, or that row; training resumes all the same") from None
    return columns, rows


def cut_metrics(path: Path, n_steps: int, is_validation_ahead: bool = False) -> None:
    """Remove rows of steps that a resumed run takes anew, and one that was not written to its end.

    Args:
        path: of the file, if there is one.
        n_steps: that the run has taken where it goes on.
        is_validation_ahead: it goes on with the validation behind the last of them.

    Raises:
        DataError: if the file is no such table.
    """
    if not path.exists():
        return
    columns, rows = _read(path)
    evaluated = [name for name in columns if name.startswith(("validation/", "sampled/"))]

    def is_kept(row: Mapping[str, str]) -> bool:
        is_evaluation = any(row[name] for name in evaluated)
        return int(row["step"] or 0) < n_steps - (is_validation_ahead and is_evaluation)

    _write(path, columns or COLUMNS, [row for row in rows if is_kept(row)])


class MetricsFile(Logger):
    """Appends a row whenever something is logged; columns that were not logged stay empty.

    Args:
        path: ``.csv``; a file that is there is continued, with the columns added that it lacks.

    Raises:
        DataError: if there is a file that is damaged.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        if path.exists():
            _read(path)
        self.path = path
        self._columns: tuple[str, ...] = ()  # of the file, in its order

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
        if not self._columns or not self.path.exists():
            self._columns = self._begin()
        with self.path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, self._columns, extrasaction="ignore").writerow({"step": step, **metrics})

    def _begin(self) -> tuple[str, ...]:
        """Write the header, and the rows again where a file of an earlier version lacks columns."""
        rows: list[dict[str, str]] = []
        columns: tuple[str, ...] = COLUMNS
        if self.path.exists():
            there, rows = _read(self.path)
            columns = (*there, *(name for name in COLUMNS if name not in there))
            if there == columns:
                return columns
        _write(self.path, columns, rows)
        return columns


def _write(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    with replace_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
