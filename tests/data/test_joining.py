"""Many files of one molecule each, and a table that names them."""

from __future__ import annotations

import logging
from pathlib import Path

import ase.db
import ase.io
import pytest
from ase import Atoms

from gschnet_pyg.data.folders import opened_folders
from gschnet_pyg.data.importing import import_files
from gschnet_pyg.data.sources import open_dataset
from gschnet_pyg.errors import DataError


def hydrogen(length: float) -> Atoms:
    """H2 that its bond length tells from others."""
    return Atoms("H2", [[0, 0, 0], [0, 0, length]])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """``mol_0.xyz`` to ``mol_11.xyz``; the bond of number k is 0.7 + k / 100 Å long."""
    folder = tmp_path / "files"
    folder.mkdir()
    for k in range(12):
        ase.io.write(folder / f"mol_{k}.xyz", hydrogen(0.7 + k / 100), format="xyz", comment=f"molecule {k}")
    (folder / "notes.txt").write_text("not a molecule")
    (folder / "._mol_0.xyz").write_text("of another system")
    return folder


def write_table(path: Path, cells: list[str]) -> Path:
    """A gap of k for the row number k."""
    path.write_text("file,gap\n" + "".join(f"{cell},{k}\n" for k, cell in enumerate(cells)))
    return path


def gaps_by_length(path: Path) -> dict[float, float]:
    arrays = open_dataset(path, progress=False).arrays
    lengths = arrays.pos[1::2, 2] - arrays.pos[::2, 2]
    return {round(length, 6): gap for length, gap in zip(lengths, arrays.properties["gap"].values[:, 0], strict=True)}


@pytest.mark.parametrize("spelling", ["mol_{}", "mol_{}.xyz", "files/mol_{}.xyz", "C:\\data\\mol_{}.xyz"])
def test_rows_are_found_by_the_names_of_files(folder, tmp_path, spelling):
    table = write_table(tmp_path / "t.csv", [spelling.format(k) for k in range(12)])
    result = import_files([folder], tmp_path / "out.db", properties_table=table, key="file", progress=False)
    assert (result.molecules, result.files) == (12, 12)
    assert gaps_by_length(tmp_path / "out.db") == {round(0.7 + k / 100, 6): k for k in range(12)}


def test_folders_are_read_in_the_order_of_the_numbers_in_names(folder):
    assert [file.name for file in opened_folders([folder])] == [f"mol_{k}.xyz" for k in range(12)]


def test_rows_of_the_database_say_which_file_they_are_from(folder, tmp_path):
    import_files([folder], tmp_path / "out.db", progress=False)
    with ase.db.connect(tmp_path / "out.db") as database:
        assert [row.file for row in database.select()] == [f"mol_{k}.xyz" for k in range(12)]


def test_spreadsheets_take_zeros_from_names(tmp_path):
    for k in (1, 10):
        ase.io.write(tmp_path / f"{k:04}.xyz", hydrogen(0.7 + k / 100))
    table = write_table(tmp_path / "t.csv", ["1", "10"])
    import_files(
        [tmp_path / "0001.xyz", tmp_path / "0010.xyz"], tmp_path / "out.db",
        properties_table=table, key="file", progress=False,
    )  # fmt: skip
    assert gaps_by_length(tmp_path / "out.db") == {0.71: 0, 0.8: 1}


def test_many_files_without_a_row_are_one_error_or_one_warning(folder, tmp_path, caplog):
    options = {"properties_table": write_table(tmp_path / "t.csv", ["mol_3", "mol_4"]), "key": "file"}
    with pytest.raises(DataError, match=r"mol_0\.xyz, record 0: .*t\.csv has no row for it \(10 of 12 molecules"):
        import_files([folder], tmp_path / "out.db", progress=False, **options)
    with caplog.at_level(logging.WARNING):
        assert import_files([folder], tmp_path / "out.db", missing="drop", progress=False, **options).molecules == 2
    assert len(caplog.records) == 1
    assert "10 of 12 molecules have no row in" in caplog.text


def test_rows_without_a_file_are_named(folder, tmp_path, caplog):
    table = write_table(tmp_path / "t.csv", [f"mol_{k}" for k in range(17)])
    with caplog.at_level(logging.WARNING):
        import_files([folder], tmp_path / "out.db", properties_table=table, key="file", progress=False)
    assert "5 of 17 rows belong to no molecule and are passed over: mol_12, mol_13, mol_14, ..." in caplog.text


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["mol_1", "mol_1"], r"the key 'file' is mol_1 in rows that differ"),
        (["mol_1", "mol_1.xyz"], r"two rows belong to .*mol_1\.xyz, with and without its suffix"),
        (["a/mol_1", "b/mol_1"], r"names the file mol_1 in several rows that differ"),
        (["other"], r"no row belongs to any .*'other' in the first row, the first molecule is .*mol_0\.xyz"),
    ],
)
def test_names_that_are_no_key(folder, tmp_path, cells, message):
    table = write_table(tmp_path / "t.csv", cells)
    with pytest.raises(DataError, match=message):
        import_files([folder], tmp_path / "out.db", properties_table=table, key="file", progress=False)


def test_files_of_one_name_in_two_folders(folder, tmp_path):
    twin = tmp_path / "twin"
    twin.mkdir()
    ase.io.write(twin / "mol_1.xyz", hydrogen(0.9))
    table = write_table(tmp_path / "t.csv", [f"mol_{k}" for k in range(12)])
    with pytest.raises(DataError, match=r"'mol_1' names both .*files/mol_1\.xyz and .*twin/mol_1\.xyz"):
        import_files([folder, twin], tmp_path / "out.db", properties_table=table, key="file", progress=False)


def test_suffixes_tell_files_of_one_name_apart(tmp_path):
    ase.io.write(tmp_path / "a.xyz", hydrogen(0.7))
    ase.io.write(tmp_path / "a.extxyz", hydrogen(0.8))
    table = write_table(tmp_path / "t.csv", ["a.extxyz", "a.xyz"])
    import_files(
        [tmp_path / "a.xyz", tmp_path / "a.extxyz"], tmp_path / "out.db",
        properties_table=table, key="file", progress=False,
    )  # fmt: skip
    assert gaps_by_length(tmp_path / "out.db") == {0.7: 1, 0.8: 0}


def test_a_file_twice(folder, tmp_path):
    with pytest.raises(DataError, match=r"mol_2\.xyz: is named twice"):
        import_files([folder, folder / "mol_2.xyz"], tmp_path / "out.db", progress=False)


def test_a_folder_without_molecules(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: holds no files of molecules \(\.xyz"):
        import_files([tmp_path / "empty"], tmp_path / "out.db", progress=False)


def test_properties_of_some_files_only_are_one_warning(tmp_path, caplog):
    for k in range(8):
        atoms = hydrogen(0.7)
        atoms.info = {f"p{k}": 1.0, "common": float(k)}
        ase.io.write(tmp_path / f"{k}.extxyz", atoms)
    with caplog.at_level(logging.WARNING):
        import_files(sorted(tmp_path.glob("*.extxyz")), tmp_path / "out.db", progress=False)
    assert [record.getMessage() for record in caplog.records] == [
        "left out, since not every molecule has it in one shape: p0, p1, p2, p3, p4 and 3 more"
    ]
    assert list(open_dataset(tmp_path / "out.db", progress=False).properties) == ["common"]
