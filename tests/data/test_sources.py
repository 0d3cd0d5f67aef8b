from __future__ import annotations

from pathlib import Path

import ase.db
import ase.io
import numpy as np
import pytest
from ase import Atoms, units
from ase.calculators.singlepoint import SinglePointCalculator
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.data.readers import database_metadata
from gschnet_pyg.data.sources import open_dataset, read_as_is
from gschnet_pyg.errors import DataError


def write_npz(path: Path, molecules: list[Atoms], **more: np.ndarray) -> Path:
    arrays = {
        "n_atoms": np.array([len(atoms) for atoms in molecules]),
        "z": np.concatenate([atoms.numbers for atoms in molecules]),
        "pos": np.concatenate([atoms.positions for atoms in molecules]),
    }
    np.savez_compressed(path, **{**arrays, **more})
    return path


def assert_same_molecules(dataset, molecules: list[Atoms], atol: float = 1e-7) -> None:
    assert len(dataset) == len(molecules)
    for data, atoms in zip(dataset, molecules, strict=True):
        assert data.z.tolist() == atoms.numbers.tolist()
        np.testing.assert_allclose(data.pos, atoms.positions - atoms.get_center_of_mass(), atol=atol)


@pytest.mark.parametrize("name", ["a.extxyz", "a.xyz", "a.traj", "a.json"])
def test_formats_that_ase_reads(tmp_path, molecules, name):
    if name.endswith("json"):
        with ase.db.connect(tmp_path / name) as database:
            for atoms in molecules:
                database.write(atoms, gap=atoms.info["gap"])
    else:
        ase.io.write(tmp_path / name, molecules)
    dataset = open_dataset(tmp_path / name, progress=False)
    assert_same_molecules(dataset, molecules)
    assert dataset.properties["gap"].values[:, 0].tolist() == [1.5, 2.5, 3.5, 4.5]
    assert dataset.ids.tolist() == [1, 2, 3, 4] if name.endswith("json") else [0, 1, 2, 3]


def test_the_energy_of_an_extxyz_is_a_property(tmp_path, molecules):
    for number, atoms in enumerate(molecules):
        atoms.calc = SinglePointCalculator(atoms, energy=-float(number))
    ase.io.write(tmp_path / "a.extxyz", molecules)
    dataset = open_dataset(tmp_path / "a.extxyz", units={"energy": "Hartree"}, progress=False)
    assert dataset.properties["energy"].values[3, 0] == pytest.approx(-3 * units.Hartree)
    assert dataset.properties["energy"].unit == "eV"


def test_hartree_and_bohr_in_a_database_give_the_same_tensors(tmp_path, molecules):
    for name, energy, length in (("ev", 1.0, 1.0), ("ha", units.Hartree, units.Bohr)):
        with ase.db.connect(tmp_path / f"{name}.db") as database:
            for atoms in molecules:
                scaled = Atoms(atoms.numbers, atoms.positions / length)
                database.write(scaled, data={"gap": np.array([atoms.info["gap"] / energy]), "mu": np.array([1.0])})
            database.metadata = {
                "_distance_unit": "Ang" if name == "ev" else "Bohr",
                "_property_unit_dict": {"gap": "eV" if name == "ev" else "Hartree", "mu": "Debye"},
            }
    ev, ha = (open_dataset(tmp_path / f"{name}.db", progress=False) for name in ("ev", "ha"))
    assert ev.properties["mu"].unit == "Debye"
    for a, b in zip(ev, ha, strict=True):
        np.testing.assert_allclose(a.pos, b.pos, atol=1e-12)
        np.testing.assert_allclose(a.gap, b.gap, rtol=1e-12)
        assert a.z.tolist() == b.z.tolist()


def test_rows_of_a_database_keep_their_ids(tmp_path, molecules):
    with ase.db.connect(tmp_path / "a.db") as database:
        for atoms in molecules:
            database.write(atoms, charge_state=2, label="text")
        del database[2]
    dataset = open_dataset(tmp_path / "a.db", progress=False)
    assert dataset.ids.tolist() == [1, 3, 4]
    assert list(dataset.properties) == ["charge_state"]


@pytest.mark.parametrize("name", ["a.db", "a.json"])
def test_reading_leaves_a_database_as_it_is(tmp_path, molecules, name):
    path = tmp_path / name
    with ase.db.connect(path) as database:
        for atoms in molecules:
            database.write(atoms)
        database.metadata = {"title": "four"}
    before, files = path.read_bytes(), sorted(tmp_path.iterdir())
    assert database_metadata(path) == {"title": "four"}
    assert_same_molecules(MoleculeDataset(read_as_is(path, progress=False)), molecules)
    assert path.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == files


@pytest.mark.parametrize(
    ("name", "message"), [("none.db", "no such file"), ("a.db", "is no ASE database"), ("empty.db", "is empty")]
)
def test_metadata_of_what_is_no_database(tmp_path, name, message):
    (tmp_path / "a.db").write_text("text " * 100)
    (tmp_path / "empty.db").touch()
    with pytest.raises(DataError, match=rf"{name}: {message}"):
        database_metadata(tmp_path / name)


def test_an_at_sign_belongs_to_the_name(tmp_path, molecules):
    ase.io.write(tmp_path / "a.xyz", molecules)
    (tmp_path / "a.xyz").rename(tmp_path / "b@1.xyz")
    assert_same_molecules(open_dataset(tmp_path / "b@1.xyz", progress=False), molecules)


def test_sdf_tags_that_are_numbers_are_properties(tmp_path):
    with Chem.SDWriter(str(tmp_path / "a.sdf")) as writer:
        for smiles in ("CCO", "c1ccccc1", "[NH4+]", "F"):
            mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
            rdDistGeom.EmbedMolecule(mol, randomSeed=1)
            mol.SetProp("gap", "1.5")
            mol.SetProp("vector", "1 2 3")
            mol.SetProp("label", smiles)
            writer.write(mol)
    dataset = open_dataset(tmp_path / "a.sdf", units={"gap": "Hartree"}, progress=False)
    assert dataset.n_atoms.tolist() == [9, 12, 5, 2]
    assert dataset[1].z.tolist() == [6] * 6 + [1] * 6
    assert dataset[1].gap.item() == pytest.approx(1.5 * units.Hartree)
    assert dataset[2].vector.tolist() == [[1, 2, 3]]
    assert set(dataset.properties) == {"gap", "vector"}


def test_npz_with_ids_and_properties(tmp_path, molecules):
    path = write_npz(
        tmp_path / "a.npz", molecules, ids=np.array([5, 6, 8, 9]), gap=np.arange(4.0), spectrum=np.ones((4, 7)),
        smiles=np.array(["O", "C", "c1ccccc1", "CCO"]), wrong=np.arange(3),
    )  # fmt: skip
    dataset = open_dataset(path, progress=False)
    assert_same_molecules(dataset, molecules)
    assert dataset.ids.tolist() == [5, 6, 8, 9]
    assert {name: prop.values.shape for name, prop in dataset.properties.items()} == {"gap": (4, 1), "spectrum": (4, 7)}
    assert "one row for each of the 4 molecules" in dataset.left_out["wrong"]


def test_a_bar_is_only_shown_where_it_is_wanted(tmp_path, molecules, capfd):
    ase.io.write(tmp_path / "a.xyz", molecules)
    open_dataset(tmp_path / "a.xyz", progress=False)
    assert capfd.readouterr().err == ""


@pytest.mark.shared
def test_qm9_geometries(shared, tmp_path):
    dataset = open_dataset(shared / "data" / "qm9_geometries.npz", cache_dir=tmp_path, progress=False)
    assert len(dataset) == 118_744
    assert dataset.elements == (1, 6, 7, 8)
    assert int(dataset[0].gdb_index) == 1
