from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing

import ase.db
import numpy as np
import pytest
import torch
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from torch_geometric.data import Data

from gschnet_pyg.data.sources import open_dataset
from gschnet_pyg.data.writing import check_writable, write_database, write_molecules
from gschnet_pyg.errors import DataError
from tests.data.test_sources import assert_same_molecules


def test_what_is_written_is_read(tmp_path, molecules):
    path = tmp_path / "new" / "folder" / "a.db"
    assert write_database(path, molecules, units={"gap": "eV"}, metadata={"made_by": "test"}) == 4
    dataset = open_dataset(path, progress=False)
    assert_same_molecules(dataset, molecules, atol=1e-12)
    assert dataset.properties["gap"].unit == "eV"
    assert dataset[1].dipole_vector.tolist() == [[0.5, 1.5, 2.5]]
    assert sorted(os.listdir(path.parent)) == ["a.db", "a.db.gschnet-cache"]


def test_a_database_has_what_schnetpack_asks_for(tmp_path, molecules):
    write_database(tmp_path / "a.db", molecules, units={"gap": "eV"}, metadata={"seed": 7})
    with ase.db.connect(tmp_path / "a.db") as database:
        assert database.metadata == {
            "_distance_unit": "Ang",
            "_property_unit_dict": {"gap": "eV", "dipole_vector": ""},
            "atomrefs": {},
            "seed": 7,
        }
        row = database.get(2)
        for name, shape in (("gap", (1,)), ("dipole_vector", (3,))):
            assert isinstance(row.data[name], np.ndarray)
            assert row.data[name].shape == shape
        assert row.key_value_pairs == {"comment": "text"}


@pytest.mark.parametrize(
    "properties",
    [
        {"mu": [1.0, 2.0, 3.0, 4.0], "label": list("abcd")},
        {"mu": np.arange(1.0, 5.0), "label": list("abcd")},
        [{"mu": number + 1.0, "label": label} for number, label in enumerate("abcd")],
    ],
)
def test_properties_as_columns_or_rows(tmp_path, molecules, properties):
    write_database(tmp_path / "a.db", iter(molecules), properties, {"mu": "D"})
    dataset = open_dataset(tmp_path / "a.db", progress=False)
    assert list(dataset.properties) == ["mu"]
    assert dataset.properties["mu"].values[:, 0].tolist() == [1, 2, 3, 4]
    assert ase.db.connect(tmp_path / "a.db").get(3).label == "c"


def test_no_properties_at_all(tmp_path, molecules):
    write_database(tmp_path / "a.db", molecules, {})
    assert open_dataset(tmp_path / "a.db", progress=False).properties == {}


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"mu": [1.0, 2.0]}, "molecule 2 .* no properties"),
        ({"mu": [1.0] * 5}, "more than the 4 molecules"),
        ({"mu": [1.0] * 4, "nu": [1.0] * 3}, "differ in length: mu 4, nu 3"),
    ],
)
def test_properties_that_do_not_fit(tmp_path, molecules, properties, message):
    with pytest.raises(DataError, match=message):
        write_database(tmp_path / "a.db", molecules, properties)
    assert os.listdir(tmp_path) == []


def test_an_interrupted_writing_leaves_the_old_file(tmp_path, molecules):
    def broken():
        yield molecules[0]
        raise RuntimeError("interrupted")

    write_database(tmp_path / "a.db", molecules)
    before = (tmp_path / "a.db").read_bytes()
    with pytest.raises(RuntimeError, match="interrupted"):
        write_database(tmp_path / "a.db", broken())
    assert (tmp_path / "a.db").read_bytes() == before
    assert os.listdir(tmp_path) == ["a.db"]


def test_appending(tmp_path, molecules):
    path = tmp_path / "a.db"
    write_database(path, molecules[:1], units={"gap": "eV"}, metadata={"first": 1}, append=True)
    write_database(path, molecules[1:], units={"gap": "eV"}, metadata={"second": 2}, append=True)
    assert_same_molecules(open_dataset(path, progress=False), molecules)
    metadata = ase.db.connect(path).metadata
    assert metadata["_property_unit_dict"]["gap"] == "eV"
    assert (metadata["first"], metadata["second"]) == (1, 2)
    with pytest.raises(DataError, match="holds gap in eV; convert it before appending Hartree"):
        write_database(path, molecules, units={"gap": "Hartree"}, append=True)


def test_only_an_ase_database_is_appended_to(tmp_path, molecules):
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE notes (text TEXT)")
    before = (tmp_path / "other.db").read_bytes()
    with pytest.raises(DataError, match=r"other\.db: is no ASE database"):
        write_database(tmp_path / "other.db", molecules, append=True)
    assert (tmp_path / "other.db").read_bytes() == before


def test_the_suffix_may_be_in_capitals(tmp_path, molecules):
    write_molecules(tmp_path / "A.DB", molecules)
    assert_same_molecules(open_dataset(tmp_path / "A.DB", progress=False), molecules)


@pytest.mark.parametrize(
    ("name", "message"), [("a.cif", "must end in"), ("folder.db", "is a folder"), ("file/a.db", "may write to")]
)
def test_what_cannot_be_written_is_known_at_once(tmp_path, name, message):
    (tmp_path / "folder.db").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=message):
        check_writable(tmp_path / name)


def test_a_dataset_keeps_its_units(tmp_path, demo):
    subset = demo.subset(range(20))
    write_database(tmp_path / "a.db", subset)
    copy = open_dataset(tmp_path / "a.db", progress=False)
    assert copy.properties["mmff94_energy"].unit == "eV"
    np.testing.assert_array_equal(copy.properties["mmff94_energy"].values, subset.properties["mmff94_energy"].values)
    assert all(torch.allclose(a.pos, b.pos) for a, b in zip(copy, subset, strict=True))


def test_data_and_calculators(tmp_path, molecules):
    water = molecules[0]
    water.calc = SinglePointCalculator(water, energy=-5.0)
    data = Data(z=torch.tensor([8, 1, 1]), pos=torch.tensor(water.positions), energy=torch.tensor([[-6.0]]))
    write_database(tmp_path / "a.db", [water, data])
    assert open_dataset(tmp_path / "a.db", progress=False).properties["energy"].values.tolist() == [[-5], [-6]]


@pytest.mark.parametrize("suffix", ["db", "extxyz", "xyz", "sdf"])
def test_formats_by_suffix(tmp_path, molecules, suffix):
    path = tmp_path / f"a.{suffix}"
    assert write_molecules(path, molecules, units={"gap": "eV"}, metadata={"seed": 3}) == 4
    dataset = open_dataset(path, progress=False)
    assert_same_molecules(dataset, molecules, atol=1e-4)
    assert dataset[2].gap.item() == 3.5
    assert dataset[2].dipole_vector.tolist() == [[1, 2, 3]]
    if suffix != "db":
        assert json.loads((tmp_path / f"a.{suffix}.json").read_text()) == {"units": {"gap": "eV"}, "seed": 3}


def test_a_large_molecule_fits_into_an_sdf(tmp_path):
    large = Atoms("C" * 1200, np.arange(3600).reshape(-1, 3) * 0.7)
    write_molecules(tmp_path / "a.sdf", [large])
    assert open_dataset(tmp_path / "a.sdf", progress=False).n_atoms.tolist() == [1200]


@pytest.mark.parametrize("name", ["a.cif", "a", "a.npz"])
def test_other_suffixes_are_refused(tmp_path, molecules, name):
    with pytest.raises(DataError, match=r"must end in \.db or \.extxyz or \.xyz or \.sdf"):
        write_molecules(tmp_path / name, molecules)


def test_paths_and_molecules_that_cannot_be_written(tmp_path, molecules):
    (tmp_path / "folder.db").mkdir()
    (tmp_path / "file").touch()
    for path in (tmp_path / "folder.db", tmp_path / "file" / "a.db"):
        with pytest.raises(DataError, match=str(path)):
            write_database(path, molecules)
    with pytest.raises(DataError, match=r"molecule 1 .* periodic cell"):
        write_database(tmp_path / "a.db", [molecules[0], Atoms("H", cell=[2, 2, 2], pbc=True)])


def test_thousands_of_rows_a_second(tmp_path, demo):
    from time import perf_counter

    start = perf_counter()
    write_database(tmp_path / "a.db", demo.subset(range(1000)))
    assert perf_counter() - start < 5  # 0.2 s on an idle core


def test_text_with_backslashes_survives_extxyz(tmp_path):
    smiles = r"C/C=C\C"
    write_molecules(tmp_path / "m.extxyz", [Atoms("C", info={"smiles": smiles})])
    assert ase.io.read(tmp_path / "m.extxyz").info["smiles"] == smiles
