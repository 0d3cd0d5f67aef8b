"""Which molecules train, validate and test a model."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.errors import DataError
from gschnet_pyg.files import replace_file
from gschnet_pyg.untrusted import read_arrays

PARTS = ("train", "validation", "test", "excluded")
_HASHES = ("fingerprint", "values")
_SCHNETPACK = {"train_idx": "train", "val_idx": "validation", "test_idx": "test"}
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Split:
    """Positions in a dataset, each part ascending; ``excluded`` are molecules no part may use."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    excluded: np.ndarray

    def without(self, is_excluded: np.ndarray) -> Split:
        """The same split with further molecules in no part, by mask ``[M]``."""
        train, validation, test = (part[~is_excluded[part]] for part in (self.train, self.validation, self.test))
        return Split(train, validation, test, np.union1d(self.excluded, np.flatnonzero(is_excluded)))

    def holding_out(self, is_held_out: np.ndarray) -> Split:
        """The same split with molecules of training and validation moved to the test, by mask ``[M]``."""
        train, validation = (part[~is_held_out[part]] for part in (self.train, self.validation))
        moved = [part[is_held_out[part]] for part in (self.train, self.validation)]
        return Split(train, validation, np.sort(np.concatenate([self.test, *moved])), self.excluded)


def draw_split(
    is_usable: np.ndarray,
    train: int | float,
    validation: int | float,
    test: int | float | None = None,
    seed: int = 0,
    is_held_out: np.ndarray | None = None,
) -> Split:
    """Split the usable molecules at random.

    Args:
        is_usable: ``[M]`` mask; the others are excluded.
        train, validation, test: counts, or fractions (below 1) of the usable molecules that are not held out, of which
            at least one is taken; no test size takes all that remain.
        seed: the same seed gives the same split.
        is_held_out: ``[M]`` mask of molecules that may neither train nor validate: those usable are test molecules
            beside the drawn ones.

    Raises:
        DataError: if the parts need more molecules than there are.
    """
    kept_for_test = np.zeros_like(is_usable) if is_held_out is None else is_usable & is_held_out
    free = np.flatnonzero(is_usable & ~kept_for_test)
    sizes = [_count(size, len(free)) for size in (train, validation, test or 0)]
    if sum(sizes) > len(free):
        n_held_out = int(kept_for_test.sum())
        held_out = f"; {n_held_out:,} more are held out of training and validation" if n_held_out else ""
        raise DataError(
            f"split: train + validation + test ask for {sum(sizes):,} molecules, "
            f"but only {len(free):,} can be used{held_out}; ask for fewer, or for fractions"
        )
    if test is None:
        sizes[2] = len(free) - sum(sizes)
    shuffled = np.random.default_rng(seed).permutation(free)
    ends = np.cumsum(sizes)
    chosen = np.split(shuffled[: ends[-1]], ends[:-1])
    tested = np.concatenate([chosen[2], np.flatnonzero(kept_for_test)])
    return Split(np.sort(chosen[0]), np.sort(chosen[1]), np.sort(tested), np.flatnonzero(~is_usable))


def _count(size: int | float, n_usable: int) -> int:
    """Molecules that a count or a fraction asks for."""
    return max(1, round(size * n_usable)) if 0 < size < 1 else int(size)


def save_split(path: Path, split: Split, molecules: MoleculeDataset) -> None:
    """Write a split as ids of the original file, ``.npz``, with the fingerprints of the data.

    Args:
        path: file to write.
        split: of the molecules.
        molecules: which carry the properties that a model learns from.
    """
    parts = {part: molecules.ids[getattr(split, part)] for part in PARTS}
    hashes = {"fingerprint": np.array(molecules.fingerprint), "values": np.array(molecules.hash_values())}
    with replace_file(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **hashes, **parts)


def check_values(path: Path, molecules: MoleculeDataset) -> None:
    """Check that molecules carry the same values as when their split was stored.

    Raises:
        DataError: if some property has changed since.
    """
    if _read(path, ("values",), "start a run with another id")["values"] != molecules.hash_values():
        raise DataError(
            f"{molecules.source}: {', '.join(molecules.properties)} changed since {path} was stored; restore the data, "
            "or start a run with another id"
        )


def load_split(path: Path, molecules: MoleculeDataset) -> Split:
    """Read a split that :func:`save_split` wrote for the same molecules.

    Raises:
        DataError: if the file is damaged or the data are not those that were split.
    """
    content = _read(path, (*PARTS, "fingerprint"), "remove it to draw a new split")
    if content["fingerprint"] != molecules.fingerprint:
        raise DataError(
            f"{molecules.source}: has changed since {path} was drawn; restore the data, or start a run with another id"
        )
    return Split(**{part: _positions_of(path, content[part], molecules) for part in PARTS})


def read_split(path: Path, molecules: MoleculeDataset, is_usable: np.ndarray) -> Split:
    """Read a split that a user brings along: one of another run, or SchNetPack's ``split.npz``.

    The indices of SchNetPack's file count the molecules that hold together under the placement rule, in the order of
    the source. Molecules that no part of the file names are in none.

    Args:
        path: the file.
        molecules: the dataset to split, whole.
        is_usable: ``[M]`` mask; the others are excluded, whatever the file says.

    Raises:
        DataError: if the file is missing or damaged, was drawn from other molecules, names one twice or one that does
            not exist, or leaves nothing to train or to validate.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such split file; name another, or none to draw a new split")
    content = _read(path, (), "name another, or none to draw a new split")
    if set(_SCHNETPACK) <= content.keys():
        usable = np.flatnonzero(is_usable)
        parts = {part: usable[_checked(path, key, content[key], len(usable))] for key, part in _SCHNETPACK.items()}
    elif {*PARTS, "fingerprint"} <= content.keys():
        if content["fingerprint"] != molecules.fingerprint:
            raise DataError(f"{path}: was drawn from other molecules than {molecules.source}; name a split of these")
        parts = {part: _positions_of(path, content[part], molecules) for part in PARTS[:3]}
    else:
        raise DataError(f"{path}: has neither {', '.join(_SCHNETPACK)} nor {', '.join(PARTS)}; is it a split file?")
    return _usable_split(path, parts, molecules, is_usable)


def _usable_split(path: Path, parts: dict[str, np.ndarray], molecules: MoleculeDataset, is_usable: np.ndarray) -> Split:
    """The parts without molecules that cannot be used, checked."""
    everything, counts = np.unique(np.concatenate(list(parts.values())), return_counts=True)
    if (counts > 1).any():
        twice = molecules.describe(int(everything[counts > 1][0]))
        raise DataError(
            f"{path}: names a molecule twice ({twice}), in one part or two; a split names each of the "
            f"{is_usable.sum():,} usable molecules at most once"
        )
    if n_lost := int((~is_usable[everything]).sum()):
        _log.warning("%s: %s of its molecules cannot be used here and are in no part", path, f"{n_lost:,}")
    kept = {part: np.sort(rows[is_usable[rows]]) for part, rows in parts.items()}
    for part in ("train", "validation"):
        if not len(kept[part]):
            raise DataError(
                f"{path}: its {part} part names none of the {is_usable.sum():,} usable molecules; name another split"
            )
    return Split(**kept, excluded=np.flatnonzero(~is_usable))


def _read(path: Path, needed: Sequence[str], remedy: str) -> dict[str, np.ndarray]:
    """The arrays of a split file: lists, and hashes as text."""
    try:
        content = read_arrays(path, (*PARTS, *_SCHNETPACK, *_HASHES))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not a split file ({error}); {remedy}") from None
    if missing := [name for name in needed if name not in content]:
        raise DataError(f"{path}: not a split file (it lacks {missing[0]}); {remedy}")
    for name, values in content.items():
        kinds, n_dimensions, what = ("U", 0, "text") if name in _HASHES else ("iu", 1, "list of whole numbers")
        if values.ndim != n_dimensions or (values.size and values.dtype.kind not in kinds):
            raise DataError(f"{path}: {name} is no {what}; {remedy}")
    return content


def _checked(path: Path, key: str, indices: np.ndarray, n_usable: int) -> np.ndarray:
    """Indices of SchNetPack's file, if they are some."""
    outside = indices[(indices < 0) | (indices >= n_usable)]
    if len(outside):
        raise DataError(
            f"{path}: {key} names molecule {outside[0]}, but only {n_usable:,} molecules can be used here (counted "
            "from 0); are data and placement cutoff those that it was drawn with?"
        )
    return indices.astype(np.int64)


def _positions_of(path: Path, ids: np.ndarray, molecules: MoleculeDataset) -> np.ndarray:
    """Positions of the molecules with some ids, ascending."""
    ids = ids.astype(np.int64)
    order = np.argsort(molecules.ids)
    positions = order[np.searchsorted(molecules.ids, ids, sorter=order).clip(max=len(order) - 1)]
    is_missing = molecules.ids[positions] != ids
    if is_missing.any():
        raise DataError(
            f"{path}: names {molecules.arrays.id_label} {ids[is_missing][0]}, which {molecules.source} does not hold; "
            "name a split of these molecules"
        )
    return np.sort(positions)
