"""Sets of molecules that are larger than memory: they are looked at in pieces, and trained from where they lie."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import ase.db
import numpy as np
import pytest

from gschnet_pyg.build.conditions import prepare
from gschnet_pyg.build.data import datamodule
from gschnet_pyg.build.properties import open_source
from gschnet_pyg.contracts import Cutoffs
from gschnet_pyg.data import spool
from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.data.sources import open_dataset, read_as_is
from gschnet_pyg.data.splits import check_values, load_split, save_split
from gschnet_pyg.data.summary import summarise_dataset
from gschnet_pyg.data.writing import write_database
from gschnet_pyg.errors import DataError
from gschnet_pyg.recipe import load_recipe
from tests.faults.memory import watched
from tests.integration.conftest import NO_WORKERS, TINY, conformers
from tests.molecules import coordinates

PER_MOLECULE = 64
"""Bytes that a training may allocate for every molecule of the data, whatever its number of atoms."""

PER_NUMBER = 8
"""And for every number that it is conditioned on: a gap is one, a composition of five elements is six."""


def write_many(
    path: Path, n_molecules: int, smiles: tuple[str, ...] = ("CCCCCCCCCO", "c1ccccc1CCN", "CC(C)CC#N")
) -> int:
    """A flat npz of some molecules again and again, with a property; size of their atoms and positions in bytes."""
    each = [coordinates(name) for name in smiles]
    repeats = -(-n_molecules // len(each))
    n_atoms = np.tile([len(z) for z, _ in each], repeats)[:n_molecules]
    total = int(n_atoms.sum())
    z, pos = (np.concatenate(arrays) for arrays in zip(*each, strict=True))
    z, pos = np.tile(z.astype(np.uint8), repeats)[:total], np.tile(pos, (repeats, 1))[:total]
    with path.open("wb") as file:
        np.savez(file, n_atoms=n_atoms, z=z, pos=pos, gap=np.random.default_rng(0).uniform(3, 9, n_molecules))
    return int(z.nbytes + pos.nbytes)


def settings(path: Path, n_molecules: int) -> list[str]:
    split = f"split={{train: {n_molecules - 40}, validation: 16, test: 8, hold_out: [], file: null}}"
    return ["data.kind=file", f"data.path={path}", "training.max_steps=20", *TINY[:-1], split]


CONDITIONS = "conditions=[{kind: scalar, property: gap}, {kind: composition}]"


def begin_training(folder: Path, *more: str, n_molecules: int) -> None:
    """Everything between the command and the first step, resumed once."""
    recipe = load_recipe("qm9_fast", [*settings(folder / "many.npz", n_molecules), *NO_WORKERS, *more])
    split = folder / "split.npz"
    for _ in range(2):
        prepared = prepare(recipe, open_source(recipe), split)
        save_split(split, prepared.parts, prepared.molecules)
    check_values(split, prepared.molecules)
    load_split(split, prepared.molecules)
    batches = datamodule(prepared.recipe, prepared.molecules, prepared.parts)
    next(iter(batches.train_dataloader()))


def look(folder: Path, *more: str, n_molecules: int) -> None:
    summarise_dataset(open_dataset(folder / "many.npz", progress=False), Cutoffs(), (1, 6, 7, 8), progress=False)


@pytest.mark.parametrize(
    ("work", "more", "bound"),
    [
        (begin_training, "conditions=[]", PER_MOLECULE),
        (begin_training, CONDITIONS, PER_MOLECULE + 7 * PER_NUMBER),
        (look, "", PER_MOLECULE),
    ],
    ids=["train", "conditions", "info"],
)
def test_what_is_allocated_does_not_grow_with_the_atoms(tmp_path, monkeypatch, work, more, bound):
    monkeypatch.setattr("gschnet_pyg.data.arrays.PIECE_ATOMS", 5000)
    monkeypatch.setattr("gschnet_pyg.data.arrays.PIECE_NUMBERS", 5000)
    peaks, sizes = [], (4_000, 24_000)
    for n_molecules in sizes:
        folder = tmp_path / str(n_molecules)
        folder.mkdir()
        of_data = write_many(folder / "many.npz", n_molecules)
        work(folder, more, n_molecules=n_molecules)  # converts it; what is imported here is not counted
        tracemalloc.start()
        work(folder, more, n_molecules=n_molecules)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    growth = (peaks[1] - peaks[0]) / (sizes[1] - sizes[0])
    assert growth < bound
    assert bound < of_data / sizes[1] / 2


@pytest.mark.slow
def test_a_million_molecules_train_from_where_they_lie(tmp_path):
    peaks, sizes = [], (10_000, 1_000_000)
    for n_molecules in sizes:
        name = f"{n_molecules}.npz"
        of_data = write_many(tmp_path / name, n_molecules)
        assert watched("data", "info", name, "--json", cwd=tmp_path).code == 0  # converts it
        more = ("training.workers={train: 1, validation: 0, test: 0, preprocessing: 0}", f"run.id=of-{n_molecules}")
        outcome = watched("train", "qm9_fast", *settings(tmp_path / name, n_molecules), *more, cwd=tmp_path)
        assert outcome.code == 0, outcome.err
        assert f"{n_molecules - 40:,} molecules" in outcome.out
        assert "Ended after 20 steps" in outcome.out
        peaks.append((outcome.peak, outcome.worker_peak))
    for few, many in zip(*peaks, strict=True):
        assert many - few < PER_MOLECULE * (sizes[1] - sizes[0])
        assert many - few < of_data / 4


def test_a_large_database_is_collected_in_a_file(tmp_path, monkeypatch):
    """Also properties that only some have, and one that changes its shape."""
    molecules = conformers()
    for row, atoms in enumerate(molecules):
        atoms.info = {"gap": 1.0 * row, "dipole": np.arange(3.0) + row, "odd": np.zeros(1 + row // 20)}
        if row in (0, 7, 31):
            del atoms.info["gap"]
    write_database(tmp_path / "a.db", molecules)
    whole = read_as_is(tmp_path / "a.db", progress=False)
    monkeypatch.setattr(spool, "ROOM", 100)
    monkeypatch.setattr("gschnet_pyg.data.readers._PAGE", 5)
    found = read_as_is(tmp_path / "a.db", progress=False)
    assert isinstance(found.pos.base.base, np.memmap) or isinstance(found.pos.base, np.memmap)
    assert found.hash_content() == whole.hash_content()
    assert found.unusable == whole.unusable == {"odd": "changes its shape: 1 values for row 1, 2 for row 21"}
    assert np.flatnonzero(np.isnan(found.properties["gap"].values[:, 0])).tolist() == [0, 7, 31]
    for name in ("gap", "dipole"):
        np.testing.assert_array_equal(found.properties[name].values, whole.properties[name].values)
    np.testing.assert_array_equal(found.properties["dipole"].values[5], [5, 6, 7])


def test_rows_that_were_deleted_are_no_end(tmp_path, monkeypatch):
    monkeypatch.setattr("gschnet_pyg.data.readers._PAGE", 4)
    write_database(tmp_path / "a.db", conformers())
    with ase.db.connect(tmp_path / "a.db") as database:
        database.delete([*range(1, 12), 20, 32])
    assert read_as_is(tmp_path / "a.db", progress=False).ids.tolist() == [*range(12, 20), *range(21, 32)]


def test_no_room_for_a_large_set_names_the_folder_and_the_way_out(tmp_path, monkeypatch):
    write_database(tmp_path / "a.db", conformers())
    monkeypatch.setattr(spool, "ROOM", 100)
    monkeypatch.setattr(spool.tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(
        DataError, match=r"none: no room for a large set of molecules .*; name another folder with TMPDIR"
    ):
        open_dataset(tmp_path / "a.db", progress=False)
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".gschnet-cache"] == ["a.db"]


def test_a_view_of_some_molecules_counts_as_its_copy_does(tmp_path, monkeypatch):
    """Elements and compositions, in pieces smaller than a molecule."""
    write_many(tmp_path / "many.npz", 50)
    arrays = open_dataset(tmp_path / "many.npz", progress=False).arrays
    rows = np.array([40, 1, 2, 17])
    view, copy = MoleculeDataset(arrays, rows=rows), MoleculeDataset(arrays.take(rows))
    expected = summarise_dataset(copy, Cutoffs(), (6,), progress=False)
    monkeypatch.setattr("gschnet_pyg.data.arrays.PIECE_ATOMS", 1)
    assert summarise_dataset(view, Cutoffs(), (6,), progress=False) == expected
    assert view.hash_values() == copy.hash_values()
    assert view.elements == copy.elements == (1, 6, 7, 8)[: len(view.elements)]
