"""Bounds that no sensible model exceeds; files of strangers may say anything.

They are far beyond what anybody trains, and keep sizes out that would fill the memory before an error is raised.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

LONGEST_CUTOFF = 1_000
"""Å."""

WIDEST, MOST_LAYERS = 65_536, 1_000
"""Of a network."""

MOST_GAUSSIANS, MOST_BINS = 65_536, 1_000_000
"""Of a distance expansion or a condition, and of the distribution of a distance."""

MOST_VALUES = 1_048_576
"""Components of a condition."""

MOST_WEIGHTS = 1_000_000_000
"""Numbers in a model: 4 GB."""

ELEMENTS, TOKENS = range(1, 119), range(1, 32_768)
"""Atomic numbers, and numbers that may stand for tokens."""


def check_whole(name: str, value: Any, least: int, most: int) -> None:
    """Refuse what is no whole number in a range.

    Raises:
        ValueError: naming it.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{name} is {_shown(value)}; it must be a whole number from {least:,} to {most:,}")


def check_number(name: str, value: Any, most: float = math.inf) -> None:
    """Refuse what is no finite number above zero, or too large.

    Raises:
        ValueError: naming it.
    """
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not (is_number and 0 < value <= most and math.isfinite(value)):
        bound = "" if math.isinf(most) else f", at most {most:,}"
        raise ValueError(f"{name} is {_shown(value)}; it must be a number above 0{bound}")


def check_flag(name: str, value: Any) -> None:
    """Refuse what is neither true nor false.

    Raises:
        ValueError: naming it.
    """
    if not isinstance(value, bool):
        raise ValueError(f"{name} is {_shown(value)}; it must be true or false")


def check_types(name: str, types: Any) -> None:
    """Refuse what is no tuple of different atomic numbers.

    Raises:
        ValueError: naming it.
    """
    if not isinstance(types, Sequence) or isinstance(types, str) or not types:
        raise ValueError(f"{name} is {_shown(types)}; it must be a list of atomic numbers")
    for each in types:
        check_whole(name, each, ELEMENTS[0], ELEMENTS[-1])
    if len(set(types)) < len(types):
        raise ValueError(f"{name} is {_shown(types)}; no type stands there twice")


def _shown(value: Any) -> str:
    return repr(value)[:60]
