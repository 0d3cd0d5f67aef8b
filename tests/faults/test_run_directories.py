"""Files of a run, and what is kept beside data, cut or altered: one line, or made anew."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gschnet_pyg.contracts import Cutoffs
from gschnet_pyg.data.connectivity import connected
from gschnet_pyg.data.fingerprints import fingerprints
from gschnet_pyg.data.sources import open_dataset
from gschnet_pyg.run_directory import RunDirectory
from gschnet_pyg.validity.results import results_file
from tests.faults.outcomes import assert_refused, examples
from tests.faults.runs import TARGETS, resumed
from tests.faults.traps import Trap, is_sprung
from tests.integration.conftest import Command, write_measured


@pytest.mark.parametrize("name", ["recipe.yaml", "split.npz", "checkpoints/last.ckpt", "metrics.csv"])
@pytest.mark.parametrize("damage", ["empty", "half", "noise", "zeros"])
def test_what_a_run_resumes_from(command: Command, directory: Path, name: str, damage: str) -> None:
    """One line that names the file, and nothing else is touched; of a table of metrics the whole lines count."""
    path = directory / name
    whole = path.read_bytes()
    noise = np.random.default_rng(0).bytes(len(whole))
    path.write_bytes(
        {"empty": b"", "half": whole[: len(whole) // 2], "noise": noise, "zeros": bytes(len(whole))}[damage]
    )
    before = {file: file.read_bytes() for file in directory.rglob("*") if file.is_file() and file != path}
    outcome = resumed(command)
    if name == "metrics.csv" and damage in ("empty", "half"):
        assert outcome.code == 0, outcome.err
        assert path.read_text().startswith("step,")
        return
    if name == "recipe.yaml" and damage == "half":  # it may be a recipe still
        assert outcome.code in (0, 2)
        return
    assert_refused(outcome, name)
    if name != "metrics.csv":  # which is read when all else has begun
        assert all(file.read_bytes() == content for file, content in before.items())


@pytest.mark.parametrize("name", ["losses.json", "wandb.json", "split.npz"])
def test_what_generation_does_without(command: Command, directory: Path, name: str) -> None:
    (directory / name).write_bytes(b"\xff\x00{[")
    outcome = command("generate", "run", "-n", 2, *TARGETS, "--max-atoms", 7, "-o", "new.db")
    assert (outcome.code, outcome.err) == (0, "")
    if name == "split.npz":
        assert_refused(command("report", "measured.db", "--reference", "run"), "split.npz", "not a split file")
    if name == "losses.json":  # it is written anew
        assert resumed(command).code == 0
        assert "validation/loss" in json.loads((directory / name).read_text())


@pytest.mark.parametrize("content", ["7", "[]", "{", '{"id": 7, "group": ["a"]}', "[" * 100_000, "\x00"])
def test_ids_of_wandb_that_are_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "wandb.json").write_text(content)
    assert RunDirectory(tmp_path).tracked_as() == {}


def test_a_run_of_a_damaged_recipe_still_generates(command: Command, directory: Path) -> None:
    for content in (b"\xff", b"a: &a [*a]"):
        (directory / "recipe.yaml").write_bytes(content)
        assert RunDirectory(directory).recipe_as_stored() is None
        assert command("generate", "run", "-n", 1, *TARGETS, "--max-atoms", 7).code == 0
        assert_refused(command("report", "measured.db", "--reference", "run"), "recipe.yaml")


def caches(path: Path) -> list[Path]:
    (folder,) = [each for each in path.with_name(f"{path.name}.gschnet-cache").iterdir() if each.is_dir()]
    return sorted(folder.iterdir())


@pytest.fixture
def measured(tmp_path: Path) -> Path:
    write_measured(tmp_path / "measured.db")
    return tmp_path / "measured.db"


def opened(path: Path) -> tuple[str, list[bool], list[float]]:
    """What a dataset and everything that is kept with its cache say."""
    dataset = open_dataset(path, progress=False)
    bits = fingerprints(dataset, 2, 64, progress=False).column[np.arange(len(dataset))]
    gap = dataset.properties["gap"].values[:, 0].tolist()
    return dataset.arrays.hash_content(), connected(dataset, Cutoffs(), progress=False).tolist(), [*gap, bits.sum()]


def test_damaged_caches_are_made_anew(measured: Path, tmp_path: Path) -> None:
    expected, sizes = opened(measured), {path.name: path.stat().st_size for path in caches(measured)}
    assert {"meta.json", "z.npy", "pos.npy", "offsets.npy", "ids.npy", "property_0.npy"} <= sizes.keys()
    for name, size in sizes.items():
        (path,) = [each for each in caches(measured) if each.name == name]
        for content in (b"", path.read_bytes()[: size // 2], path.read_bytes()[:20], bytes(size), b"noise" * 40):
            path.write_bytes(content)
            assert opened(measured) == expected, name
            (path,) = [each for each in caches(measured) if each.name == name]
        with path.open("wb") as file:
            np.save(file, np.array([Trap(tmp_path)], dtype=object))
        assert opened(measured) == expected, name
        path.unlink()
        path.mkdir()
        assert opened(measured) == expected, name
    assert not is_sprung(tmp_path)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("z", np.zeros(3, dtype=np.uint8)),
        ("z", lambda whole: whole.astype(float)),
        ("z", lambda whole: whole * 0 + 200),
        ("z", lambda whole: whole * 0),
        ("pos", lambda whole: whole[:, :2]),
        ("pos", lambda whole: whole.astype("U8")),
        ("offsets", lambda whole: whole[::-1]),
        ("offsets", lambda whole: whole * 0),
        ("offsets", lambda whole: np.r_[whole[:-2], 10**9, whole[-1]]),
        ("ids", lambda whole: whole[:-1]),
        ("ids", lambda whole: whole[:, None]),
        ("property_0", lambda whole: whole[:-1]),
        ("property_0", lambda whole: whole[:, 0]),
    ],
)
def test_caches_of_other_molecules_are_made_anew(measured: Path, name: str, array: object) -> None:
    expected = opened(measured)
    (path,) = [each for each in caches(measured) if each.name == f"{name}.npy"]
    np.save(path, array(np.load(path)) if callable(array) else array)
    assert opened(measured) == expected


def test_every_flipped_bit_of_the_description_is_noticed(measured: Path) -> None:
    expected = opened(measured)
    for place in range(0, next(path for path in caches(measured) if path.name == "meta.json").stat().st_size, 23):
        path = next(path for path in caches(measured) if path.name == "meta.json")
        altered = bytearray(path.read_bytes())
        altered[place] ^= 4
        path.write_bytes(altered)
        assert opened(measured) == expected


def test_a_file_in_place_of_a_cache(measured: Path) -> None:
    expected = opened(measured)
    folder = caches(measured)[0].parent
    shutil.rmtree(folder.parent)
    folder.parent.write_text("no folder\n")
    assert opened(measured) == expected


def test_damaged_verdicts_are_judged_again(measured: Path, command: Command) -> None:
    assert command("report", "measured.db", "--sample", 0, "--json", "whole.json").code == 0
    expected, path = Path("whole.json").read_text(), results_file(measured)
    whole = path.read_bytes()

    @examples(4)
    @given(place=st.floats(0, 0.999), change=st.integers(1, 255), is_cut=st.booleans())
    def check(place: float, change: int, is_cut: bool) -> None:
        altered = bytearray(whole)
        altered[int(place * len(whole))] ^= change
        path.write_bytes(altered[: int(place * len(whole))] if is_cut else altered)
        assert command("report", "measured.db", "--sample", 0, "--json", "again.json").code == 0
        assert Path("again.json").read_text() == expected
        assert path.read_bytes() == whole

    check()


@pytest.mark.slow
def test_damaged_results_of_a_reference_are_made_anew(measured: Path, command: Command, tmp_path: Path) -> None:
    words = ("report", "measured.db", "--reference", "measured.db", "--sample", 4, "--json")
    assert command(*words, "whole.json").code == 0
    expected = Path("whole.json").read_text()
    kept = sorted((tmp_path / "user-cache").rglob("reference-*")) + sorted((tmp_path / "user-cache").rglob("strain-*"))
    assert len(kept) == 2
    for path in kept:
        whole = path.read_bytes()
        altered = bytearray(whole)
        altered[len(whole) // 2] ^= 0x10
        for content in (whole[: len(whole) // 2], bytes(altered)):
            path.write_bytes(content)
            assert command(*words, "again.json").code == 0
            assert Path("again.json").read_text() == expected
