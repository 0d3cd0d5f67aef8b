from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from ase import Atoms
from torch.utils.data import DataLoader
from torch_geometric.data import Batch

from gschnet_pyg.data.arrays import Collector, MoleculeArrays, Property
from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.data.sources import open_dataset
from gschnet_pyg.data.writing import write_database
from gschnet_pyg.errors import DataError


@pytest.fixture
def arrays(molecules: list[Atoms]) -> MoleculeArrays:
    collector = Collector("test")
    for number, atoms in enumerate(molecules):
        collector.add(10 + number, atoms.numbers, atoms.positions + 7.0, atoms.info)
    return collector.finish(units={"gap": "eV"})


def test_a_molecule_is_centred_on_its_centre_of_mass(arrays, molecules):
    dataset = MoleculeDataset(arrays)
    assert len(dataset) == 4
    data = dataset[3]
    assert data.z.dtype == torch.int64
    assert data.pos.dtype == torch.float64
    assert data.id.tolist() == [13]
    assert data.gap.shape == (1, 1)
    assert data.dipole_vector.tolist() == [[1.5, 2.5, 3.5]]
    assert "comment" not in data
    expected = molecules[3].positions - molecules[3].get_center_of_mass()
    np.testing.assert_allclose(data.pos.numpy(), expected, atol=1e-12)


def test_index_errors_end_a_loop(arrays):
    assert [int(data.id) for data in MoleculeDataset(arrays)] == [10, 11, 12, 13]
    assert int(MoleculeDataset(arrays)[-1].id) == 13


@pytest.mark.parametrize("indices", [[2, 0], np.array([False, True, False, True]), [], [3, 3]])
def test_a_subset_shows_what_was_chosen(arrays, indices):
    whole = MoleculeDataset(arrays)
    subset = whole.subset(indices)
    chosen = np.arange(4)[np.asarray(indices, dtype=None if len(indices) else int)]
    assert [data.id.item() for data in subset] == whole.ids[chosen].tolist() == subset.ids.tolist()
    assert subset.z.tolist() == [z for i in chosen for z in whole[int(i)].z.tolist()]
    assert subset.offsets[-1] == len(subset.z) == len(subset.pos)
    assert subset.n_atoms.tolist() == whole.n_atoms[chosen].tolist()
    assert subset.properties["gap"].values[:, 0].tolist() == [1.5 + i for i in chosen]
    assert subset.arrays is whole.arrays


def test_a_subset_of_a_subset(arrays):
    assert MoleculeDataset(arrays).subset([3, 1, 0]).subset([2, 1]).ids.tolist() == [10, 11]


def test_elements_are_sorted(arrays):
    assert MoleculeDataset(arrays).elements == (1, 6, 8)
    assert MoleculeDataset(arrays).subset([0]).elements == (1, 8)


def test_only_the_properties_asked_for(arrays):
    assert list(MoleculeDataset(arrays, ["gap"]).properties) == ["gap"]
    assert MoleculeDataset(arrays, []).properties == {}
    with pytest.raises(DataError, match=r"no property 'gp'; there are: dipole_vector, gap"):
        MoleculeDataset(arrays, ["gp"])


def test_a_missing_value_is_an_error_only_when_asked_for(arrays):
    values = np.array([[1.0], [2.0], [np.nan], [np.nan]])
    arrays = replace(arrays, properties={**arrays.properties, "homo": Property(values)})
    dataset = MoleculeDataset(arrays)
    assert "homo" not in dataset.properties
    assert "homo" in dataset.left_out
    with pytest.raises(DataError, match=r"test, record 12: has no value of 'homo' \(nor have 1 others\)"):
        MoleculeDataset(arrays, ["homo"])


@pytest.mark.parametrize("name", ["z", "pos", "id", "x", "num_nodes", "keys", "_store"])
def test_a_name_that_molecules_need_is_refused(arrays, name):
    arrays = replace(arrays, properties={name: Property(np.zeros((4, 1)))})
    assert MoleculeDataset(arrays).properties == {}
    with pytest.raises(DataError, match="rename it"):
        MoleculeDataset(arrays, [name])


def test_a_property_of_changing_shape_is_refused(molecules):
    collector = Collector("test", "row")
    for number, atoms in enumerate(molecules):
        collector.add(number, atoms.numbers, atoms.positions, {"forces": atoms.positions})
    with pytest.raises(DataError, match=r"'forces' cannot be used: it changes its shape: 9 values for row 0, 15"):
        MoleculeDataset(collector.finish(), ["forces"])


def test_computed_properties_are_carried_like_any_other(arrays):
    dataset = MoleculeDataset(arrays, ["gap"])
    columns = {"n_atoms": np.array([[3.0], [5], [12], [9]]), "twice": 2 * arrays.properties["gap"].values}
    view = dataset.subset([3, 1]).with_computed(columns, {"twice": "eV"})
    assert list(view.properties) == ["gap", "n_atoms", "twice"]
    assert view.properties["n_atoms"].values.tolist() == [[9], [5]]
    assert [view.properties[name].unit for name in ("twice", "n_atoms")] == ["eV", None]
    data = view.subset([0])[0]
    assert data.n_atoms.tolist() == [[9.0]]
    assert data.twice.dtype == torch.float64
    assert data.twice.item() == 2 * data.gap.item()
    assert "n_atoms" not in dataset.properties
    copy = pickle.loads(pickle.dumps(view))
    assert {name: prop.values.tolist() for name, prop in copy.properties.items()} == {
        name: prop.values.tolist() for name, prop in view.properties.items()
    }
    assert copy.properties["twice"].unit == "eV"


@pytest.mark.parametrize("name", ["composition", "n_atoms", "n_heavy_atoms", "relative_atomic_energy", "fingerprint"])
def test_the_usual_computed_names_are_free(arrays, name):
    """Batches and copies of molecules leave them alone."""
    dataset = MoleculeDataset(arrays, ()).with_computed({name: np.arange(4.0)[:, None]})
    batch = Batch.from_data_list([dataset[1], dataset[2]])
    assert batch[name].tolist() == [[1.0], [2.0]]
    assert batch.num_nodes == len(dataset[1].z) + len(dataset[2].z)


def test_a_computed_property_wins_over_one_that_is_not_carried(arrays):
    gap = np.full((4, 1), 9.0)
    assert MoleculeDataset(arrays, ()).with_computed({"gap": gap})[0].gap.item() == 9
    with pytest.raises(DataError, match=r"test: has a property 'gap' itself, .*; rename it"):
        MoleculeDataset(arrays).with_computed({"gap": gap})


def test_computed_properties_that_cannot_be_carried(arrays):
    dataset = MoleculeDataset(arrays)
    with pytest.raises(ValueError, match=r"not \[4, k\]"):
        dataset.subset([0]).with_computed({"one": np.zeros((1, 1))})
    with pytest.raises(DataError, match="'num_nodes' has a name that molecules use"):
        dataset.with_computed({"num_nodes": np.zeros((4, 1))})
    gaps = np.array([[0.0], [np.nan], [0.0], [0.0]])
    with pytest.raises(DataError, match="record 11: has no value of 'ratio'"):
        dataset.with_computed({"ratio": gaps})
    assert "ratio" in dataset.subset([0, 3]).with_computed({"ratio": gaps}).properties


def test_a_view_of_what_is_wanted(arrays):
    dataset = MoleculeDataset(arrays).with_computed({"ratio": np.zeros((4, 1)), "n_atoms": np.ones((4, 1))})
    assert list(dataset.subset([2]).carrying(["n_atoms", "gap"]).properties) == ["gap", "n_atoms"]
    with pytest.raises(DataError, match="no property 'rato'"):
        dataset.carrying(["rato"])


def test_the_whole_of_a_view_is_its_source_and_a_copy_of_the_arrays_shows_the_same(arrays):
    view = MoleculeDataset(arrays).subset([3, 1]).with_computed({"ratio": np.arange(4.0)[:, None]})
    assert view.whole.ids.tolist() == [10, 11, 12, 13]
    assert view.whole.properties == {}
    copy = view.on_arrays(replace(arrays))
    assert copy.ids.tolist() == [13, 11]
    assert copy.properties["ratio"].values.tolist() == [[3], [1]]


def test_worker_processes_map_the_file_instead_of_copying_it(tmp_path, molecules):
    write_database(tmp_path / "many.db", molecules * 200)
    dataset = open_dataset(tmp_path / "many.db", progress=False)
    assert len(pickle.dumps(dataset)) < 1000
    numbered = dataset.with_computed({"number": np.arange(800.0)[:, None]})
    loader = DataLoader(
        numbered.subset(range(4, 12)), batch_size=4, num_workers=1, collate_fn=list, multiprocessing_context="spawn"
    )
    loaded = [data for batch in loader for data in batch]
    assert [int(data.id) for data in loaded] == list(range(5, 13))
    assert torch.equal(loaded[0].pos, dataset[4].pos)
    assert [data.number.item() for data in loaded] == list(range(4, 12))


def test_the_fingerprint_tells_data_apart(arrays):
    moved = replace(arrays, pos=arrays.pos + 1e-9)
    assert MoleculeDataset(arrays).fingerprint == MoleculeDataset(replace(arrays)).fingerprint
    assert MoleculeDataset(arrays).fingerprint != MoleculeDataset(moved).fingerprint
