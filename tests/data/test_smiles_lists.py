"""Lists of SMILES in all their forms, and what is embedded of them."""

from __future__ import annotations

import csv
import gzip
import logging
from pathlib import Path

import ase.db
import numpy as np
import pytest
from ase import units

from gschnet_pyg.data.demo import ENERGY
from gschnet_pyg.data.embedded_lists import EmbeddingOptions
from gschnet_pyg.data.importing import import_files
from gschnet_pyg.data.smiles_lists import is_smiles_list, read_smiles_list
from gschnet_pyg.data.sources import open_dataset
from gschnet_pyg.errors import DataError

QUICK = EmbeddingOptions(conformers=1, workers=1)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_plain_lists(tmp_path):
    text = "# made by hand\nsmiles name\n\nCCO ethanol\nC[C@H](N)C(=O)O\tL-alanine, natural\nO\nCC |$a;b$| ethane\n"
    read = read_smiles_list(write(tmp_path / "a.smi", text))
    assert read.smiles == ["CCO", "C[C@H](N)C(=O)O", "O", "CC"]
    assert read.names == ["ethanol", "L-alanine, natural", "", "ethane"]
    assert read.lines == [4, 5, 6, 7]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.csv.gz", "a.tsv.gz"])
def test_tables(tmp_path, name):
    rows = [["ID", "Canonical SMILES", "gap", "note"], ["m1", "CCO", "0.5", "x"], ["m2", "O", "", "y"]]
    text = "".join(("\t" if "tsv" in name else ",").join(row) + "\n" for row in rows)
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    read = read_smiles_list(path)
    assert (read.smiles, read.names, read.lines) == (["CCO", "O"], ["m1", "m2"], [2, 3])
    np.testing.assert_array_equal(read.properties["gap"], [0.5, np.nan])
    assert read.text == ("note",)


def test_columns_can_be_named(tmp_path):
    path = write(tmp_path / "a.csv", "smiles,product,code\nC,CCO,7a\nC,O,7b\n")
    read = read_smiles_list(path, "product", "code")
    assert (read.smiles, read.names, read.text) == (["CCO", "O"], ["7a", "7b"], ("smiles",))


@pytest.mark.parametrize(
    ("name", "text", "column", "message"),
    [
        ("a.csv", "id,mol\n1,C\n", None, "is called SMILES; name it with --smiles-column .*There are: id, mol"),
        ("a.csv", "id,smiles\n1,C\n", "product", "has no column 'product'; there are: id, smiles"),
        ("a.smi", "C methane\n", "product", "has no columns"),
        ("a.smi", "# nothing\n", None, "holds no SMILES"),
        ("a.csv", "smiles,name\n", None, "has no rows"),
    ],
)  # fmt: skip
def test_lists_that_cannot_be_used(tmp_path, name, text, column, message):
    with pytest.raises(DataError, match=message):
        read_smiles_list(write(tmp_path / name, text), column)


def test_files_that_are_lists():
    assert all(is_smiles_list(Path(name)) for name in ("a.smi", "A.SMI", "a.smiles", "a.csv.gz", "b.tsv"))
    assert not any(is_smiles_list(Path(name)) for name in ("a.xyz", "a.gz", "a.txt", "smi"))


def test_a_list_becomes_a_database(tmp_path, caplog):
    text = "name,smiles,gap,colour\nethanol,CCO,0.5,no\n17,OCC,0.25,no\nbroken,C(C,1,no\nsalt,CC.O,1,no\nwater,O,1,no\n"
    path = write(tmp_path / "in.csv", text)
    with caplog.at_level(logging.WARNING):
        result = import_files([path], tmp_path / "out.db", embedding=QUICK, units={"gap": "Hartree"}, progress=False)
    assert caplog.messages == [f"Note: {path}: columns of text are passed over: colour"]
    assert result.molecules == 3
    assert [(each.line, each.name, each.reason) for each in result.failures] == [
        (4, "broken", "unreadable"),
        (5, "salt", "fragments"),
    ]
    assert (result.embedded[0].repeated, result.embedded[0].open_stereo) == (1, 0)
    dataset = open_dataset(tmp_path / "out.db", progress=False)
    assert {name: prop.unit for name, prop in dataset.properties.items()} == {ENERGY: "eV", "gap": "eV"}
    np.testing.assert_allclose(dataset.properties["gap"].values[:, 0], np.array([0.5, 0.25, 1]) * units.Hartree)
    assert [len(dataset[row].z) for row in range(3)] == [9, 9, 3]
    with ase.db.connect(tmp_path / "out.db") as database:
        rows = list(database.select())
    assert [row.smiles for row in rows] == ["CCO", "CCO", "O"]
    assert [row.get("name", row.data.get("name")) for row in rows] == ["ethanol", "17", "water"]


def test_failures_lie_beside_the_output(tmp_path):
    path = write(tmp_path / "in.smi", "C one\nC(C two\n\nOB1OCc2cc(F)ccc12 three\n")
    result = import_files([path], tmp_path / "out.db", embedding=QUICK, progress=False)
    assert result.failures_file == tmp_path / "out.failures.csv"
    with result.failures_file.open() as file:
        assert list(csv.reader(file)) == [
            ["file", "line", "smiles", "name", "reason"],
            [str(path), "2", "C(C", "two", "RDKit cannot read the SMILES"],
            [str(path), "4", "OB1OCc2cc(F)ccc12", "three", "MMFF94 has no parameters for it"],
        ]


def test_nothing_is_written_if_nothing_can_be_embedded(tmp_path):
    path = write(tmp_path / "in.smi", "C(C\nCC.CC\n")
    with pytest.raises(DataError, match=r"nothing could be embedded \(1 x RDKit cannot .*; first: line 1, 'C\(C'"):
        import_files([path], tmp_path / "out.db", embedding=QUICK, progress=False)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["in.smi"]


def test_a_table_of_properties_is_joined_by_names(tmp_path):
    path = write(tmp_path / "in.smi", "CCO ethanol\nO 007\nC(C broken\n")
    table = write(tmp_path / "t.csv", "molecule,mu\n7,1.85\nethanol,1.69\nbroken,0\n")
    import_files([path], tmp_path / "out.db", properties_table=table, key="molecule", embedding=QUICK, progress=False)
    dataset = open_dataset(tmp_path / "out.db", progress=False)
    assert dataset.properties["mu"].values[:, 0].tolist() == [1.69, 1.85]


def test_names_that_come_twice_are_no_key(tmp_path):
    path = write(tmp_path / "in.smi", "CCO a\nO a\n")
    table = write(tmp_path / "t.csv", "molecule,mu\na,1.85\n")
    with pytest.raises(DataError, match=r"record 1: is called 'a', as is .*record 0"):
        import_files([path], tmp_path / "o.db", properties_table=table, key="molecule", embedding=QUICK, progress=False)


def test_geometries_depend_on_neither_order_nor_processes(tmp_path):
    smiles = ["CCO", "CCCN", "OCC=O", "c1ccoc1"]
    results = []
    for number, (order, workers) in enumerate([(smiles, 1), (smiles[::-1], 2)]):
        path = write(tmp_path / f"{number}.smi", "\n".join(order) + "\n")
        options = EmbeddingOptions(conformers=3, seed=5, workers=workers)
        import_files([path], tmp_path / f"{number}.db", embedding=options, progress=False)
        with ase.db.connect(tmp_path / f"{number}.db") as database:
            results.append({row.smiles: row.positions for row in database.select()})
    for name, positions in results[0].items():
        np.testing.assert_array_equal(positions, results[1][name])


def test_a_molecule_that_takes_too_long_costs_itself(tmp_path):
    path = write(tmp_path / "in.smi", f"{'CC(C)' * 120}\nO\n")
    options = EmbeddingOptions(conformers=10, workers=1, timeout=2)
    result = import_files([path], tmp_path / "out.db", embedding=options, progress=False)
    assert [(each.line, each.reason) for each in result.failures] == [(1, "timeout")]
    assert result.molecules == 1


def test_lists_without_coordinates_are_not_opened(tmp_path):
    path = write(tmp_path / "in.smi", "C\n")
    with pytest.raises(DataError, match=r"in\.smi: molecules without coordinates; embed them first: gschnet-pyg data"):
        open_dataset(path)
