"""Splits cover, do not overlap, and survive on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gschnet_pyg.data.splits import PARTS, draw_split, load_split, save_split
from gschnet_pyg.errors import DataError

USABLE = np.arange(100) % 10 != 3


def test_parts_are_disjoint_and_complete() -> None:
    split = draw_split(USABLE, 50, 20)
    assert [len(getattr(split, part)) for part in PARTS] == [50, 20, 20, 10]
    everything = np.concatenate([getattr(split, part) for part in PARTS])
    np.testing.assert_array_equal(np.sort(everything), np.arange(100))
    np.testing.assert_array_equal(split.excluded, np.flatnonzero(~USABLE))


def test_fractions_and_a_given_test_size() -> None:
    split = draw_split(USABLE, 0.5, 0.1, 7)
    assert [len(getattr(split, part)) for part in PARTS] == [45, 9, 7, 10]


def test_seed_decides() -> None:
    first, second, other = (
        draw_split(USABLE, 50, 20, seed=1),
        draw_split(USABLE, 50, 20, seed=1),
        draw_split(USABLE, 50, 20, seed=2),
    )
    np.testing.assert_array_equal(first.train, second.train)
    assert first.train.tolist() != other.train.tolist()


@pytest.mark.parametrize(
    ("train", "validation", "message"), [(80, 11, "only 90 can be used"), (10, 0.001, "split.validation")]
)
def test_impossible_sizes_are_refused(train: float, validation: float, message: str) -> None:
    with pytest.raises(DataError, match=message):
        draw_split(USABLE, train, validation)


def test_stored_split_finds_its_molecules_in_another_order(tmp_path: Path) -> None:
    split, ids = draw_split(USABLE, 50, 20), np.arange(1000, 1100)
    save_split(tmp_path / "split.npz", split, ids)
    shuffled = np.random.default_rng(0).permutation(ids)
    loaded = load_split(tmp_path / "split.npz", shuffled)
    for part in PARTS:
        np.testing.assert_array_equal(np.sort(shuffled[getattr(loaded, part)]), ids[getattr(split, part)])


def test_missing_molecules_and_damaged_files_are_named(tmp_path: Path) -> None:
    save_split(tmp_path / "split.npz", draw_split(USABLE, 50, 20), np.arange(100))
    with pytest.raises(DataError, match=r"molecule \d+ is not in the data"):
        load_split(tmp_path / "split.npz", np.arange(50))
    (tmp_path / "split.npz").write_bytes(b"PK garbage")
    with pytest.raises(DataError, match="not a split file"):
        load_split(tmp_path / "split.npz", np.arange(100))
