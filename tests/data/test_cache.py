from __future__ import annotations

import multiprocessing
import os
import shutil
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms

from gschnet_pyg.data import sources
from gschnet_pyg.data.cache import cache_roots
from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.data.sources import open_dataset, read_as_is
from gschnet_pyg.errors import DataError


@pytest.fixture
def source(tmp_path: Path, molecules: list[Atoms]) -> Path:
    ase.io.write(tmp_path / "a.xyz", molecules)
    return tmp_path / "a.xyz"


@pytest.fixture
def conversions(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were converted."""
    done: list[Path] = []
    original = sources._convert

    def convert(path, *arguments):
        done.append(path)
        return original(path, *arguments)

    monkeypatch.setattr(sources, "_convert", convert)
    return done


def caches(source: Path) -> list[Path]:
    return [path for path in source.with_name(f"{source.name}.gschnet-cache").iterdir() if path.is_dir()]


def test_a_source_is_converted_once(source, conversions):
    first, second = (open_dataset(source, progress=False) for _ in range(2))
    assert conversions == [source]
    assert first.fingerprint == second.fingerprint
    assert first[2].pos.equal(second[2].pos)


def test_a_changed_source_is_converted_again_and_the_old_cache_removed(source, conversions, molecules):
    open_dataset(source, progress=False)
    ase.io.write(source, molecules[:2])
    os.utime(source, ns=(1, 1))
    assert len(open_dataset(source, progress=False)) == 2
    assert len(conversions) == 2
    assert len(caches(source)) == 1


def test_a_source_of_equal_size_but_another_time_is_converted_again(source, conversions):
    open_dataset(source, progress=False)
    os.utime(source, ns=(12345, 12345))
    open_dataset(source, progress=False)
    assert len(conversions) == 2


def test_other_units_are_another_cache(source, conversions):
    plain = open_dataset(source, progress=False)
    hartree = open_dataset(source, units={"gap": "Hartree"}, progress=False)
    assert hartree.properties["gap"].values[0] > 27 * plain.properties["gap"].values[0]
    open_dataset(source, progress=False)
    assert len(conversions) == len(caches(source)) == 2


def test_another_choice_of_properties_is_the_same_cache(source, conversions):
    open_dataset(source, progress=False)
    assert list(open_dataset(source, properties=["gap"], progress=False).properties) == ["gap"]
    assert len(conversions) == 1


@pytest.mark.parametrize("damage", ["truncate", "remove", "noise", "meta", "half"])
def test_a_damaged_cache_is_rebuilt(source, conversions, damage):
    expected = open_dataset(source, progress=False)[2].pos.clone()
    (cache,) = caches(source)
    if damage == "truncate":
        (cache / "pos.npy").write_bytes((cache / "pos.npy").read_bytes()[:-100])
    elif damage == "remove":
        (cache / "z.npy").unlink()
    elif damage == "noise":
        (cache / "offsets.npy").write_bytes(b"noise" * 100)
    elif damage == "meta":
        (cache / "meta.json").write_text("{")
    else:
        np.save(cache / "pos.npy", np.zeros((3, 3)))
    assert open_dataset(source, progress=False)[2].pos.equal(expected)
    assert len(conversions) == 2


def test_a_failed_conversion_leaves_no_cache(source):
    source.write_text("2\n\nH 0 0 0\nH 0 0 0\n")
    with pytest.raises(DataError, match="at one place"):
        open_dataset(source, progress=False)
    assert caches(source) == []


def test_a_folder_that_cannot_be_written_falls_back_to_the_user_cache(source, conversions, user_cache, tmp_path):
    folder = tmp_path / "read-only"
    folder.mkdir()
    shutil.move(source, folder / "a.xyz")
    folder.chmod(0o555)
    for _ in range(2):
        assert len(open_dataset(folder / "a.xyz", progress=False)) == 4
    assert [path.name for path in folder.iterdir()] == ["a.xyz"]
    assert len(conversions) == 1
    assert any(user_cache.glob("a-*.gschnet-cache/*/meta.json"))


def test_a_cache_folder_can_be_named(source, tmp_path, conversions):
    open_dataset(source, cache_dir=tmp_path / "elsewhere", progress=False)
    assert not source.with_name("a.xyz.gschnet-cache").exists()
    shutil.move(source, tmp_path / "b.xyz")
    open_dataset(tmp_path / "b.xyz", cache_dir=tmp_path / "elsewhere", progress=False)
    assert len(conversions) == 2


def test_a_cache_is_found_wherever_it_lies(source, conversions, user_cache):
    _, elsewhere = cache_roots(source)
    open_dataset(source, progress=False)
    shutil.move(source.with_name("a.xyz.gschnet-cache"), elsewhere)
    open_dataset(source, progress=False)
    assert len(conversions) == 1
    assert elsewhere.is_relative_to(user_cache)


def test_without_a_cache_nothing_is_written(source, tmp_path, user_cache):
    dataset = MoleculeDataset(read_as_is(source, progress=False))
    assert list(tmp_path.iterdir()) == [source]
    assert not user_cache.exists()
    kept = open_dataset(source, progress=False)
    assert dataset.fingerprint == kept.fingerprint
    assert dataset[2].pos.equal(kept[2].pos)
    assert dataset[2].gap.equal(kept[2].gap)


def _open(path: Path) -> int:
    return len(open_dataset(path, progress=False))


def test_two_processes_share_one_conversion(source):
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(_open, [source] * 6) == [4] * 6
    assert len(caches(source)) == 1
