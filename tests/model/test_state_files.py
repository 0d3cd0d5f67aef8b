"""Files of plain state dicts are read; nothing is unpickled."""

from __future__ import annotations

import collections
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from gschnet_pyg.errors import ModelError
from gschnet_pyg.model.state_files import read_state_dict

STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "count": torch.tensor(3), "flag": torch.tensor(True)}


def write(path: Path) -> Path:
    match path.suffix:
        case ".safetensors":
            save_file(STATE, path)
        case ".npz":
            np.savez(path, **{name: value.numpy() for name, value in STATE.items()})
        case _:
            torch.save(collections.OrderedDict(STATE), path)
    return path


@pytest.mark.parametrize("name", ["w.safetensors", "w.npz", "w.pt", "w.ckpt", "state"])
def test_every_format_holds_the_same(name: str, tmp_path: Path) -> None:
    found = read_state_dict(write(tmp_path / name))
    assert found.keys() == STATE.keys()
    assert all(torch.equal(found[key], value) for key, value in STATE.items())


def test_a_plain_checkpoint_holds_a_state_dict(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "state_dict": STATE, "hyper_parameters": {"lr": 1e-4}}, tmp_path / "last.ckpt")
    assert read_state_dict(tmp_path / "last.ckpt").keys() == STATE.keys()


class Trap:
    """Creates a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("suffix", ["", ".pt", ".ckpt"])
def test_pickled_objects_are_refused_and_never_run(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"best_model{suffix}"
    torch.save({"state_dict": STATE, "hyper_parameters": Trap(tmp_path / "sprung")}, path)
    with pytest.raises(ModelError, match=r"never unpickled here; save a plain state dict .*model\.state_dict\(\)"):
        read_state_dict(path)
    assert not (tmp_path / "sprung").exists()


def test_a_module_is_refused(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "best_model")
    with pytest.raises(ModelError, match="never unpickled here"):
        read_state_dict(tmp_path / "best_model")


def test_objects_in_an_npz_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", a=np.array([Trap(tmp_path / "sprung")], dtype=object))
    with pytest.raises(ModelError, match="plain arrays"):
        read_state_dict(tmp_path / "w.npz")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [{"lr": 0.1}, {"state_dict": {"a": 3}}, {}, [1, 2], {3: torch.ones(1)}])
def test_what_is_no_state_dict_is_refused(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(ModelError, match="state dict"):
        read_state_dict(tmp_path / "w.pt")


@pytest.mark.parametrize("name", ["w.safetensors", "w.npz", "w.pt"])
def test_damaged_files_are_refused(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ModelError, match="damaged") as error:
        read_state_dict(path)
    assert "\n" not in str(error.value)
    path.write_text("nothing of the kind")
    with pytest.raises(ModelError, match=name):
        read_state_dict(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        read_state_dict(tmp_path / "none.pt")
