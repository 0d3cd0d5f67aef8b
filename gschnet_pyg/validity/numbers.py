"""Many numbers in a few: moments, quantiles and a histogram."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from gschnet_pyg.contracts import Numbers

STRAIN_BIN_KCAL = 1.0
"""kcal/mol; bins of a strain by a force field."""

STRAIN_BIN = 0.05
"""eV; bins of a strain by a calculator."""

RMSD_BIN = 0.02
"""Å; bins of the RMSD between two geometries of a molecule."""

DISTANCE_BIN = 0.1
"""Å; bins of the distance of a centre of mass from the origin token."""

SIMILARITY_BIN = 0.05
"""Bins of a Tanimoto similarity; 1 has one of its own."""

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_SLACK = 1e-6
"""Of a bin; keeps what lies on an edge, up to rounding, in the upper bin."""


def numbers_of(values: np.ndarray | Iterable[float], bin_width: float) -> Numbers | None:
    """Describe numbers; none if there are none.

    Args:
        values: ``[n]`` finite numbers.
        bin_width: of the histogram; an edge belongs to the bin above it. The keys have the digits of the width.

    Raises:
        ValueError: if a value is not finite, or the width is not positive.
    """
    numbers = np.array(values if isinstance(values, np.ndarray) else list(values), dtype=np.float64).ravel()
    if not np.isfinite(numbers).all():
        raise ValueError("only finite numbers can be described")
    if not bin_width > 0:
        raise ValueError(f"bin_width: must be positive, got {bin_width}")
    if not numbers.size:
        return None
    bins = Counter(np.floor(numbers / bin_width + _SLACK).astype(np.int64).tolist())
    low, quarter, half, three_quarters, high = np.quantile(numbers, _QUANTILES).tolist()
    return Numbers(
        n=numbers.size,
        mean=float(numbers.mean()),
        deviation=float(numbers.std(ddof=1)) if numbers.size > 1 else None,
        quantiles=(low, quarter, half, three_quarters, high),
        bin_width=bin_width,
        histogram={_edge(number, bin_width): bins[number] for number in sorted(bins)},
    )


def _edge(number: int, bin_width: float) -> str:
    """Lower edge of a bin, as ``0.15``."""
    digits = len(f"{bin_width:.6f}".rstrip("0").partition(".")[2])
    return f"{number * bin_width:.{digits}f}"
