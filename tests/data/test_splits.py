"""Splits cover, do not overlap, and survive on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gschnet_pyg.data.arrays import MoleculeArrays
from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.data.splits import PARTS, check_values, draw_split, load_split, read_split, save_split
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


def test_a_split_remembers_the_values_that_were_carried(tmp_path: Path) -> None:
    path, molecules = tmp_path / "split.npz", hydrogens(np.arange(100))
    gap = np.linspace(4.0, 9.0, 100)[:, None]
    save_split(path, draw_split(USABLE, 50, 20), molecules.with_computed({"gap": gap}))
    check_values(path, molecules.with_computed({"gap": gap.copy()}))
    for other in ({"gap": np.nextafter(gap, 10)}, {"homo": gap}, {}, {"gap": gap, "homo": gap}, {"gap": gap[::-1]}):
        with pytest.raises(DataError, match=r"hydrogens\.db: .*changed since .*split\.npz was stored"):
            check_values(path, molecules.with_computed(other))
    load_split(path, molecules.with_computed({"gap": 2 * gap}))  # the parts do not depend on them
    with np.load(path) as file:
        before = {name: file[name] for name in file.files if name != "values"}
    np.savez(path, **before)
    with pytest.raises(DataError, match=r"not a split file .*; start a run with another id"):
        check_values(path, molecules)


HELD_OUT = np.arange(100) % 7 == 0  # 15 molecules, of which 14 are usable


def test_held_out_molecules_are_tested_and_nothing_else():
    split = draw_split(USABLE, 50, 20, is_held_out=HELD_OUT)
    assert [len(getattr(split, part)) for part in PARTS] == [50, 20, 20, 10]
    assert not HELD_OUT[split.train].any()
    assert not HELD_OUT[split.validation].any()
    np.testing.assert_array_equal(
        np.intersect1d(split.test, np.flatnonzero(HELD_OUT)), np.flatnonzero(HELD_OUT & USABLE)
    )
    np.testing.assert_array_equal(split.excluded, np.flatnonzero(~USABLE))


def test_held_out_molecules_come_on_top_of_the_drawn_test_molecules():
    split = draw_split(USABLE, 0.5, 0.1, 7, is_held_out=HELD_OUT)
    n_free = int((USABLE & ~HELD_OUT).sum())
    assert [len(split.train), len(split.validation)] == [round(0.5 * n_free), round(0.1 * n_free)]
    assert len(split.test) == 7 + int((USABLE & HELD_OUT).sum())


def test_without_a_held_out_molecule_the_split_is_the_same():
    plain, filtered = (draw_split(USABLE, 50, 20, 9, 3, mask) for mask in (None, np.zeros(100, dtype=bool)))
    for part in PARTS:
        np.testing.assert_array_equal(getattr(plain, part), getattr(filtered, part))
    np.testing.assert_array_equal(
        plain.train, np.sort(np.random.default_rng(3).permutation(np.flatnonzero(USABLE))[:50])
    )


def test_too_few_molecules_because_of_filters():
    with pytest.raises(DataError, match="only 76 can be used; 14 more are held out of training and validation; ask"):
        draw_split(USABLE, 70, 10, is_held_out=HELD_OUT)


def test_held_out_molecules_of_a_drawn_split_move_to_the_test():
    split = draw_split(USABLE, 50, 20, 5)
    moved = split.holding_out(HELD_OUT)
    trained = np.concatenate([split.train, split.validation])
    np.testing.assert_array_equal(moved.train, split.train[~HELD_OUT[split.train]])
    np.testing.assert_array_equal(moved.validation, split.validation[~HELD_OUT[split.validation]])
    assert set(moved.test.tolist()) == {*split.test.tolist(), *trained[HELD_OUT[trained]].tolist()}
    assert (np.diff(moved.test) > 0).all()
    np.testing.assert_array_equal(moved.excluded, split.excluded)  # and what was in no part stays out


def write_schnetpack(path: Path, train: object, validation: object, test: object) -> Path:
    np.savez(path, train_idx=train, val_idx=validation, test_idx=test, placement_cutoff=np.array(1.7))
    return path


def test_schnetpacks_indices_count_the_connected_molecules_only(tmp_path):
    molecules = hydrogens(np.arange(100) + 1)
    path = write_schnetpack(tmp_path / "split.npz", [3, 0, 89], [4, 2], [88])
    split = read_split(path, molecules, USABLE)
    # molecules 3, 13, ... fall apart: the fourth connected one is molecule 4
    assert split.train.tolist() == [0, 4, 99]
    assert split.validation.tolist() == [2, 5]
    assert split.test.tolist() == [98]
    np.testing.assert_array_equal(split.excluded, np.flatnonzero(~USABLE))


def test_schnetpacks_test_part_may_be_empty(tmp_path):
    path = write_schnetpack(tmp_path / "split.npz", [0, 1], [2], [])
    assert len(read_split(path, hydrogens(np.arange(100)), USABLE).test) == 0


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (([0, 1], [2], [90]), "test_idx names molecule 90, but only 90 molecules can be used"),
        (([0, -1], [2], [3]), "train_idx names molecule -1, but only 90 molecules"),
        (([0, 1], [1], [3]), r"names a molecule twice \(hydrogens.db, record 1\).* 90 usable"),
        (([0, 0], [1], [3]), "names a molecule twice"),
        (([0.5, 1], [2], [3]), "train_idx is no list of whole numbers"),
        (([[0, 1]], [2], [3]), "train_idx is no list"),
        (([], [2], [3]), "its train part names none of the 90 usable molecules"),
    ],
)
def test_impossible_indices_are_refused(tmp_path, parts, message):
    with pytest.raises(DataError, match=message):
        read_split(write_schnetpack(tmp_path / "split.npz", *parts), hydrogens(np.arange(100)), USABLE)


def test_the_split_of_another_run_can_be_read(tmp_path):
    path, molecules = tmp_path / "split.npz", hydrogens(np.random.default_rng(0).permutation(100) + 1000)
    split = draw_split(USABLE, 40, 20, 5)
    save_split(path, split, molecules)
    again = read_split(path, molecules, USABLE)
    for part in PARTS:
        np.testing.assert_array_equal(getattr(again, part), getattr(split, part))


def test_molecules_that_cannot_be_used_here_are_excluded(tmp_path, caplog):
    path, molecules = tmp_path / "split.npz", hydrogens(np.arange(100))
    split = draw_split(USABLE, 50, 20)
    save_split(path, split, molecules)
    fewer = USABLE & (np.arange(100) != split.train[0])
    again = read_split(path, molecules, fewer)
    np.testing.assert_array_equal(again.train, split.train[1:])
    np.testing.assert_array_equal(again.excluded, np.flatnonzero(~fewer))
    assert "1 of its molecules cannot be used here" in caplog.text


def test_splits_of_other_molecules_and_other_files_are_refused(tmp_path):
    path, molecules = tmp_path / "split.npz", hydrogens(np.arange(100))
    with pytest.raises(DataError, match=r"split\.npz: no such split file"):
        read_split(path, molecules, USABLE)
    save_split(path, draw_split(USABLE, 50, 20), molecules)
    with pytest.raises(DataError, match=r"was drawn from other molecules than hydrogens\.db"):
        read_split(path, hydrogens(np.arange(100), spread=2.0), USABLE)
    np.savez(path, positions=np.arange(3))
    with pytest.raises(DataError, match="has neither train_idx, val_idx, test_idx nor train, validation"):
        read_split(path, molecules, USABLE)
    with path.open("wb") as file:
        np.save(file, np.arange(3))
    with pytest.raises(DataError, match="not a split file"):
        read_split(path, molecules, USABLE)
