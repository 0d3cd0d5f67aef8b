"""Which molecules train, validate and test a model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gschnet_pyg.errors import DataError
from gschnet_pyg.files import replace_file

PARTS = ("train", "validation", "test", "excluded")


@dataclass(frozen=True)
class Split:
    """Positions in a dataset, each part ascending; ``excluded`` are molecules no part may use."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    excluded: np.ndarray


def draw_split(
    is_usable: np.ndarray,
    train: int | float,
    validation: int | float,
    test: int | float | None = None,
    seed: int = 0,
) -> Split:
    """Split the usable molecules at random.

    Args:
        is_usable: ``[M]`` mask; the others are excluded.
        train, validation, test: counts, or fractions (below 1) of the usable molecules; no test size
            takes all that remain.
        seed: the same seed gives the same split.

    Raises:
        DataError: if a part would be empty or the parts need more molecules than there are.
    """
    usable = np.flatnonzero(is_usable)
    sizes = [int(size) if size >= 1 else int(size * len(usable)) for size in (train, validation, test or 0)]
    if sum(sizes) > len(usable):
        raise DataError(
            f"split: train + validation + test ask for {sum(sizes):,} molecules, "
            f"but only {len(usable):,} can be used; ask for fewer, or for fractions"
        )
    for name, size in zip(PARTS[:2], sizes[:2], strict=True):
        if size < 1:
            raise DataError(f"split.{name}: leaves no molecule of {len(usable):,}; ask for more")
    if test is None:
        sizes[2] = len(usable) - sum(sizes)
    shuffled = np.random.default_rng(seed).permutation(usable)
    ends = np.cumsum(sizes)
    chosen = np.split(shuffled[: ends[-1]], ends[:-1])
    return Split(np.sort(chosen[0]), np.sort(chosen[1]), np.sort(chosen[2]), np.flatnonzero(~is_usable))


def save_split(path: Path, split: Split, ids: np.ndarray) -> None:
    """Write a split as ids of the original file, ``.npz``."""
    if len(np.unique(ids)) < len(ids):
        raise DataError("the ids of the molecules are not unique; a split could not be told from them")
    with replace_file(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **{part: ids[getattr(split, part)] for part in PARTS})


def load_split(path: Path, ids: np.ndarray) -> Split:
    """Read a split that :func:`save_split` wrote, for a dataset with these ids.

    Raises:
        DataError: if the file is damaged or names molecules that the dataset lacks.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            wanted = {part: file[part] for part in PARTS}
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise DataError(f"{path}: not a split file ({error}); remove it to draw a new split") from None
    order = np.argsort(ids)
    positions = {}
    for part, chosen in wanted.items():
        place = np.minimum(np.searchsorted(ids, chosen, sorter=order), len(ids) - 1)
        missing = chosen[ids[order[place]] != chosen]
        if len(missing):
            raise DataError(f"{path}: molecule {missing[0]} is not in the data (nor are {len(missing) - 1} others)")
        positions[part] = np.sort(order[place])
    return Split(**positions)
