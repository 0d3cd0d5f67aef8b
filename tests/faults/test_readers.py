"""Bytes at random in files of every kind: molecules, or one line; never anything else, and nothing is unpickled."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from ase.build import molecule
from hypothesis import given
from hypothesis import strategies as st

from gschnet_pyg import untrusted
from gschnet_pyg.data.sources import open_dataset, read_as_is
from gschnet_pyg.data.splits import draw_split, load_split, read_split, save_split
from gschnet_pyg.data.writing import write_molecules
from gschnet_pyg.errors import GschnetError
from gschnet_pyg.model.state_files import read_state_dict
from gschnet_pyg.training.metrics_file import MetricsFile, last_step
from gschnet_pyg.untrusted import read_arrays, sealed, unsealed
from tests.data.test_sources import write_npz
from tests.faults.outcomes import examples, must_refuse, refusal
from tests.faults.traps import Trap, is_sprung

MOLECULES = [molecule(name) for name in ("H2O", "CH4", "C6H6", "CH3CH2OH")]
DAMAGES = st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=3)), min_size=1, max_size=3)
"""Where something is put in place of what was there."""
NAMES = ("a.extxyz", "a.xyz", "a.sdf", "a.npz", "a.smi.gz", "a.pdb", "a.traj", "a.json", "a")


def damaged(whole: bytes, damages: list[tuple[float, bytes]], end: float = 1.0) -> bytes:
    for share, change in damages:
        place = int(share * len(whole))
        whole = whole[:place] + change + whole[place + len(change) :]
    return whole[: int(end * len(whole))]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Content of whole files."""
    folder = tmp_path_factory.mktemp("whole")
    for number, atoms in enumerate(MOLECULES):
        atoms.info = {"gap": 1.5 + number}
    write_npz(folder / "a.npz", MOLECULES)
    for name in ("a.sdf", "a.extxyz"):
        write_molecules(folder / name, MOLECULES)
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    return {**found, "packed.npz": packed(found["a.npz"])}


def packed(archive: bytes) -> bytes:
    """The same arrays, compressed."""
    out = io.BytesIO()
    np.savez_compressed(out, **np.load(io.BytesIO(archive)))
    return out.getvalue()


@pytest.mark.parametrize("name", NAMES)
def test_noise(tmp_path: Path, name: str) -> None:
    @examples(30)
    @given(content=st.binary(min_size=1, max_size=200))
    def check(content: bytes) -> None:
        (tmp_path / name).write_bytes(content)
        refusal(lambda: read_as_is(tmp_path / name, progress=False))

    check()


@pytest.mark.parametrize("name", ["a.sdf", "a.extxyz", "a.npz", "packed.npz"])
def test_damaged_molecules(tmp_path: Path, whole: dict[str, bytes], name: str) -> None:
    @examples(120)
    @given(damages=DAMAGES, end=st.one_of(st.just(1.0), st.floats(0.01, 1)))
    def check(damages: list[tuple[float, bytes]], end: float) -> None:
        (tmp_path / name).write_bytes(damaged(whole[name], damages, end) or b"x")
        refusal(lambda: open_dataset(tmp_path / name, cache_dir=tmp_path / "cache", progress=False))

    check()


@pytest.mark.parametrize("load", [load_split, read_split])
def test_damaged_splits(tmp_path: Path, load: Callable[..., object]) -> None:
    write_molecules(tmp_path / "a.extxyz", MOLECULES * 3)
    dataset = open_dataset(tmp_path / "a.extxyz", progress=False)
    is_usable = np.ones(len(dataset), dtype=bool)
    path = tmp_path / "split.npz"
    save_split(path, draw_split(is_usable, 6, 4), dataset)
    content = path.read_bytes()
    more = () if load is load_split else (is_usable,)

    @examples(100)
    @given(damages=DAMAGES, end=st.one_of(st.just(1.0), st.floats(0, 1)))
    def check(damages: list[tuple[float, bytes]], end: float) -> None:
        path.write_bytes(damaged(content, damages, end))
        refusal(lambda: load(path, dataset, *more))

    check()
    whole = {**np.load(io.BytesIO(content))}
    for change in (
        {"train": np.zeros((2, 2), dtype=int)}, {"train": np.array(["a"])}, {"train": np.array([1.5])},
        {"train": np.array([2**64 - 1], dtype=np.uint64)}, {"fingerprint": np.array([1, 2])}, {"test": np.array(3)},
        {"train": np.array([Trap(tmp_path)], dtype=object)},
    ):  # fmt: skip
        np.savez(path, **{**whole, **change})
        must_refuse(lambda: load(path, dataset, *more), "split.npz")
    assert not is_sprung(tmp_path)


@examples(100)
@given(content=st.text(alphabet="step,learning_rate\n\r\"'\x00 0123.-e", max_size=60))
def test_metrics_of_any_content(tmp_path: Path, content: str) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text(content, newline="")
    message = refusal(lambda: MetricsFile(path).log_metrics({"train/loss": 1.0}, step=9))
    if message is None:
        assert last_step(path) >= 9
    else:
        assert path.read_bytes() == content.encode()


def test_metrics_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_bytes(b"step,train/loss\n1,2.0\n\xff\xfe\n")
    must_refuse(lambda: MetricsFile(path), "metrics.csv: damaged", "remove it")
    must_refuse(lambda: last_step(path), "metrics.csv: damaged")


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".pt"])
def test_damaged_state_dicts(tmp_path: Path, suffix: str) -> None:
    from safetensors.torch import save_file

    state = {"a.weight": torch.arange(6.0).reshape(2, 3), "count": torch.tensor(3)}
    path = tmp_path / f"w{suffix}"
    if suffix == ".safetensors":
        save_file(state, path)
    elif suffix == ".npz":
        np.savez(path, **{name: value.numpy() for name, value in state.items()})
    else:
        torch.save(state, path)
    content = path.read_bytes()

    @examples(80)
    @given(damages=DAMAGES, end=st.one_of(st.just(1.0), st.floats(0, 1)))
    def check(damages: list[tuple[float, bytes]], end: float) -> None:
        path.write_bytes(damaged(content, damages, end))
        refusal(lambda: read_state_dict(path))

    check()


HEADER = "{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}"


def _archive(path: Path, header: str, content: bytes = b"") -> Path:
    """An npz of one array ``z`` whose header says anything."""
    with zipfile.ZipFile(path, "w") as zipped:
        text = f"{header}\n".encode()
        zipped.writestr("z.npy", b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + content)
    return path


@pytest.mark.parametrize(
    "header",
    [
        HEADER.format("<f8", (10**15,)),
        HEADER.format("<f8", (10**6, 10**6, 10**6, 10**6)),
        HEADER.format("<f8", (-5,)),
        HEADER.format("|O", (1,)),
        HEADER.format("<q9", (1,)),
        HEADER.format("<f8", "__import__('os').system('touch sprung')"),
        "{'descr': '<f8', ",
        "(" * 5000,
        "\x00" * 40,
        "1" * 6000,
    ],
)
def test_headers_of_arrays_that_say_anything(tmp_path: Path, header: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = _archive(tmp_path / "a.npz", header, pickle.dumps(Trap(tmp_path)))
    with pytest.raises((ValueError, OSError)):
        read_arrays(path)
    must_refuse(lambda: read_as_is(path, progress=False), "a.npz")
    must_refuse(lambda: read_state_dict(path), "a.npz")
    assert not is_sprung(tmp_path)


def test_an_archive_that_inflates_without_measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen megabytes of zeros are sixteen kilobytes in the file."""
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("z.npy", bytes(2**24))
    monkeypatch.setattr(untrusted, "_PLENTY", 2**20)
    must_refuse(lambda: read_as_is(path, progress=False), "a.npz", "bytes would become 16,777,216")


def test_an_array_that_is_no_archive(tmp_path: Path) -> None:
    with (tmp_path / "a.npz").open("wb") as file:
        np.save(file, np.arange(3))
    must_refuse(lambda: read_as_is(tmp_path / "a.npz", progress=False), "a.npz: damaged or no npz file")


def test_sealed_text_notices_every_flipped_bit() -> None:
    text = "".join(sealed({"a": [1, 2.5, "ä"], "b": None}))
    assert unsealed(text) == {"a": [1, 2.5, "ä"], "b": None}
    for place in range(len(text)):
        for bit in range(7):
            altered = text[:place] + chr(ord(text[place]) ^ 1 << bit) + text[place + 1 :]
            with pytest.raises(ValueError, match=r"does not fit its checksum"):
                unsealed(altered)


def test_errors_are_one_line_of_bounded_length() -> None:
    assert str(GschnetError("a\nb\r\x1b[31m\u2028c\x00")) == "a b \\x1b[31m c\\x00"
    text = str(GschnetError("x" * 10**6 + "; remove it"))
    assert len(text) < 4000
    assert text.endswith("; remove it")
