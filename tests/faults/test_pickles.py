"""Pickles that would run code where they are unpickled: nothing here ever does, whatever they are called."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.faults.outcomes import assert_refused
from tests.faults.runs import resumed
from tests.faults.traps import Trap, is_sprung
from tests.integration.conftest import Command


def malicious(path: Path, how: str) -> None:
    """A pickle, plain or as torch writes it, that leaves a trace where it is unpickled."""
    trap = Trap(Path.cwd())
    match how:
        case "pickle":
            path.write_bytes(pickle.dumps({"state_dict": trap, "global_step": 3}))
        case "torch":
            torch.save({"state_dict": {}, "global_step": 3, "more": trap}, path)
        case "old torch":
            torch.save({"state_dict": {}, "more": trap}, path, _use_new_zipfile_serialization=False)
        case "array":
            with path.open("wb") as file:
                np.save(file, np.array([trap], dtype=object))


HOW = ["pickle", "torch", "old torch", "array"]


@pytest.mark.parametrize("how", HOW)
def test_malicious_checkpoints_are_never_run(command: Command, directory: Path, how: str, tmp_path: Path) -> None:
    checkpoints = directory / "checkpoints"
    malicious(checkpoints / "last.ckpt", how)
    assert_refused(resumed(command), "last.ckpt: damaged checkpoint")
    (directory / "model.safetensors").unlink()
    malicious(checkpoints / "best.ckpt", how)
    assert_refused(command("generate", "run", "-n", 1), "best.ckpt: damaged checkpoint")
    (checkpoints / "best.ckpt").unlink()
    assert_refused(command("generate", "run", "-n", 1), "last.ckpt: damaged checkpoint")
    assert not is_sprung(tmp_path)


@pytest.mark.parametrize("how", HOW)
def test_malicious_files_are_never_run(command: Command, how: str, tmp_path: Path) -> None:
    """Whatever a file is called, and whoever reads it."""
    for name in ("a.npz", "a.pt", "a.ckpt", "a", "a.safetensors", "a.traj", "a.db", "a.json", "a.sdf", "a.extxyz"):
        malicious(Path(name), how)
        assert_refused(command("convert", name, "--recipe", "qm9", "-o", "new"), name)
        assert_refused(command("data", "info", name), name)
        assert_refused(command("report", name), name)
    malicious(Path("mine.yaml"), how)
    assert_refused(command("train", "mine.yaml"), "mine.yaml")
    assert not is_sprung(tmp_path)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", ["recipe.yaml", "split.npz", "model.safetensors"])
def test_malicious_files_of_a_run_are_never_run(
    command: Command, directory: Path, how: str, name: str, tmp_path: Path
) -> None:
    malicious(directory / name, how)
    if name == "model.safetensors":
        assert_refused(command("generate", "run", "-n", 1), name)
    else:
        assert_refused(resumed(command), name)
        assert_refused(command("report", "measured.db", "--reference", "run"), name)
    assert not is_sprung(tmp_path)
