"""What was reached, against the range of the property that the model was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

from gschnet_pyg.contracts import TargetComparison

FAR = 3.0
"""Widths of the range that the median lies outside of it: no model misses its targets by so much."""


def trained_range(description: Mapping[str, Any]) -> tuple[float, float] | None:
    """Smallest and largest value of a scalar among the training molecules; else what its Gaussians span.

    Args:
        description: of the condition, as in the metadata of a generated file.
    """
    if description["kind"] != "scalar":
        return None
    [low, high] = next(
        iter(description.get("observed") or ()), (description.get("minimum"), description.get("maximum"))
    )
    return None if low is None or high is None else (float(low), float(high))


def far_note(comparison: TargetComparison) -> str | None:
    """What a calculator of another level of theory does to all numbers; none where they can be compared."""
    if comparison.calculator is None or comparison.trained is None or not comparison.pairs:
        return None
    low, high = comparison.trained
    reached = median(float(value) for _, value in comparison.pairs)
    if max(low - reached, reached - high) <= FAR * (high - low):
        return None
    unit = f" {comparison.unit}" if comparison.unit else ""
    return (
        f"far outside the range that the model was trained on ({low:.3g} to {high:.3g}{unit}): the calculator has "
        "another unit, zero of energy or level of theory than the training data"
    )
