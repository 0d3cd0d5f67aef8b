"""Copies in a work directory: whole or absent, shared while somebody works, gone when all is done."""

from __future__ import annotations

import os
import pickle
import shutil
import sqlite3
import subprocess
import sys
from collections import namedtuple
from contextlib import closing
from pathlib import Path

import ase.db
import ase.io
import numpy as np
import pytest
from ase import Atoms

from gschnet_pyg.contracts import Cutoffs
from gschnet_pyg.data import connectivity, staging
from gschnet_pyg.data.connectivity import connected
from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.data.sources import open_dataset, read_as_is
from gschnet_pyg.data.staging import read_staged, staged_arrays, staged_file
from gschnet_pyg.errors import DataError


@pytest.fixture
def source(tmp_path: Path, molecules: list[Atoms]) -> Path:
    ase.io.write(tmp_path / "a.xyz", molecules)
    return tmp_path / "a.xyz"


@pytest.fixture
def dataset(source: Path) -> MoleculeDataset:
    return open_dataset(source, progress=False)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return tmp_path / "work"


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were copied."""
    done: list[str] = []
    original = staging._copy

    def copy(file, target, bar):
        done.append(file.name)
        original(file, target, bar)

    monkeypatch.setattr(staging, "_copy", copy)
    return done


def left(work: Path) -> list[str]:
    """What lies in a work directory beside the empty file of its lock."""
    return sorted(path.name for path in work.iterdir() if path.name != ".gschnet-work.lock")


def interrupt(dataset: MoleculeDataset, work: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), staged_arrays(dataset, work, progress=False):
        raise error


def test_a_staged_dataset_has_the_same_molecules_from_another_place(dataset, work):
    with staged_arrays(dataset, work, progress=False) as staged:
        assert staged.arrays.directory.is_relative_to(work)
        assert (staged.fingerprint, staged.source) == (dataset.fingerprint, dataset.source)
        for here, there in zip(staged, dataset, strict=True):
            assert here.pos.equal(there.pos)
            assert here.gap.equal(there.gap)
        opened_by_a_worker = pickle.loads(pickle.dumps(staged))
        assert opened_by_a_worker.arrays.directory == staged.arrays.directory
    assert left(work) == []
    assert dataset.arrays.directory.is_dir()


def test_a_view_keeps_what_it_carries(source, work):
    view = open_dataset(source, properties=["gap"], progress=False).subset([3, 1])
    view = view.with_computed({"rank": np.arange(4.0)[:, None]}, {"rank": "places"})
    with staged_arrays(view, work, progress=False) as staged:
        assert staged.ids.tolist() == [3, 1]
        assert list(staged.properties) == ["gap", "rank"]
        assert [molecule.rank.item() for molecule in staged] == [3.0, 1.0]
        assert staged.properties["rank"].unit == "places"


def test_answers_kept_with_the_cache_travel_along(dataset, work, monkeypatch):
    expected = connected(dataset, Cutoffs(), progress=False)
    monkeypatch.setattr(connectivity, "_connected", None)
    with staged_arrays(dataset, work, progress=False) as staged:
        np.testing.assert_array_equal(connected(staged, Cutoffs(), progress=False), expected)


def test_nothing_to_do_without_a_work_directory_or_a_cache(dataset, source, work):
    with staged_arrays(dataset, None) as staged:
        assert staged is dataset
    in_memory = MoleculeDataset(read_as_is(source, progress=False))
    with staged_arrays(in_memory, work) as staged:
        assert staged is in_memory
    assert not work.exists()


@pytest.mark.parametrize("error", [RuntimeError("bad luck"), KeyboardInterrupt()])
def test_a_copy_stays_for_the_run_that_resumes(dataset, work, copied, error):
    interrupt(dataset, work, error)
    n_copied = len(copied)
    assert n_copied
    assert len(left(work)) == 1
    with staged_arrays(dataset, work, progress=False) as staged:
        assert len(list(staged)) == 4
    assert len(copied) == n_copied
    assert left(work) == []


def test_what_is_new_beside_the_cache_is_copied_too(dataset, work, copied):
    interrupt(dataset, work, RuntimeError())
    copied.clear()
    connected(dataset, Cutoffs(), progress=False)
    with staged_arrays(dataset, work, progress=False):
        assert [name.split("-")[0] for name in copied] == ["connected"]


def test_a_damaged_copy_is_mended(dataset, work, copied):
    interrupt(dataset, work, RuntimeError())
    (pos,) = work.rglob("pos.npy")
    pos.write_bytes(pos.read_bytes()[:-50])
    (z,) = work.rglob("z.npy")
    z.unlink()
    copied.clear()
    with staged_arrays(dataset, work, progress=False) as staged:
        assert staged[2].pos.equal(dataset[2].pos)
    assert copied == ["pos.npy", "z.npy"]


def test_an_interrupted_copy_leaves_nothing(dataset, work, monkeypatch):
    def copy(file, target, bar):
        shutil.copy(file, target)
        if file.name == "pos.npy":
            raise KeyboardInterrupt

    monkeypatch.setattr(staging, "_copy", copy)
    with pytest.raises(KeyboardInterrupt), staged_arrays(dataset, work, progress=False):
        pass
    assert left(work) == []


def test_the_last_user_removes_the_copy(dataset, work):
    with staged_arrays(dataset, work, progress=False) as first:
        with staged_arrays(dataset, work, progress=False) as second:
            assert second.arrays.directory == first.arrays.directory
        assert first.arrays.directory.is_dir()
    assert left(work) == []


OTHER_PROCESS = """
import sys
from pathlib import Path
from gschnet_pyg.data.sources import open_dataset
from gschnet_pyg.data.staging import staged_arrays
with staged_arrays(open_dataset(sys.argv[1], progress=False), Path(sys.argv[2]), progress=False):
    print("at work", flush=True)
    sys.stdin.read()
"""


def test_a_living_process_keeps_the_copy_and_a_killed_one_does_not(dataset, source, work):
    command = [sys.executable, "-c", OTHER_PROCESS, str(source), str(work)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"at work\n"
        with staged_arrays(dataset, work, progress=False):
            pass
        assert len(left(work)) == 1
        other.kill()
    assert len(left(work)) == 1
    with staged_arrays(dataset, work, progress=False):
        pass
    assert left(work) == []


def test_a_full_disk_is_noticed_before(dataset, work, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(staging.shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 200, 200))
    with (
        pytest.raises(DataError, match=r"work: the copy of .* needs 0\.00\d MB, but only 0\.000 MB are free"),
        staged_arrays(dataset, work, progress=False),
    ):
        pass
    assert left(work) == []


def test_a_work_directory_that_cannot_be_made(dataset, work):
    work.write_text("a file")
    with (
        pytest.raises(DataError, match=r"cannot be copied to .*work .*name another work directory"),
        staged_arrays(dataset, work, progress=False),
    ):
        pass


def test_a_source_is_converted_from_a_copy_but_named_as_it_is(source, work, copied):
    dataset = open_dataset(source, work_directory=work, progress=False)
    assert copied == ["a.xyz"]
    assert dataset.source == str(source)
    assert left(work) == []
    assert dataset.fingerprint == open_dataset(source, cache_dir=work / "cache", progress=False).fingerprint


def test_a_source_that_is_cached_is_not_copied(source, dataset, work):
    assert len(open_dataset(source, work_directory=work, progress=False)) == 4
    assert not work.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [("2\n\nH 0 0 0\n", "record 0: cannot be read"), ("1\n\nH 0 0 nan\n", "not a finite number")],
)
def test_errors_of_a_copy_name_the_source(tmp_path, work, content, message):
    path = tmp_path / "broken.xyz"
    path.write_text(content)
    with pytest.raises(DataError, match=message) as caught:
        open_dataset(path, work_directory=work, progress=False)
    assert str(caught.value).startswith(f"{path}, record 0")
    assert str(work) not in str(caught.value)


def test_a_changed_source_is_copied_again(source, work, molecules):
    with pytest.raises(RuntimeError), staged_file(source, work, progress=False):
        raise RuntimeError
    ase.io.write(source, molecules[:2])
    os.utime(source, ns=(1, 1))
    with staged_file(source, work, progress=False) as copy:
        assert copy.read_text() == source.read_text()
        assert copy.name == source.name


def test_files_of_one_name_do_not_meet(source, tmp_path, work):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.xyz").write_text("1\n\nH 0 0 0\n")
    with staged_file(source, work) as first, staged_file(tmp_path / "other" / "a.xyz", work) as second:
        assert first != second
        assert second.read_text() == "1\n\nH 0 0 0\n"
        assert first.read_text() == source.read_text()


def test_the_log_of_a_database_comes_along(tmp_path, molecules, work):
    path = tmp_path / "a.db"
    with ase.db.connect(path) as database:
        database.write(molecules[0])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE notes (text)")
        connection.execute("INSERT INTO notes VALUES ('late')")
        connection.commit()
        with staged_file(path, work) as copy, closing(sqlite3.connect(copy)) as other:
            assert other.execute("SELECT text FROM notes").fetchall() == [("late",)]


def test_read_staged_reads_in_place_without_a_work_directory(source):
    arrays = read_staged(source, None, lambda path: read_as_is(path, progress=False))
    assert (arrays.source, len(arrays)) == (str(source), 4)
