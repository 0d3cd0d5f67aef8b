"""Copies on fast local storage, and caches: there while they are needed, and found again."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import gschnet_pyg.data.sources as sources
from gschnet_pyg.data.datamodule import MoleculeDataModule
from tests.integration.conftest import Command, train, train_again

SHORT = "training.max_steps=2"

WORK = "data_work_directory", "cache_work_directory"


def test_work_directories_hold_copies_while_a_run_needs_them(
    command: Command, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, list[str]] = {}
    plain = MoleculeDataModule.train_dataloader

    def spying(self: MoleculeDataModule) -> object:
        directory = self.dataset.arrays.directory
        assert directory is not None
        seen["read"] = [str(directory.relative_to(Path.cwd()))]
        seen["copied"] = sorted(path.name for path in directory.glob("*.npy"))
        if fails:
            raise KeyboardInterrupt
        return plain(self)

    monkeypatch.setattr(MoleculeDataModule, "train_dataloader", spying)
    fingerprint = ("properties.fingerprint.bits=64", "conditions=[{kind: vector, property: fingerprint}]")
    settings = (SHORT, *fingerprint, "training.workers.preprocessing=0", "run.cache_directory=cache")
    work = tuple(f"run.{name}={Path.cwd() / name}" for name in WORK)
    fails = True
    assert train_again(command, database, *settings, *work).code == 130
    assert seen["read"][0].startswith("cache_work_directory/molecules.db-")
    assert any(name.startswith("fingerprints-") for name in seen["copied"])
    assert any(name.startswith("connected-") for name in seen["copied"])
    assert len(list(Path("cache_work_directory").glob("*.gschnet-work"))) == 1
    assert not list(Path("data_work_directory").glob("*.gschnet-work"))  # only while the file is converted
    fails = False
    train(command, database, *settings, *work)
    assert seen["read"][0].startswith("cache_work_directory/molecules.db-")
    assert not list(Path("cache_work_directory").glob("*.gschnet-work"))
    # what took time to compute is kept where the next run finds it
    kept = {path.stem.partition("-")[0] for path in Path("cache").rglob("*.npy")}
    assert {"fingerprints", "connected", "pos"} <= kept
    assert not Path("molecules.db.gschnet-cache").exists()


def test_a_source_is_converted_from_a_copy(command: Command, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    plain = sources.read_ase_database

    def read_ase_database(path: Path, progress: bool = True) -> object:
        read.append(path)
        return plain(path, progress)

    monkeypatch.setattr(sources, "read_ase_database", read_ase_database)
    train(command, database, SHORT, f"run.data_work_directory={Path.cwd() / 'fast'}")
    (copy,) = read
    assert copy.name == "molecules.db"
    assert copy.is_relative_to(Path.cwd() / "fast")
    assert not copy.exists()


def test_a_report_elsewhere_needs_neither_work_directory_nor_this_folder(
    command: Command, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = train(command, database, SHORT, "run.cache_directory=cache", "run.data_work_directory=fast").absolute()
    stored = yaml.safe_load((directory / "recipe.yaml").read_text())
    assert stored["run"]["cache_directory"] == str(tmp_path / "cache")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert command("report", database, "--reference", directory).code == 0
    assert not list(Path().iterdir())
