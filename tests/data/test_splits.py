"""Splits cover, do not overlap, and survive on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gschnet_pyg.data.arrays import MoleculeArrays
from gschnet_pyg.data.dataset import MoleculeDataset
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


def test_a_fraction_takes_at_least_one_molecule() -> None:
    split = draw_split(np.ones(10, dtype=bool), 0.8, 0.01)
    assert [len(getattr(split, part)) for part in PARTS] == [8, 1, 1, 0]


@pytest.mark.parametrize("sizes", [(80, 11), (0.9, 20), (60, 20, 11)])
def test_impossible_sizes_are_refused(sizes: tuple[float, ...]) -> None:
    with pytest.raises(DataError, match="only 90 can be used"):
        draw_split(USABLE, *sizes)


def hydrogens(ids: np.ndarray, spread: float = 1.0) -> MoleculeDataset:
    """One atom for each id."""
    pos = spread * np.arange(3.0 * len(ids)).reshape(-1, 3)
    return MoleculeDataset(
        MoleculeArrays(np.ones(len(ids), np.uint8), pos, np.arange(len(ids) + 1), ids, {}, source="hydrogens.db")
    )


def test_a_stored_split_comes_back(tmp_path: Path) -> None:
    split, molecules = draw_split(USABLE, 50, 20), hydrogens(np.random.default_rng(0).permutation(100) + 1000)
    save_split(tmp_path / "split.npz", split, molecules)
    loaded = load_split(tmp_path / "split.npz", molecules)
    for part in PARTS:
        np.testing.assert_array_equal(getattr(loaded, part), getattr(split, part))


def test_changed_data_and_damaged_files_are_refused(tmp_path: Path) -> None:
    path, ids = tmp_path / "split.npz", np.arange(100)
    save_split(path, draw_split(USABLE, 50, 20), hydrogens(ids))
    for changed in (hydrogens(ids[::-1].copy()), hydrogens(ids, spread=2.0), hydrogens(ids[:50])):
        with pytest.raises(DataError, match=r"hydrogens\.db: has changed since"):
            load_split(path, changed)
    for garbage in (b"PK garbage", b"", path.read_bytes()[:300]):
        path.write_bytes(garbage)
        with pytest.raises(DataError, match="not a split file"):
            load_split(path, hydrogens(ids))
