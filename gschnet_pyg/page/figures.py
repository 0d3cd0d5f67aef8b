"""Plots of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from gschnet_pyg.contracts import Histogram
from gschnet_pyg.page.svg import COLOURS, STYLE, inline_svg

WIDE, SMALL = (4.4, 2.7), (2.2, 1.4)
"""Inches of a plot and of one of several small ones; letters are of one size in both."""

_MOST_POINTS = 1500
_FAR = 20.0  # widths of the middle half of all counts, beyond which one is left out
_TAIL = 0.01  # of a histogram that may lie beyond the axis
_MOST_BINS = 48
_FACTORS = (1, 2, 5, 10, 20, 50, 100)


@dataclass(frozen=True)
class Series:
    """One histogram of a plot.

    Attributes:
        kind: ``generated``, ``reference`` or ``third``: which colour it has.
        label: for the legend.
        histogram: lower edge of a bin -> how many.
    """

    kind: str
    label: str
    histogram: Histogram


def histograms(
    series: Sequence[Series],
    bin_width: float,
    xlabel: str = "",
    *,
    size: tuple[float, float] = WIDE,
    centred: bool = False,
    limits: tuple[float, float] | None = None,
) -> Markup:
    """Shares of each series in percent, the generated one filled.

    Args:
        series: with counts, each of its own total.
        bin_width: of all.
        xlabel: quantity and unit.
        size: inches.
        centred: bins around their values, for whole numbers.
        limits: of the axis; from the counts by default, without the last hundredth where it is far away.
    """
    bin_width, edges = _edges([each.histogram for each in series], bin_width, limits, whole=centred)
    shift = -bin_width / 2 if centred else 0.0
    small = size == SMALL
    with rc_context(STYLE):
        figure, axes = _figure(size)
        beyond = []
        for each in series:
            shares, outside = _shares(each.histogram, edges)
            if outside:
                beyond.append((each.kind, outside))
            _stairs(axes, shares, edges + shift, each.kind)
        axes.set_ylim(0, None)
        axes.set_xlim(edges[0] + shift, edges[-1] + shift)
        axes.locator_params(axis="y", nbins=3 if small else 4)
        axes.locator_params(axis="x", nbins=3 if small else 7, integer=centred)
        if not small:
            axes.set_ylabel("share, %")
            for row, (kind, share) in enumerate(beyond):
                axes.text(1, 0.97 - 0.1 * row, f"{100 * share:.1f} % further out", transform=axes.transAxes,
                          ha="right", va="top", color=COLOURS[kind])  # fmt: skip
        axes.set_xlabel(xlabel)
        return inline_svg(figure)


def scatter(
    pairs: Sequence[tuple[float, float]], means: Sequence[tuple[float, float, float]], xlabel: str, ylabel: str
) -> Markup:
    """Targets and what was reached: molecules, the means of their groups, and the line where they should be.

    Args:
        pairs: target and reached, of each molecule; of very many a regular choice.
        means: target, mean and deviation of each group.
        xlabel, ylabel: quantity and unit.
    """
    points = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    points = points[:: -(-len(points) // _MOST_POINTS)]
    with rc_context(STYLE):
        figure, axes = _figure((4.4, 3.4))
        low, high = points.min(), points.max()
        axes.plot([low, high], [low, high], color=COLOURS["reference"], lw=1, ls=(0, (4, 3)), zorder=1)
        # one path of dots, a fifth as long as a mark for each
        dots = Path(np.repeat(points, 2, axis=0), np.tile([Path.MOVETO, Path.LINETO], len(points)).tolist())
        axes.add_patch(PathPatch(dots, fill=False, ec=COLOURS["generated"], lw=3.4, capstyle="round", alpha=0.35))
        for target, mean, deviation in means:
            axes.plot([target, target], [mean - deviation, mean + deviation], color=COLOURS["ink"], lw=1.1, zorder=3)
            axes.plot([target], [mean], "o", ms=4.5, mfc=COLOURS["ink"], mec="none", zorder=3)
        axes.margins(0.04)
        axes.autoscale_view()
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)
        axes.locator_params(nbins=6)
        return inline_svg(figure)


def _figure(size: tuple[float, float]) -> tuple[Figure, Axes]:
    """Margins in inches, so that all plots of a size align."""
    width, height = size
    left, bottom, right, top = (0.3, 0.24, 0.05, 0.06) if size == SMALL else (0.54, 0.48, 0.1, 0.1)
    figure = Figure(figsize=size, frameon=False)
    axes = figure.add_axes(
        (left / width, bottom / height, (width - left - right) / width, (height - bottom - top) / height)
    )
    axes.patch.set_visible(False)
    axes.xaxis.labelpad = axes.yaxis.labelpad = 3
    return figure, axes


def _stairs(axes: Axes, shares: np.ndarray, edges: np.ndarray, kind: str) -> None:
    colour = COLOURS[kind]
    if kind == "generated":
        axes.stairs(100 * shares, edges, fill=True, color=colour, alpha=0.28, lw=0)
    axes.stairs(100 * shares, edges, color=colour, lw=1.5 if kind == "generated" else 1.2)


def _edges(
    found: Sequence[Histogram], bin_width: float, limits: tuple[float, float] | None, *, whole: bool
) -> tuple[float, np.ndarray]:
    """Bins wide enough to be told apart, and their edges."""
    low, high = limits or _limits(found, bin_width)
    factor = (
        1 if whole else next(n for n in _FACTORS if (high - low) / (n * bin_width) <= _MOST_BINS or n == _FACTORS[-1])
    )
    width = factor * bin_width
    first = np.floor(low / width + 1e-6)
    return width, width * (first + np.arange(max(1, int(np.ceil(high / width - first - 1e-6))) + 1))


def _shares(histogram: Histogram, edges: np.ndarray) -> tuple[np.ndarray, float]:
    """Of all counts in each bin, and outside of the edges."""
    counts = np.zeros(len(edges) - 1)
    total = sum(histogram.values())
    for edge, number in histogram.items():
        place = int(np.floor((float(edge) - edges[0]) / (edges[1] - edges[0]) + 1e-6))
        if 0 <= place < len(counts):
            counts[place] += number
    outside = total - int(counts.sum())
    return counts / max(total, 1), outside / max(total, 1)


def _limits(found: Sequence[Mapping[str, int]], bin_width: float) -> tuple[float, float]:
    """Edges of all counts, but for a tail of which a longer axis would show next to nothing."""
    lows, highs, ends = [], [], []
    for histogram in found:
        if not histogram:
            continue
        bins = sorted((float(edge), number) for edge, number in histogram.items())
        places = np.array([edge for edge, _ in bins])
        reached = np.cumsum([number for _, number in bins]) / sum(histogram.values())
        lows.append(places[np.searchsorted(reached, _TAIL / 4)])
        highs.append(places[np.searchsorted(reached, 1 - _TAIL)])
        ends.append((places[0], places[-1]))
    if not ends:
        return 0.0, bin_width
    first, last = min(end[0] for end in ends), max(end[1] for end in ends)
    low, high = min(lows), min(max(highs), _reasonable(found, max(highs)))
    room = 0.5 * (high - low) + 4 * bin_width
    low, high = (first if low - first < room else low), (last if last - high < room else high)
    return low, high + bin_width


def _reasonable(found: Sequence[Histogram], high: float) -> float:
    """An end of the axis that a single count far away does not move: few counts have no tail to cut."""
    ends = []
    for histogram in filter(None, found):
        places = np.repeat([float(edge) for edge in histogram], list(histogram.values()))
        lower, upper = np.quantile(places, (0.25, 0.75))
        ends.append(upper + _FAR * max(upper - lower, 0.05 * abs(upper)))
    return max(ends, default=high)
