"""How a run has learnt, as a picture."""

from __future__ import annotations

import csv
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gschnet_pyg.errors import DataError

_COLOURS = {"train": "#c9a9a0", "validation": "#2d6f9e"}
_TITLES = {"type": "type: negative log-likelihood", "distance": "distances: Kullback-Leibler divergence"}


def draw_losses(path: Path) -> Figure:
    """A figure of both parts of the loss, in training and validation, over the steps of optimisation.

    Args:
        path: ``metrics.csv`` of a run directory.

    Raises:
        DataError: if there is no such file, or nothing in it to draw.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; a run directory has one as soon as training has begun")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    for axes, (part, title) in zip(figure.subplots(1, len(_TITLES)), _TITLES.items(), strict=True):
        drawn = [_draw(axes, rows, stage, part) for stage in _COLOURS]
        if not any(drawn):
            raise DataError(f"{path}: holds no losses yet; validate more often (training.validate_every) or train on")
        axes.set_yscale("log")
        axes.set_title(title, fontsize=10, loc="left")
        axes.set_xlabel("step")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=9)
    return figure


def _draw(axes: Axes, rows: list[dict[str, str]], stage: str, part: str) -> bool:
    """A line of one loss, if it was logged."""
    logged = [(float(row["step"]), float(value)) for row in rows if (value := row.get(f"{stage}/{part}"))]
    if not logged:
        return False
    marker = "o" if stage == "validation" else None
    axes.plot(*zip(*logged, strict=True), color=_COLOURS[stage], lw=1.5, marker=marker, ms=4, label=stage)
    return True
