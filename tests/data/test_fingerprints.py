from __future__ import annotations

import logging
import pickle
import shutil

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from gschnet_pyg.bonds import smiles_fingerprint
from gschnet_pyg.contracts import Cutoffs
from gschnet_pyg.data import fingerprints as module
from gschnet_pyg.data.cache import load_arrays
from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.data.fingerprints import PackedBits, fingerprints
from gschnet_pyg.data.sources import open_dataset
from gschnet_pyg.data.summary import summarise_dataset
from gschnet_pyg.data.writing import write_database
from gschnet_pyg.errors import DataError

NAMES = ("H2O", "CH4", "C6H6", "CH3CH2OH")
SMILES = ("O", "C", "c1ccccc1", "CCO")


@pytest.fixture
def dataset(tmp_path) -> MoleculeDataset:
    """Four molecules and, in between, two hydrogen atoms far from each other."""
    atoms = [molecule(name) for name in NAMES]
    atoms.insert(2, Atoms("H2", [[0, 0, 0], [0, 0, 9.0]]))
    write_database(tmp_path / "a.db", atoms)
    return open_dataset(tmp_path / "a.db", progress=False)


def test_coordinates_and_smiles_agree(dataset):
    found = fingerprints(dataset, 2, 1024)
    assert found.is_known.tolist() == [True, True, False, True, True]
    assert found.column.shape == (5, 1024)
    expected = np.array([smiles_fingerprint(smiles, 2, 1024) for smiles in SMILES])
    np.testing.assert_array_equal(found.column[[0, 1, 3, 4]], expected)
    assert found.column[3].dtype == np.float64
    assert not found.column[2].any()


def test_the_demo_set_is_perceived_as_its_smiles(demo):
    found = fingerprints(demo, 2, 2048)
    assert found.is_known.all()
    for row in range(0, len(demo), 200):
        np.testing.assert_array_equal(found.column[row], smiles_fingerprint(demo.smiles[row]))


def test_a_dataset_carries_them(dataset):
    view = dataset.subset([4, 0])
    found = fingerprints(view, 2, 64)
    assert found.is_known.tolist() == [True, True]
    carried = view.with_computed({"fingerprint": found.column})
    assert carried[0].fingerprint.shape == (1, 64)
    assert carried.subset([1])[0].fingerprint.numpy().tolist() == [found.column[0].tolist()]
    values = carried.properties["fingerprint"].values
    assert values.shape == (2, 64)
    np.testing.assert_array_equal(values[:], found.column[[4, 0]])
    np.testing.assert_array_equal(values[1], found.column[0])
    summary = summarise_dataset(carried, Cutoffs(), (1, 6, 8), progress=False).properties["fingerprint"]
    assert (summary.size, summary.minimum, summary.maximum) == (64, 0, 1)


def test_processes_give_what_one_gives(dataset, monkeypatch):
    monkeypatch.setattr(module, "_CHUNK", 2)
    arrays = dataset.arrays.take(np.arange(5))
    alone, together = (fingerprints(MoleculeDataset(arrays), 2, 256, workers) for workers in (0, 2))
    np.testing.assert_array_equal(alone.column[:], together.column[:])


def test_they_are_kept_by_radius_and_bits(dataset, monkeypatch):
    first = fingerprints(dataset, 2, 1024)
    calls = []
    original = module.perceived_fingerprints
    monkeypatch.setattr(module, "perceived_fingerprints", lambda *a, **k: calls.append(1) or original(*a, **k))
    again = fingerprints(dataset.subset([3, 2]), 2, 1024)
    assert calls == []
    assert again.is_known.tolist() == [True, False]
    np.testing.assert_array_equal(again.column[:], first.column[:])
    assert not np.array_equal(fingerprints(dataset, 0, 1024).column[:], first.column[:])
    assert fingerprints(dataset, 2, 512).column.shape == (5, 512)
    assert calls == [1, 1]


def test_damaged_ones_are_made_again(dataset, caplog):
    found = fingerprints(dataset, 2, 256)
    (file,) = dataset.arrays.directory.glob("fingerprints-*.npy")
    file.write_bytes(file.read_bytes()[:150])
    with caplog.at_level(logging.WARNING):
        again = fingerprints(dataset, 2, 256)
    assert f"{file}: damaged cache" in caplog.text
    assert again.is_known.tolist() == found.is_known.tolist()


def test_workers_open_the_file_again(dataset):
    column = fingerprints(dataset, 2, 2048).column
    assert len(pickle.dumps(column)) < 400
    carried = pickle.loads(pickle.dumps(dataset.with_computed({"fingerprint": column}).subset([3])))
    np.testing.assert_array_equal(carried[0].fingerprint[0], column[3])
    in_memory = PackedBits(np.array([[128, 1]], dtype=np.uint8))
    assert pickle.loads(pickle.dumps(in_memory))[0].tolist() == [1] + [0] * 14 + [1]


def test_they_travel_with_a_copy_of_the_cache(dataset, tmp_path):
    carried = dataset.with_computed({"fingerprint": fingerprints(dataset, 2, 256).column})
    copy = shutil.copytree(dataset.arrays.directory, tmp_path / "copy")
    moved = carried.on_arrays(load_arrays(copy))
    shutil.rmtree(dataset.arrays.directory)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(moved))[3].fingerprint, carried[3].fingerprint)


@pytest.mark.parametrize(("radius", "bits", "message"), [(2, 100, "multiple of 8"), (2, 0, "0 bits"), (-1, 64, "-1")])
def test_what_cannot_be_is_refused(dataset, radius, bits, message):
    with pytest.raises(DataError, match=message):
        fingerprints(dataset, radius, bits)
