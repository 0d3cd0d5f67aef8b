"""The figures as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.breakdown import TRAINING_PARTS
from benchmarks.cases import BATCHES, FORMULATIONS, GENERATION, LARGE_BATCHES, OURS, PLAIN, SIZES, STEPS
from benchmarks.results import Results

COLOURS = {OURS: "#1b6ca8", PLAIN: "#b0653a"}
NAMES = {OURS: "this package", PLAIN: "plain edge lists"}
PARTS = tuple(dict.fromkeys(["preparing", *TRAINING_PARTS[:-1], "grid", "rest"]))
PART_COLOURS = {
    **{"preparing": "#e3d48f", "trajectory": "#8c7a1f", "collate": "#c9b458", "filters": "#7fb3d5"},
    **{"messages": "#1b6ca8", "dense layers": "#123f63", "heads": "#5b9a68", "loss": "#a9cfa4"},
    **{"optimiser": "#c7a9d6", "grid": "#7a5195", "rest": "#cfcfcf"},
}


def draw(results: Results, path: Path) -> None:
    """Four panels: ratios, growth with size and with batch, and parts of the time."""
    figure = Figure(figsize=(12.5, 8.2), layout="constrained")
    panels = figure.subplots(2, 2)
    _ratios(panels[0, 0], results)
    _growth_with_size(panels[0, 1], results)
    _growth_with_batch(panels[1, 0], results)
    _parts(panels[1, 1], results)
    for panel in panels.flat:
        panel.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def _ratios(axes: Axes, results: Results) -> None:
    cases = [case for case in (*STEPS, *GENERATION) if results.ratio(case.name) is not None]
    for row, case in enumerate(cases):
        ratio = results.ratio(case.name) or 0.0
        axes.barh(row, ratio, color=COLOURS[OURS], height=0.6)
        ours, plain = (results.records[case.name][name].ms for name in FORMULATIONS)
        axes.annotate(
            f"  {ratio:.1f}×   {ours:.3g} against {plain:.3g} ms",
            (max(ratio, case.target or 0.0), row),
            va="center",
            fontsize=9,
            color="#333333",
        )
        if case.target is not None:
            label = "wanted" if row == 0 else None
            axes.plot([case.target] * 2, [row - 0.38, row + 0.38], color="#222222", linewidth=2, label=label)
    axes.axvline(1.0, color=COLOURS[PLAIN], linewidth=1.2, linestyle="--", label=NAMES[PLAIN])
    axes.set_yticks(range(len(cases)), [_wrapped(case.title) for case in cases], fontsize=9)
    axes.invert_yaxis()
    largest = max(
        [results.ratio(case.name) or 1.0 for case in cases] + [case.target or 1.0 for case in cases], default=1
    )
    axes.set_xlim(0, 1.65 * largest)
    axes.set_title("Times faster (per molecule; per placed atom)", fontsize=11)
    axes.legend(frameon=False, fontsize=8, ncols=2, loc="upper center", bbox_to_anchor=(0.4, -0.08))


def _wrapped(title: str) -> str:
    return title.replace(", ", ",\n", 1)


def _growth_with_size(axes: Axes, results: Results) -> None:
    for name in FORMULATIONS:
        sizes, ms = results.growth(SIZES, name, "ms")
        if not len(sizes):
            continue
        label = NAMES[name]
        time, memory = (results.exponent(name, quantity) for quantity in ("ms", "peak_memory_mb"))
        if time is not None and memory is not None:
            label += f": time ~ N$^{{{time:.2f}}}$, memory ~ N$^{{{memory:.2f}}}$"
        axes.plot(sizes, ms, "o-", color=COLOURS[name], label=label)
    _log_log(axes, "atoms, N", "ms per molecule", "lower right")
    axes.set_title("Growth with size: 5 drawn steps of stretched chains, 5 Å", fontsize=11)


def _growth_with_batch(axes: Axes, results: Results) -> None:
    cases, drawn = (BATCHES, "5 drawn steps") if results.device == "cpu" else (LARGE_BATCHES, "all steps")
    for name in FORMULATIONS:
        sizes, ms = results.growth(cases, name, "ms")
        if len(sizes):
            axes.plot(sizes, 1e3 / ms, "o-", color=COLOURS[name], label=NAMES[name])
    _log_log(axes, "molecules in a batch", "molecules per second", "upper left")
    axes.set_title(f"Growth with the batch: QM9 defaults, {drawn}", fontsize=11)


def _log_log(axes: Axes, x: str, y: str, legend: str) -> None:
    """Logarithmic axes with ticks at the points that were measured, and room for the legend."""
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    if not axes.lines:
        return
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.minorticks_off()
    measured = sorted({float(size) for line in axes.lines for size in np.asarray(line.get_xdata())})
    axes.set_xticks(measured, [f"{size:.0f}" for size in measured])
    axes.set_xlim(measured[0] / 1.25, measured[-1] * 1.25)
    low, high = axes.get_ylim()
    low, high = (low / 1.6, high) if legend.startswith("lower") else (low, high * 1.3)
    axes.set_ylim(low, high)
    ticks = [k * 10.0**p for p in range(-3, 6) for k in (1, 2, 5) if low <= k * 10.0**p <= high]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.grid(color="#e6e6e6")
    axes.legend(frameon=False, fontsize=9, loc=legend)


def _parts(axes: Axes, results: Results) -> None:
    cases = [case for case in (*STEPS, *GENERATION) if case.name in results.breakdown]
    left = np.zeros(len(cases))
    for part in PARTS:
        shares = np.array([100 * results.breakdown[case.name].get(part, 0.0) for case in cases])
        if not shares.any():
            continue
        axes.barh(range(len(cases)), shares, left=left, color=PART_COLOURS[part], label=part, height=0.6)
        for row, share in enumerate(shares):
            if share >= 5:
                dark = part in ("trajectory", "messages", "dense layers", "heads", "grid")
                colour = "white" if dark else "#333333"
                axes.annotate(
                    f"{share:.0f}", (left[row] + share / 2, row), ha="center", va="center", fontsize=9, color=colour
                )
        left += shares
    axes.set_yticks(range(len(cases)), [_wrapped(case.title) for case in cases], fontsize=9)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("% of the time")
    axes.set_title("Where the time of this package goes", fontsize=11)
    axes.legend(frameon=False, fontsize=8, ncols=6, loc="upper center", bbox_to_anchor=(0.4, -0.16))
