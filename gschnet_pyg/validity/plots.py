"""How well targets were reached, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from gschnet_pyg.contracts import TargetComparison
from gschnet_pyg.errors import DataError
from gschnet_pyg.files import replace_file

SUFFIXES = (".png", ".pdf", ".svg")

MAX_BARS = 20
"""Targets of one panel; where there are more, those that were asked for most often."""

_POINTS, _MEANS, _FAINT, _LINE = "#5b8db8", "#c8553d", "#c9d6e2", "#444444"
_WIDTH, _HEIGHT = 5.6, 4.6  # inches of a panel
_PER_BAR = 0.34


def plot_targets(comparisons: Sequence[TargetComparison], path: Path) -> None:
    """Draw what was reached against what was asked for; the file is whole or not there at all.

    Args:
        comparisons: from ``compare_targets``.
        path: ends in ``.png``, ``.pdf`` or ``.svg``.

    Raises:
        DataError: if the file is of another kind, or nothing could be measured.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(f"{path}: a plot ends in {', '.join(SUFFIXES)}; name another file")
    figure = draw_targets(comparisons)
    with replace_file(path) as temporary:
        figure.savefig(temporary, dpi=150)


def draw_targets(comparisons: Sequence[TargetComparison]) -> Figure:
    """A figure with one panel for every condition that could be measured.

    Scalars are points, target against reached; counts and compositions bars, the share that is reached exactly;
    fingerprints a histogram of similarities.

    Raises:
        DataError: if nothing could be measured.
    """
    measured = [each for each in comparisons if each.overall is not None]
    if not measured:
        reasons = "; ".join(f"{each.name}: {each.reason}" for each in comparisons)
        raise DataError(f"no target could be measured, there is nothing to plot ({reasons or 'no conditions'})")
    columns = min(len(measured), 2)
    rows = [measured[start : start + columns] for start in range(0, len(measured), columns)]
    heights = [max(_height(each) for each in row) for row in rows]
    figure = Figure(figsize=(_WIDTH * columns, sum(heights)), layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.12))
    grid = figure.add_gridspec(len(rows), columns, height_ratios=heights)
    for index, comparison in enumerate(measured):
        axes = figure.add_subplot(grid[divmod(index, columns)])
        match comparison.kind:
            case "scalar":
                _points(axes, comparison)
            case "fingerprint":
                _similarities(axes, comparison)
            case _:
                _bars(axes, comparison)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _height(comparison: TargetComparison) -> float:
    """Inches."""
    bars = 0 if comparison.kind in ("scalar", "fingerprint") else min(len(comparison.groups), MAX_BARS)
    return max(_HEIGHT, 1.4 + _PER_BAR * bars)


def _points(axes: Axes, comparison: TargetComparison) -> None:
    """Molecules, the means of their groups and the line where they should be."""
    target, reached = np.array(comparison.pairs, dtype=np.float64).T
    axes.scatter(target, reached, s=14, color=_POINTS, alpha=0.45, linewidths=0, label="molecule", rasterized=True)
    groups = [group for group in comparison.groups if group.mean is not None]
    x, y, deviation = np.array([(each.target, each.mean, each.deviation or 0) for each in groups], dtype=np.float64).T
    axes.errorbar(x, y, deviation, fmt="o", ms=7, color=_MEANS, mec="white", capsize=3, label="mean ± deviation")
    ends = [min(target.min(), reached.min()), max(target.max(), reached.max())]
    axes.plot(ends, ends, color=_LINE, lw=1, ls="--", zorder=1, label="as asked for")
    unit = f", {comparison.unit}" if comparison.unit else ""
    axes.set_xlabel(f"{comparison.name} asked for{unit}")
    axes.set_ylabel(f"{comparison.name} reached{unit}")
    facts = [f"{comparison.measured:,} molecules"]
    if comparison.overall and comparison.overall.error is not None:
        facts.append(f"MAE {comparison.overall.error:.3g}{unit.replace(',', '')}")
    if comparison.correlation is not None:
        facts.append(f"correlation {comparison.correlation:.2f}")
    axes.set_title(", ".join(facts), fontsize=10, loc="left")
    axes.legend(loc="upper left", fontsize=9, framealpha=0.8, edgecolor="none")


def _bars(axes: Axes, comparison: TargetComparison) -> None:
    """Share of molecules that are exactly what was asked for, one bar for each target."""
    often = {each.label for each in sorted(comparison.groups, key=lambda group: -group.finished)[:MAX_BARS]}
    groups = [group for group in comparison.groups if group.label in often]
    places = np.arange(len(groups))
    for offset, color, label, rates in (
        (-0.2, _POINTS, "of valid", [group.exact for group in groups]),
        (0.2, _FAINT, "of finished", [group.exact_of_finished for group in groups]),
    ):
        shares = [100 * rate.value if rate else 0.0 for rate in rates]
        drawn = axes.barh(places + offset, shares, height=0.38, color=color, label=label)
        axes.bar_label(drawn, [f"{rate.count:,}/{rate.of:,}" if rate else "" for rate in rates], padding=3, fontsize=8)
    axes.set_yticks(places, [group.label for group in groups])
    axes.set_ylim(max(len(groups), 3) - 0.5, -0.5)
    axes.set_xlim(0, 118)  # room for what is written beside a bar of 100 %
    axes.set_xticks(range(0, 101, 20))
    axes.set_xlabel("exactly as asked for, %")
    left_out = len(comparison.groups) - len(groups)
    axes.set_ylabel(f"{comparison.name} asked for" + (f" ({left_out:,} rarer ones not shown)" if left_out else ""))
    axes.set_title(f"{comparison.measured:,} molecules", fontsize=10, loc="left")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 0.99), ncols=2, frameon=False, fontsize=9)


def _similarities(axes: Axes, comparison: TargetComparison) -> None:
    similarity = np.array([reached for _, reached in comparison.pairs], dtype=np.float64)
    axes.hist(similarity, bins=np.linspace(0, 1, 41).tolist(), color=_POINTS)
    axes.axvline(similarity.mean(), color=_MEANS, lw=2, label=f"mean {similarity.mean():.2f}")
    axes.set_xlim(0, 1)
    axes.set_xlabel(f"Tanimoto similarity to the {comparison.name} asked for")
    axes.set_ylabel("molecules")
    axes.set_title(f"{comparison.measured:,} molecules, {len(comparison.groups):,} targets", fontsize=10, loc="left")
    axes.legend(fontsize=9, framealpha=0.8, edgecolor="none")
