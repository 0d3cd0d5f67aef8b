"""Seeded samples of molecules."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def sample_rows(candidates: Sequence[int] | np.ndarray, n: int, seed: int = 0) -> np.ndarray:
    """Draw ``n`` different rows at random; all if there are no more.

    Args:
        candidates: ``[M]`` rows, each once.
        n: how many.
        seed: the same one draws the same rows.

    Returns:
        ``[min(n, M)]`` rows, ascending.
    """
    rows = np.sort(np.asarray(candidates, dtype=np.int64))
    return rows if n >= len(rows) else np.sort(np.random.default_rng(seed).choice(rows, n, replace=False))
