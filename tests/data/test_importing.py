from __future__ import annotations

import gzip
import logging
from pathlib import Path

import ase.db
import ase.io
import numpy as np
import pytest
from ase import Atoms, units

from gschnet_pyg.data.importing import import_files
from gschnet_pyg.data.sources import open_dataset
from gschnet_pyg.data.tables import read_table
from gschnet_pyg.data.writing import write_database
from gschnet_pyg.errors import DataError
from tests.data.test_sources import assert_same_molecules, write_npz


@pytest.fixture
def npz(tmp_path: Path, molecules: list[Atoms]) -> Path:
    return write_npz(tmp_path / "a.npz", molecules, gdb_index=np.array([7, 3, 9, 5]))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_text(
        "gdb_index,smiles,homo,mu\n3,C,-0.3,0\n9,c1ccccc1,-0.2,0.0\n5,CCO,-0.25,1.5\n7,O,-0.4,1.8\n8,N,0,0\n"
    )
    return path


def test_files_become_one_database(tmp_path, molecules, npz):
    ase.io.write(tmp_path / "b.extxyz", molecules[::-1])
    assert import_files([npz, tmp_path / "b.extxyz"], tmp_path / "out.db", progress=False).molecules == 8
    assert_same_molecules(open_dataset(tmp_path / "out.db", progress=False), molecules + molecules[::-1])


def test_a_table_is_joined_by_its_key_and_units_converted(tmp_path, molecules, npz, table):
    result = import_files(
        [npz], tmp_path / "out.db", properties_table=table, key="gdb_index", units={"homo": "Hartree", "mu": "D"},
        progress=False,
    )  # fmt: skip
    assert result.molecules == 4
    dataset = open_dataset(tmp_path / "out.db", progress=False)
    assert_same_molecules(dataset, molecules)
    np.testing.assert_allclose(
        dataset.properties["homo"].values[:, 0], np.array([-0.4, -0.3, -0.2, -0.25]) * units.Hartree
    )
    assert {name: prop.unit for name, prop in dataset.properties.items()} == {
        "gdb_index": None,
        "homo": "eV",
        "mu": "D",
    }
    assert ase.db.connect(tmp_path / "out.db").metadata["_property_unit_dict"]["homo"] == "eV"


def test_molecules_without_a_row_are_an_error_or_left_out(tmp_path, npz, table, caplog):
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:3]))
    arguments = {"properties_table": table, "key": "gdb_index", "progress": False}
    with pytest.raises(DataError, match=r"a\.npz, record 0: .*table\.csv has no row for it \(2 of 4 molecules"):
        import_files([npz], tmp_path / "out.db", **arguments)
    with caplog.at_level(logging.WARNING):
        assert import_files([npz], tmp_path / "out.db", missing="drop", **arguments).molecules == 2
    assert "2 of 4 molecules have no row" in caplog.text
    assert f"Note: {table}: columns of text are passed over: smiles" in caplog.messages
    assert open_dataset(tmp_path / "out.db", progress=False).properties["gdb_index"].values[:, 0].tolist() == [3, 9]


def test_joining_on_ids(tmp_path, molecules):
    with ase.db.connect(tmp_path / "a.db") as database:
        for atoms in molecules:
            database.write(atoms)
    (tmp_path / "t.csv").write_text("id,mu\n4,4.5\n2,2.5\n1,1.5\n3,\n")
    import_files([tmp_path / "a.db"], tmp_path / "o.db", properties_table=tmp_path / "t.csv", key="id", progress=False)
    np.testing.assert_array_equal(
        open_dataset(tmp_path / "o.db", progress=False).arrays.properties["mu"].values[:, 0], [1.5, 2.5, np.nan, 4.5]
    )


def test_lengths_in_bohr(tmp_path, molecules, npz):
    import_files([npz], tmp_path / "out.db", distance_unit="Bohr", progress=False)
    shrunk = [Atoms(atoms.numbers, atoms.positions * units.Bohr) for atoms in molecules]
    assert_same_molecules(open_dataset(tmp_path / "out.db", progress=False), shrunk)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": {"gapp": "eV"}}, "a unit is given for 'gapp', but there are: gdb_index"),
        ({"key": "gdb_index"}, "give both or neither"),
        ({"properties_table": "none.csv", "key": "id"}, r"none\.csv: no such file"),
    ],
)
def test_options_that_do_not_fit(tmp_path, npz, options, message):
    with pytest.raises(DataError, match=message):
        import_files([npz], tmp_path / "out.db", progress=False, **options)
    assert not (tmp_path / "out.db").exists()


def test_the_output_is_no_input(tmp_path, molecules):
    write_database(tmp_path / "a.db", molecules)
    with pytest.raises(DataError, match="cannot be both read and written"):
        import_files([tmp_path / "a.db"], tmp_path / "a.db", progress=False)


@pytest.mark.parametrize(
    ("name", "message"),
    [("there.db", "is there already"), ("out.xyz", r"must end in \.db"), ("file/a.db", "may write to")],
)
def test_the_output_is_checked_before_anything_is_read(tmp_path, name, message):
    (tmp_path / "file").touch()
    (tmp_path / "there.db").write_text("precious")
    with pytest.raises(DataError, match=message):
        import_files([tmp_path / "missing.xyz"], tmp_path / name, progress=False)
    assert (tmp_path / "there.db").read_text() == "precious"


@pytest.mark.parametrize("key", ["id", "record"])
def test_ids_of_several_files_are_no_key(tmp_path, molecules, key):
    for name in ("a.xyz", "b.xyz"):
        ase.io.write(tmp_path / name, molecules[:2])
    (tmp_path / "t.csv").write_text(f"{key},mu\n0,0.5\n1,1.5\n")
    options = {"properties_table": tmp_path / "t.csv", "key": key, "progress": False}
    with pytest.raises(DataError, match=f"joined on '{key}', which starts again in every file; name a property"):
        import_files([tmp_path / "a.xyz", tmp_path / "b.xyz"], tmp_path / "out.db", **options)
    assert import_files([tmp_path / "a.xyz"], tmp_path / "out.db", **options).molecules == 2


def test_a_property_named_id_tells_the_molecules_of_several_files_apart(tmp_path, molecules):
    for number, atoms in enumerate(molecules):
        atoms.info = {"id": number}
    ase.io.write(tmp_path / "a.extxyz", molecules[:2])
    ase.io.write(tmp_path / "b.extxyz", molecules[2:])
    (tmp_path / "t.csv").write_text("id,mu\n0,0.5\n1,1.5\n2,2.5\n3,3.5\n")
    import_files(
        [tmp_path / "a.extxyz", tmp_path / "b.extxyz"], tmp_path / "out.db",
        properties_table=tmp_path / "t.csv", key="id", progress=False,
    )  # fmt: skip
    mu = open_dataset(tmp_path / "out.db", progress=False).properties["mu"].values[:, 0]
    assert mu.tolist() == [0.5, 1.5, 2.5, 3.5]


def test_rows_that_belong_to_no_molecule(tmp_path, npz, table, caplog):
    options = {"properties_table": table, "key": "gdb_index", "missing": "drop", "progress": False}
    with caplog.at_level(logging.WARNING):
        import_files([npz], tmp_path / "out.db", **options)
    assert "table.csv: 1 of 5 rows belong to no molecule" in caplog.text
    table.write_text("gdb_index,mu\n70,1\n")
    with pytest.raises(DataError, match=r"table\.csv: no row belongs to any of the molecules"):
        import_files([npz], tmp_path / "out2.db", **options)


def test_a_key_that_the_molecules_lack(tmp_path, molecules, table):
    ase.io.write(tmp_path / "b.extxyz", molecules)
    with pytest.raises(DataError, match="has no property 'gdb_index' to join"):
        import_files(
            [tmp_path / "b.extxyz"], tmp_path / "o.db", properties_table=table, key="gdb_index", progress=False
        )


def test_tables_may_be_gzipped_and_repeat_rows(tmp_path, table):
    with gzip.open(tmp_path / "t.csv.gz", "wt") as file:
        file.write(table.read_text() + table.read_text().splitlines()[-1] + "\n")
    read = read_table(tmp_path / "t.csv.gz", "gdb_index")
    assert read.keys.tolist() == [3, 9, 5, 7, 8]
    assert list(read.columns) == ["homo", "mu"]
    assert read.text == ("smiles",)


def test_tables_separated_by_tabs(tmp_path):
    (tmp_path / "t.tsv").write_text("id\tmu\n1\t2\n")
    assert read_table(tmp_path / "t.tsv", "id").columns["mu"].tolist() == [2.0]


def test_a_key_of_text_where_molecules_have_a_number(tmp_path, npz):
    (tmp_path / "t.csv").write_text("gdb_index,mu\nseven,1\n")
    with pytest.raises(DataError, match=r"t\.csv: the key 'gdb_index' must be a number in every row, as in the mol"):
        import_files([npz], tmp_path / "out.db", properties_table=tmp_path / "t.csv", key="gdb_index", progress=False)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_tables_of_other_programs(tmp_path, encoding):
    (tmp_path / "t.csv").write_text("id, µ,,\n1,2,0,\n", encoding=encoding)
    read = read_table(tmp_path / "t.csv", "id")
    assert (read.keys.tolist(), list(read.columns), read.text) == ([1], ["µ"], ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "damaged or no table"),
        ("id,mu\n", "has no rows"),
        ("id,mu\n1,2\n3\n", "row 2: has 1 cells where the header has 2"),
        ("id,mu\n1,2\n1,3\n", "the key 'id' is 1 in rows that differ"),
        ("id,mu\na,2\n ,3\n", "the key 'id' is empty in 1 rows"),
        ("id,mu\na,2\na,3\n", "the key 'id' is a in rows that differ"),
        ("id,mu,mu\n1,2,3\n", "has several columns 'mu'"),
        ("no,mu\n1,2\n", "has no column 'id'; there are: no, mu"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path, text, message):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_table(tmp_path / "t.csv", "id")


@pytest.mark.shared
def test_the_properties_of_qm9(shared, tmp_path):
    result = import_files(
        [shared / "data" / "qm9_geometries.npz"], tmp_path / "qm9.db",
        properties_table=shared / "data" / "qm9_properties.csv.gz", key="gdb_index",
        units={"gap": "Hartree"}, missing="drop", progress=False,
    )  # fmt: skip
    assert result.molecules == 13_060
    dataset = open_dataset(tmp_path / "qm9.db", properties=["gap", "gdb_index"], progress=False)
    assert dataset[0].gdb_index.item() == 7
    assert dataset[0].gap.item() == pytest.approx(0.4426 * units.Hartree)
