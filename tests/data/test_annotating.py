from __future__ import annotations

import gc
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from time import perf_counter

import ase.db
import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from gschnet_pyg.data import annotating
from gschnet_pyg.data.annotating import copy_rows, write_back
from gschnet_pyg.data.readers import database_metadata
from gschnet_pyg.data.sources import open_dataset
from gschnet_pyg.data.writing import write_database, write_molecules
from gschnet_pyg.errors import DataError
from tests.data.test_sources import assert_same_molecules

COLUMNS = {
    "valid": np.array([True, False, True, True]),
    "smiles": ["O", None, "c1ccccc1", "CCO"],
    "failure": [None, "radical", None, None],
    "rings": np.array([0, 0, 1, 0]),
    "score": [0.5, 1, 1.5, np.float64(2)],
}


@pytest.fixture
def path(tmp_path: Path, molecules: list[Atoms]) -> Path:
    write_database(tmp_path / "a.db", molecules, units={"gap": "eV"}, metadata={"seed": 7})
    return tmp_path / "a.db"


def rows(path: Path) -> list:
    return list(ase.db.connect(path).select())


def test_columns_are_found_in_every_row(path: Path) -> None:
    write_back(path, COLUMNS)
    assert [row.valid for row in rows(path)] == [True, False, True, True]
    assert [row.get("smiles") for row in rows(path)] == ["O", None, "c1ccccc1", "CCO"]
    assert [row.get("failure") for row in rows(path)] == [None, "radical", None, None]
    assert [(row.rings, row.score) for row in rows(path)] == [(0, 0.5), (0, 1), (1, 1.5), (0, 2)]


def test_rows_can_be_selected_by_columns(path: Path) -> None:
    write_back(path, COLUMNS)
    database = ase.db.connect(path)
    assert [row.id for row in database.select(valid=True)] == [1, 3, 4]
    assert [row.id for row in database.select(smiles="CCO")] == [4]
    assert [row.id for row in database.select("failure")] == [2]
    assert [row.id for row in database.select("score>1")] == [3, 4]


def test_all_else_stays_as_it_is(path: Path, molecules: list[Atoms]) -> None:
    ase.db.connect(path).delete([2])  # ids may have gaps
    before, metadata = rows(path), database_metadata(path)
    path.chmod(0o640)
    write_back(path, {"smiles": ["O", "c1ccccc1", "CCO"]}, {"judged": {"stereo": "keep"}})
    after = rows(path)
    assert database_metadata(path) == {**metadata, "judged": {"stereo": "keep"}}
    assert [row.id for row in after] == [1, 3, 4]
    for old, new in zip(before, after, strict=True):
        assert (new.unique_id, new.ctime, new.comment) == (old.unique_id, old.ctime, "text")
        assert new.toatoms() == old.toatoms()
        assert new.data.keys() == old.data.keys()
        assert all(np.array_equal(new.data[name], old.data[name]) for name in old.data)
    assert path.stat().st_mode & 0o777 == 0o640
    assert os.listdir(path.parent) == ["a.db"]
    dataset = open_dataset(path, progress=False)
    assert_same_molecules(dataset, [molecules[i] for i in (0, 2, 3)])
    assert dataset.properties["gap"].unit == "eV"


def test_flags_are_no_properties(path: Path) -> None:
    write_back(path, {"valid": [True] * 4, "rings": [0, 0, 1, 0]})
    assert set(open_dataset(path, progress=False).properties) == {"gap", "dipole_vector", "rings"}


def test_text_that_looks_like_something_else(path: Path) -> None:
    smiles = ["C", "N", "1", "True"]
    write_back(path, {"smiles": smiles})
    assert [row.smiles for row in rows(path)] == smiles
    copy_rows(path, path.with_name("b.db"), [2, 3], {"smiles": ["F", "inf", "1e5", "C/C=C\\C"]})
    assert [row.smiles for row in rows(path.with_name("b.db"))] == ["1e5", "C/C=C\\C"]


def test_writing_again_replaces_or_removes(path: Path) -> None:
    write_back(path, COLUMNS)
    write_back(path, {"valid": [False] * 4, "smiles": [None] * 4})
    database = ase.db.connect(path)
    assert database.count(valid=False) == 4
    assert database.count(valid=True) == database.count("smiles") == 0
    assert rows(path)[1].key_value_pairs == {
        "comment": "text",
        "failure": "radical",
        "rings": 0,
        "score": 1,
        "valid": False,
    }


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"valid": [True] * 3}, "a.db: holds 4 molecules, but valid has 3 values"),
        ({"energy": [1.0] * 4}, "cannot hold a column 'energy'"),
        ({"He": [1.0] * 4}, "cannot hold a column 'He'"),
        ({"CO2": [1.0] * 4}, "cannot hold a column 'CO2'"),
        ({"two words": [1.0] * 4}, "cannot hold a column 'two words'"),
        ({"vector": np.zeros((4, 3))}, "vector cannot be a ndarray"),
    ],
)
def test_columns_that_cannot_be_stored(path: Path, columns: dict, message: str) -> None:
    before = path.read_bytes()
    for write in (write_back, lambda path, columns: copy_rows(path, path.with_name("b.db"), [0], columns)):
        with pytest.raises(DataError, match=message):
            write(path, columns)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["a.db"]


def test_only_databases_are_written_back_to(tmp_path: Path, molecules: list[Atoms]) -> None:
    write_molecules(tmp_path / "a.xyz", molecules)
    with pytest.raises(DataError, match=r"a\.xyz: only an ASE database .* new \.db"):
        write_back(tmp_path / "a.xyz", COLUMNS)
    with pytest.raises(DataError, match=r"b\.db: no such file"):
        write_back(tmp_path / "b.db", COLUMNS)
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE notes (text TEXT)")
    with pytest.raises(DataError, match=r"other\.db: is no ASE database"):
        write_back(tmp_path / "other.db", COLUMNS)


def test_a_database_that_is_being_written_is_left_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotating, "_PATIENCE", 0.01)
    with closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE systems SET username = 'me'")
        with pytest.raises(DataError, match=r"a\.db: database is locked; end the program"):
            write_back(path, COLUMNS)
        other.commit()
        write_back(path, COLUMNS)
    assert [(row.user, row.get("smiles")) for row in rows(path)][::3] == [("me", "O"), ("me", "CCO")]
    assert os.listdir(path.parent) == ["a.db"]


def test_a_write_ahead_log_is_not_lost(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA journal_mode = wal")
        other.execute("UPDATE systems SET username = 'me'")
        other.commit()
        with pytest.raises(DataError, match=r"changes in a\.db-wal; end the program"):
            write_back(path, COLUMNS)
        copy_rows(path, path.with_name("b.db"), [0], {})
    gc.collect()  # ASE closes its connections when they are collected
    write_back(path, {})
    assert [row.user for name in ("a.db", "b.db") for row in rows(path.with_name(name))] == ["me"] * 5
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("delete",)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_file_without_permission_is_left_alone(path: Path) -> None:
    path.chmod(0o444)
    with pytest.raises(DataError, match=r"a\.db: .*readonly.* make it writable"):
        write_back(path, COLUMNS)


def test_a_link_stays_a_link(path: Path) -> None:
    link = path.with_name("link.db")
    link.symlink_to(path.name)
    write_back(link, {"valid": [True] * 4})
    assert link.is_symlink()
    assert rows(path)[0].valid


def test_chosen_rows_with_all_they_hold(path: Path, molecules: list[Atoms]) -> None:
    ase.db.connect(path).delete([1])
    output = path.parent / "new" / "b.db"
    columns = {"smiles": ["C", "c1ccccc1", "CCO"], "valid": [False, True, True]}
    assert copy_rows(path, output, np.array([2, 1]), columns, {"chosen": "valid"}) == 2
    assert [(row.id, row.smiles, row.comment) for row in rows(output)] == [
        (1, "CCO", "text"), (2, "c1ccccc1", "text"),
    ]  # fmt: skip
    assert database_metadata(output) == {**database_metadata(path), "chosen": "valid"}
    dataset = open_dataset(output, progress=False)
    assert_same_molecules(dataset, [molecules[3], molecules[2]], atol=1e-12)
    assert dataset.properties["gap"].values[:, 0].tolist() == [4.5, 3.5]
    database = ase.db.connect(output)
    assert [row.id for row in database.select("O=1")] == [1]
    assert database.count(valid=True) == database.count(comment="text") == 2
    assert database.write(molecule("CH4")) == 3


def test_tables_of_other_programs_are_chosen_from_too(path: Path) -> None:
    ase.db.connect(path).write(molecule("NH3"), external_tables={"features": {"length": 4.0}})
    copy_rows(path, path.with_name("b.db"), [4], {})
    assert rows(path.with_name("b.db"))[0].features == {"length": 4.0}


def test_no_row_at_all(path: Path) -> None:
    assert copy_rows(path, path.with_name("b.db"), [], COLUMNS) == 0
    assert rows(path.with_name("b.db")) == []


def test_rows_that_are_not_there(path: Path) -> None:
    for chosen in ([4], [-1], [0, 0]):
        with pytest.raises(ValueError, match=r"not among 4 molecules|twice"):
            copy_rows(path, path.with_name("b.db"), chosen, {})
    assert os.listdir(path.parent) == ["a.db"]


def test_an_output_is_never_overwritten(path: Path) -> None:
    before = path.read_bytes()
    for source in (path, path.with_name("missing.db")):
        with pytest.raises(DataError, match=r"a\.db: exists already"):
            copy_rows(source, path, [0], {})
    assert path.read_bytes() == before


@pytest.mark.parametrize("source", ["a.extxyz", "a.sdf", "a.db"])
@pytest.mark.parametrize("target", ["b.db", "b.extxyz", "b.sdf"])
def test_from_any_format_to_any_other(tmp_path: Path, molecules: list[Atoms], source: str, target: str) -> None:
    del molecules[1].info["gap"]
    write_molecules(tmp_path / source, molecules, metadata={"seed": 7})
    assert copy_rows(tmp_path / source, tmp_path / target, [3, 0], COLUMNS, {"chosen": 1}) == 2
    dataset = open_dataset(tmp_path / target, progress=False)
    assert_same_molecules(dataset, [molecules[3], molecules[0]], atol=1e-4)
    assert dataset.properties["gap"].values[:, 0].tolist() == [4.5, 1.5]
    assert dataset.properties["score"].values[:, 0].tolist() == [2, 0.5]
    assert ("valid" in dataset.properties) == (target != "b.db")
    if target == "b.db":
        assert [(row.smiles, row.valid) for row in rows(tmp_path / target)] == [("CCO", True), ("O", True)]
        stored = database_metadata(tmp_path / target)
    else:
        stored = json.loads((tmp_path / f"{target}.json").read_text())
    assert stored["chosen"] == 1
    assert stored.get("seed") == (7 if source == "a.db" else None)


def test_thousands_of_rows_a_second(tmp_path: Path) -> None:
    write_database(tmp_path / "a.db", [molecule("CH4")] * 3000)
    start = perf_counter()
    write_back(tmp_path / "a.db", {"smiles": ["C"] * 3000, "valid": [True] * 3000})
    write_back(tmp_path / "a.db", {"smiles": ["C"] * 3000, "valid": [True] * 3000})
    copy_rows(tmp_path / "a.db", tmp_path / "b.db", range(0, 3000, 2), {"unique": [True] * 3000})
    assert perf_counter() - start < 5  # 0.2 s on an idle core
