"""The command line, called as a shell would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from ase import Atoms

from gschnet_pyg import cli
from gschnet_pyg.data.writing import write_database
from tests.molecules import SMILES, coordinates

TINY = (
    "model={features: 8, interactions: 1, type_head: {layers: 2, width: 16}, distance_head: {layers: 2, width: 16}}",
    "training.batch_size=8",
    "training.max_minutes=null",
    "training.accelerator=cpu",
    "split={train: 20, validation: 8, test: 4, hold_out: [], file: null}",
)


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


Command = Callable[..., Outcome]


def train_again(command: Command, database: Path, *more: str, name: str = "first") -> Outcome:
    settings = ("data.kind=file", f"data.path={database.name}", f"run.id={name}", *TINY, *more)
    return command("train", "qm9_fast", *settings)


def train(command: Command, database: Path, *more: str, name: str = "first") -> Path:
    outcome = train_again(command, database, *more, name=name)
    assert outcome.code == 0, outcome.err
    assert f"gschnet-pyg generate runs/{name}" in outcome.out
    return Path("runs") / name


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """Run ``gschnet-pyg`` with arguments, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Outcome:
        monkeypatch.setattr("sys.argv", ["gschnet-pyg", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        captured = capsys.readouterr()
        return Outcome(int(exit_.value.code or 0), captured.out, captured.err)

    return call


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Thirty-two molecules, four conformers' worth of each, in an ASE database."""
    path = tmp_path / "molecules.db"
    random = np.random.default_rng(0)
    molecules = []
    for _ in range(4):
        for smiles in SMILES:
            z, pos = coordinates(smiles)
            molecules.append(Atoms(z, pos + random.normal(scale=0.01, size=pos.shape)))
    write_database(path, molecules)
    return path
