"""Which molecules train, validate and test a model."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gschnet_pyg.data.dataset import MoleculeDataset
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
        train, validation, test: counts, or fractions (below 1) of the usable molecules, of which at least
            one is taken; no test size takes all that remain.
        seed: the same seed gives the same split.

    Raises:
        DataError: if the parts need more molecules than there are.
    """
    usable = np.flatnonzero(is_usable)
    sizes = [_count(size, len(usable)) for size in (train, validation, test or 0)]
    if sum(sizes) > len(usable):
        raise DataError(
            f"split: train + validation + test ask for {sum(sizes):,} molecules, "
            f"but only {len(usable):,} can be used; ask for fewer, or for fractions"
        )
    if test is None:
        sizes[2] = len(usable) - sum(sizes)
    shuffled = np.random.default_rng(seed).permutation(usable)
    ends = np.cumsum(sizes)
    chosen = np.split(shuffled[: ends[-1]], ends[:-1])
    return Split(np.sort(chosen[0]), np.sort(chosen[1]), np.sort(chosen[2]), np.flatnonzero(~is_usable))


def _count(size: int | float, n_usable: int) -> int:
    """Molecules that a count or a fraction asks for."""
    return max(1, round(size * n_usable)) if 0 < size < 1 else int(size)


def save_split(path: Path, split: Split, molecules: MoleculeDataset) -> None:
    """Write a split as ids of the original file, ``.npz``, with the fingerprint of the data."""
    parts = {part: molecules.ids[getattr(split, part)] for part in PARTS}
    with replace_file(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, fingerprint=np.array(molecules.fingerprint), **parts)


def load_split(path: Path, molecules: MoleculeDataset) -> Split:
    """Read a split that :func:`save_split` wrote for the same molecules.

    Raises:
        DataError: if the file is damaged or the data are not those that were split.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            wanted = {part: file[part] for part in PARTS}
            fingerprint = str(file["fingerprint"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: not a split file ({error}); remove it to draw a new split") from None
    if fingerprint != molecules.fingerprint:
        raise DataError(
            f"{molecules.source}: has changed since {path} was drawn; restore the data, or start a run with another id"
        )
    order = np.argsort(molecules.ids)
    return Split(
        **{part: np.sort(order[np.searchsorted(molecules.ids, ids, sorter=order)]) for part, ids in wanted.items()}
    )
