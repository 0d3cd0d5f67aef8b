"""Every bad input is one clear error that names file, molecule and what to do."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from rdkit import Chem
from rdkit.Chem import rdDepictor

from gschnet_pyg.data.checks import check_elements
from gschnet_pyg.data.readers import database_metadata
from gschnet_pyg.data.sources import open_dataset
from gschnet_pyg.data.writing import write_database, write_molecules
from gschnet_pyg.errors import DataError
from tests.data.test_sources import write_npz

BAD_MOLECULES = {
    "periodic cell": Atoms("H", cell=[3, 3, 3], pbc=[True, False, False]),
    "not a finite number": Atoms("H2", [[0, 0, 0], [0, 0, np.nan]]),
    "atoms 0 and 2 (counted from 0) are at one place": Atoms("HOH", [[0, 0, 0], [0, 0, 1], [0, 0.001, 0]]),
    "molecule without atoms": Atoms(),
    "0 is not an atomic number": Atoms("XH", [[0, 0, 0], [0, 0, 1]]),
}


def refused(path: Path, *words: str, **options: object) -> None:
    with pytest.raises(DataError) as caught:
        open_dataset(path, progress=False, **options)
    message = str(caught.value)
    assert "\n" not in message
    for word in (str(path), *words):
        assert word in message


@pytest.mark.parametrize("reason", BAD_MOLECULES)
def test_molecules_that_cannot_be(tmp_path, molecules, reason):
    ase.io.write(tmp_path / "bad.extxyz", [*molecules, BAD_MOLECULES[reason]])
    refused(tmp_path / "bad.extxyz", "record 4", reason)
    with ase.db.connect(tmp_path / "bad.db") as database:
        for atoms in (molecules[0], BAD_MOLECULES[reason]):
            database.write(atoms)
    refused(tmp_path / "bad.db", "row 2", reason)


def test_missing_file(tmp_path):
    refused(tmp_path / "none.db", "no such file")


def test_folder(tmp_path):
    refused(tmp_path, "is a folder", f"gschnet-pyg data import {tmp_path} -o molecules.db")


def test_unknown_format(tmp_path):
    path = tmp_path / "notes.weird"
    path.write_text("nothing that anybody reads")
    refused(path, "unknown format")


@pytest.mark.parametrize("name", ["a.db", "a.json", "a.npz", "a.sdf", "a.mol", "a.xyz", "a.extxyz", "a.weird", "a"])
def test_empty_files(tmp_path, name):
    (tmp_path / name).touch()
    refused(tmp_path / name, "is empty")


@pytest.mark.parametrize("name", ["a.db", "a.npz", "a.sdf", "a.extxyz"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.98])
def test_truncated_files(tmp_path, molecules, name, share):
    path = tmp_path / name
    if name.endswith("npz"):
        write_npz(path, molecules)
    else:
        write_molecules(path, molecules)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    refused(path)


@pytest.mark.parametrize("name", ["a.db", "a.npz", "a.sdf", "a.extxyz"])
def test_noise(tmp_path, name):
    (tmp_path / name).write_bytes(np.random.default_rng(0).integers(0, 256, 20_000, dtype=np.uint8).tobytes())
    refused(tmp_path / name)


def test_another_sqlite_file_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "b %23?.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (text TEXT)")
    before = path.read_bytes()
    refused(path, "is no ASE database")
    with pytest.raises(DataError, match="is no ASE database"):
        database_metadata(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("text", ["[1, 2]", '{"a": 3}', "3", "{"])
def test_json_that_is_no_database(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    refused(tmp_path / "a.json", "no ASE database")


def test_npz_that_would_run_code(tmp_path):
    np.savez(tmp_path / "a.npz", n_atoms=np.array([1]), z=np.array([{}], dtype=object), pos=np.zeros((1, 3)))
    refused(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"n_atoms": np.array([3, 5])}, "but z has the shape"),
        ({"pos": np.zeros((5, 3))}, "but z has the shape"),
        ({"n_atoms": np.array([], dtype=int)}, "holds no molecules"),
        ({"n_atoms": np.array([1.5])}, "whole numbers"),
        ({"ids": np.array([1, 1, 2, 3])}, "occurs twice"),
        ({"z": np.full(29, 119)}, "119 is not an atomic number"),
    ],
)
def test_npz_whose_arrays_do_not_fit(tmp_path, molecules, change, reason):
    refused(write_npz(tmp_path / "a.npz", molecules, **change), reason)


def test_npz_without_positions(tmp_path):
    np.savez(tmp_path / "a.npz", n_atoms=np.array([1]), z=np.array([1]))
    refused(tmp_path / "a.npz", "lacks the array 'pos'")


def test_sdf_without_coordinates_in_space(tmp_path):
    mol = Chem.MolFromSmiles("CCO")
    rdDepictor.Compute2DCoords(mol)
    (tmp_path / "flat.sdf").write_text(Chem.MolToMolBlock(mol))
    refused(tmp_path / "flat.sdf", "record 0", "without coordinates in space")


def test_sdf_with_a_broken_record(tmp_path, molecules):
    path = tmp_path / "a.sdf"
    write_molecules(path, molecules)
    path.write_text(re.sub(r" C ", " ?? ", path.read_text(), count=1))
    refused(path, "record 1", "RDKit cannot read it")


def test_contradicted_units(tmp_path, molecules):
    write_database(tmp_path / "a.db", molecules, units={"gap": "eV"})
    refused(tmp_path / "a.db", "states gap in eV, but Hartree", units={"gap": "Hartree"})
    refused(tmp_path / "a.db", "states distances in Ang, but Bohr", distance_unit="Bohr")


def test_an_element_outside_the_atom_types(tmp_path, molecules):
    write_database(tmp_path / "a.db", molecules)
    dataset = open_dataset(tmp_path / "a.db", progress=False)
    check_elements(dataset, [8, 6, 1])
    with pytest.raises(DataError, match=r"a\.db, row 2: holds C, which is not among the atom types \(H, O\); add 6"):
        check_elements(dataset, [1, 8])
    with pytest.raises(DataError, match=r"row 4: holds C"):
        check_elements(dataset.subset([0, 3]), [1, 8])


def test_checking_finds_the_one_bad_atom_among_many():
    from gschnet_pyg.data.arrays import Collector
    from gschnet_pyg.data.checks import check_molecules

    generator = np.random.default_rng(1)
    collector = Collector("many")
    for number in range(2000):
        pos = np.stack(np.meshgrid(*[np.arange(3.0)] * 3), -1).reshape(-1, 3)  # planes of equal x
        if number == 1234:
            pos[20] = pos[7] + [0, 0.004, -0.005]
        collector.add(number, np.full(27, 6), generator.permutation(pos), {})
    with pytest.raises(DataError, match="many, record 1234: atoms"):
        check_molecules(collector.finish())
