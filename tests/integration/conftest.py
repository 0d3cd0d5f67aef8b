"""The command line, called as a shell would."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import ase.db
import numpy as np
import pytest
from ase import Atoms
from ase.units import Hartree

from gschnet_pyg import cli, run
from gschnet_pyg.data.arrays import MoleculeArrays
from gschnet_pyg.data.sources import read_as_is
from gschnet_pyg.data.writing import write_database
from gschnet_pyg.recipe import load_recipe
from tests.molecules import SMILES, coordinates

TINY = (
    "model={features: 8, interactions: 1, type_head: {layers: 2, width: 16}, distance_head: {layers: 2, width: 16}}",
    "training.batch_size=8",
    "training.max_minutes=null",
    "training.accelerator=cpu",
    "split={train: 20, validation: 8, test: 4, hold_out: [], file: null}",
)


ENERGIES = {"H": -16.4, "C": -1035.2, "N": -1488.3, "O": -2043.6, "F": -2714.2}
"""eV, roughly those of atoms in molecules."""
SOME_STEPS = (
    "training.max_steps=60",
    "training.optimizer={kind: adam, learning_rate: 5e-3}",
    "training.schedule={kind: constant}",
)
"""Enough to finish every other molecule."""
NO_WORKERS = ("training.workers={train: 0, validation: 0, test: 0, preprocessing: 0}",)


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


Command = Callable[..., Outcome]

TARGETS = ("-c", "gap=6", "-c", "composition=C2H6O", "-c", "relative_atomic_energy=0")


def train_again(command: Command, database: Path, *more: str, name: str = "first") -> Outcome:
    settings = ("data.kind=file", f"data.path={database.name}", f"run.id={name}", *TINY, *more)
    return command("train", "qm9_fast", *settings)


def train(command: Command, database: Path, *more: str, name: str = "first") -> Path:
    outcome = train_again(command, database, *more, name=name)
    assert outcome.code == 0, outcome.err
    assert f"gschnet-pyg generate runs/{name}" in outcome.out
    return Path("runs") / name


def refused(outcome: Outcome, *facts: str) -> None:
    """What a user can put right is one line, after what may have been warned of before."""
    assert outcome.code == 2, outcome.out
    *warnings, error = outcome.err.splitlines()
    assert error.startswith("error: ")
    assert all(line.startswith("Warning: ") for line in warnings)
    for fact in facts:
        assert fact in error


@pytest.fixture(autouse=True)
def user_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches the real cache of the user."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user-cache"))


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
    write_database(path, conformers())
    return path


@pytest.fixture
def measured(tmp_path: Path) -> Path:
    """The same molecules with properties; energies in Hartree."""
    path = tmp_path / "measured.db"
    write_measured(path)
    return path


@pytest.fixture(scope="session")
def conditioned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run directory of a model with three conditions, to read only."""
    folder = tmp_path_factory.mktemp("conditioned")
    write_measured(folder / "measured.db")
    (folder / "mine.yaml").write_text(
        "extends: qm9_gap_relative_energy\n"
        "properties: {relative_atomic_energy: {energy: energy}}\n"
        "conditions: [{kind: scalar, property: gap}, {kind: composition},"
        " {kind: scalar, property: relative_atomic_energy}]\n"
    )
    settings = ["data.kind=file", f"data.path={folder / 'measured.db'}", f"run.directory={folder}", "run.id=run"]
    recipe = load_recipe(folder / "mine.yaml", [*settings, *TINY, *NO_WORKERS, *SOME_STEPS])
    return run.train(recipe, say=lambda line: None).directory


def report(command: Command, *arguments: object) -> dict:
    """The report of a command, as its JSON has it."""
    outcome = command("report", *arguments, "--json", "report.json")
    assert outcome.code == 0, outcome.err
    return json.loads(Path("report.json").read_text())


@pytest.fixture
def asked_for(conditioned: Path, command: Command) -> Path:
    """A file as generation with conditions writes it, of molecules that are known: methane, methanol and a torso."""
    outcome = command("generate", conditioned, "-n", 3, "--max-atoms", 3, *TARGETS, "-o", "generated.db")
    assert outcome.code == 0, outcome.err
    with ase.db.connect("generated.db") as database:
        metadata = database.metadata
    ours = {**metadata["gschnet_pyg"], "requested": 5, "finished": 3}
    rows = []
    for smiles, asked in (("C", "CH4"), ("CO", "C2H6O"), ("CO", "CH4")):
        z, pos = coordinates(smiles)
        counts = {"CH4": [4.0, 1.0, 0, 0, 0], "C2H6O": [6.0, 2.0, 0, 1.0, 0]}[asked]
        info = {"target_gap": 6.0, "target_composition": np.array(counts), "target_relative_atomic_energy": 0.0}
        rows.append(Atoms(z, pos, info=info))
    rows[2] = rows[2][:5]  # a radical
    rows[2].info = {
        "target_gap": 6.0,
        "target_composition": np.array([4.0, 1, 0, 0, 0]),
        "target_relative_atomic_energy": 0.0,
    }
    path = Path("asked.db")
    write_database(path, rows, units={"target_gap": "eV"}, metadata={"gschnet_pyg": ours})
    return path


def generated(path: str | Path) -> MoleculeArrays:
    """Molecules of a model that has learnt little: atoms may lie at one place."""
    return read_as_is(Path(path), progress=False)


def conformers() -> list[Atoms]:
    """Thirty-two molecules."""
    random = np.random.default_rng(0)
    molecules = []
    for _ in range(4):
        for smiles in SMILES:
            z, pos = coordinates(smiles)
            molecules.append(Atoms(z, pos + random.normal(scale=0.01, size=pos.shape)))
    return molecules


def write_measured(path: Path, **factors: float) -> None:
    """Molecules with a gap, an energy of which their composition explains nearly all, and a vector of three.

    Args:
        path: to write.
        factors: by which properties are multiplied.
    """
    molecules, random = conformers(), np.random.default_rng(1)
    for atoms in molecules:
        energy = sum(ENERGIES[symbol] for symbol in atoms.symbols) + random.normal(scale=0.05)
        gap, dipole = random.uniform(0.1, 0.3), random.normal(size=3)
        values = {"energy": energy / Hartree, "gap": gap, "dipole_vector": dipole}
        atoms.info = {name: value * factors.get(name, 1.0) for name, value in values.items()}
    write_database(path, molecules, units={"energy": "Hartree", "gap": "Hartree"})
