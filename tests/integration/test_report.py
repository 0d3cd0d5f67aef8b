"""Whole reports: targets, options that decide, verdicts that are kept, and what is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ase.db
import numpy as np
import pytest
from ase import Atoms

from gschnet_pyg.data.writing import write_database
from gschnet_pyg.validity.checks import ValidityOptions
from gschnet_pyg.validity.judging import Judgement, judge_all
from tests.integration.conftest import Command, conformers, refused, report, train
from tests.molecules import coordinates

CALCULATOR = '''
from ase.calculators.calculator import Calculator, all_changes

class Levels(Calculator):
    """Seven for every gap; the energy follows from the number of atoms."""
    implemented_properties = ["energy", "gap"]

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.results = {"energy": -100.0 * len(atoms), "gap": 7.0}
'''


def test_targets_are_compared_with_what_was_reached(command: Command, asked_for: Path) -> None:
    result = report(command, asked_for)
    assert (result["requested"], result["finished"]) == (5, 3)
    gap, composition, energy = result["targets"]
    assert (gap["name"], composition["name"], energy["name"]) == ("gap", "composition", "relative_atomic_energy")
    assert composition["overall"]["exact"]["count"] == 1  # the methane
    assert composition["overall"]["exact"]["of"] == 2  # the torso is not valid
    assert composition["overall"]["exact_of_finished"]["of"] == 3
    assert "--calculator" in gap["reason"]
    shown = command("report", asked_for).out
    assert "Target composition" in shown
    assert "Targets that could not be measured" in shown


def test_a_calculator_measures_what_does_not_follow_from_the_atoms(
    command: Command, asked_for: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("levels_of_mine.py").write_text(CALCULATOR)
    monkeypatch.syspath_prepend(str(Path.cwd()))
    gap, _, energy = report(command, asked_for, "--calculator", "levels_of_mine:Levels", "--plot", "plot.png")[
        "targets"
    ]
    assert gap["calculator"] == "Levels"
    assert (gap["overall"]["measured"], gap["overall"]["mean"], gap["overall"]["error"]) == (2, 7.0, 1.0)
    assert energy["overall"]["measured"] == 2
    assert Path("plot.png").read_bytes().startswith(b"\x89PNG")
    refused(command("report", asked_for, "--calculator", "levels_of_mine:Level"), "has no Level", "is it Levels?")


IONS = {
    "nitromethane": "C[N+](=O)[O-]",
    "ammonium": "C[NH3+]",
    "acetate": "CC(=O)[O-]",
    "methane": "C",
}


@pytest.fixture
def ions() -> Path:
    path = Path("ions.db")
    methyl = Atoms(*coordinates("[CH3]"))
    write_database(path, [*(Atoms(*coordinates(smiles)) for smiles in IONS.values()), methyl])
    return path


@pytest.mark.parametrize(
    ("options", "valid"),
    [
        ((), {"C"}),
        (("--charged-fragments",), {"C", "C[N+](=O)[O-]"}),
        (("--charged-fragments", "--charge", 1), {"C[NH3+]"}),
        (("--charged-fragments", "--charge", 0, "--charge", -1), {"C", "C[N+](=O)[O-]", "CC(=O)[O-]"}),
        (("--radicals",), {"C", "[CH3]"}),
    ],
)
def test_what_charges_and_radicals_are_allowed_decides(
    command: Command, ions: Path, options: tuple[object, ...], valid: set[str]
) -> None:
    assert command("report", ions, *options, "--write-back").code == 0
    with ase.db.connect(ions) as found:
        assert valid <= {row.get("smiles") for row in found.select()}
        rejected = {"C[NH3+]", "CC(=O)[O-]", "C[N+](=O)[O-]", "[CH3]"} - valid
        assert not rejected & {row.get("smiles") for row in found.select()}


def test_stereoisomers_count_as_one_on_request(command: Command) -> None:
    """Two enantiomers, and two diastereomers of another molecule."""
    smiles = ("C[C@H](O)F", "C[C@@H](O)F", "C[C@H](O)[C@H](C)F", "C[C@H](O)[C@@H](C)F")
    write_database("isomers.db", [Atoms(*coordinates(each)) for each in smiles])
    unique = {
        stereo: report(command, "isomers.db", "--stereo", stereo)["rdkit"]["valid_unique"]["count"]
        for stereo in ("keep", "no_enantiomers", "ignore")
    }
    assert unique == {"keep": 4, "no_enantiomers": 3, "ignore": 2}
    assert command("report", "isomers.db", "--stereo", "some").code == 2


def test_verdicts_are_kept_until_something_changes(
    command: Command, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = []

    def counting(molecules: Sequence, *arguments: Any, **more: Any) -> Judgement:
        judged.append(len(molecules))
        return judge_all(molecules, *arguments, **more)

    monkeypatch.setattr("gschnet_pyg.run.reporting.judge_all", counting)
    first = report(command, database)
    assert report(command, database) == first
    assert judged == [32]
    assert report(command, database, "--write-back") == first  # properties decide nothing
    assert report(command, database) == first
    assert judged == [32]
    report(command, database, "--force")
    assert judged == [32, 32]
    report(command, database, "--stereo", "ignore")
    assert judged == [32, 32, 32]
    write_database(database, [Atoms(*coordinates("O"))], append=True)
    assert report(command, database, "--timeout", 9)["finished"] == 33
    assert judged[3:] == [33]


def test_the_timeout_reaches_the_workers(command: Command, ions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    def watched(molecules: Sequence, options: ValidityOptions, **more: Any) -> Judgement:
        asked.append(options.timeout)
        return judge_all(molecules, options, **more)

    monkeypatch.setattr("gschnet_pyg.run.reporting.judge_all", watched)
    assert report(command, ions, "--timeout", 2.5)["options"]["timeout"] == 2.5
    report(command, ions)
    assert asked == [2.5, 5.0]
    refused(command("report", ions, "--timeout", 0), "timeout: must be positive")


def test_a_split_tells_unseen_from_novel(command: Command, database: Path, conditioned: Path) -> None:
    """SchNetPack's file says which molecules of the reference were seen."""
    reference = Path("reference.db")
    write_database(reference, [Atoms(*coordinates(smiles)) for smiles in ("C", "CO", "CC=O", "CCCCCC")])
    np.savez("split.npz", train_idx=[0], val_idx=[1], test_idx=[2, 3])
    write_database("new.db", [Atoms(*coordinates(smiles)) for smiles in ("C", "CO", "CC=O", "CCCCCC", "O")])

    def counts(*options: object) -> tuple[int, int]:
        rates = report(command, "new.db", "--reference", *options)["rdkit"]
        return rates["unseen"]["count"], rates["novel"]["count"]

    assert counts(reference) == (1, 1)  # without a split all count as seen
    assert counts(reference, "--split", "split.npz") == (3, 1)
    refused(command("report", "new.db", "--split", "split.npz"), "name the reference too")
    refused(command("report", "new.db", "--reference", reference, "--split", conditioned), "other molecules")


def test_molecules_that_the_run_has_seen(command: Command, conditioned: Path) -> None:
    """Every kind of molecule trains: nothing of the data is unseen."""
    rates = report(command, conditioned.parent / "measured.db", "--reference", conditioned)["rdkit"]
    assert rates["valid_unique"]["count"] == 8
    assert rates["unseen"]["count"] == rates["novel"]["count"] == 0


def test_the_split_of_another_run(command: Command, conditioned: Path, measured: Path) -> None:
    """The reference is the data of a run; which of its molecules were seen, another run or SchNetPack's file says."""
    new = [Atoms(*coordinates(smiles)) for smiles in ("C", "CO", "CC=O", "CCCCCC", "O")]
    write_database("new.db", new)
    without_hexane = ("split.hold_out=[n_atoms > 19]", "split.train=16", "split.test=null", "training.max_steps=1")
    other = train(command, measured, *without_hexane)
    np.savez("theirs.npz", train_idx=[0], val_idx=[1], test_idx=[2, 3])

    def counts(*options: object) -> tuple[int, int]:
        rates = report(command, "new.db", "--reference", *options)["rdkit"]
        return rates["unseen"]["count"], rates["novel"]["count"]

    assert counts(conditioned) == (1, 1)  # water
    assert counts(conditioned, "--split", conditioned) == counts(conditioned)
    assert counts(conditioned, "--split", other) == counts(conditioned, "--split", other / "split.npz") == (2, 1)
    assert counts(conditioned, "--split", "theirs.npz") == (3, 1)
    assert counts(measured, "--split", other) == (2, 1)
    np.savez("theirs.npz", train_idx=[99], val_idx=[1], test_idx=[])
    refused(
        command("report", "new.db", "--reference", conditioned, "--split", "theirs.npz"), "theirs.npz: train_idx names"
    )


def test_the_demo_calculator_measures_conditions_of_the_demo_set(command: Command, database: Path) -> None:
    given = ("conditions=[{kind: scalar, property: mmff94_energy}]", "training.max_steps=1")
    energies = [{"mmff94_energy": value} for value in np.linspace(0.0, 5.0, 32)]
    write_database("named.db", conformers(), energies, {"mmff94_energy": "eV"})
    directory = train(command, Path("named.db"), *given)
    arguments = ("-n", 3, "--max-atoms", 4, "-c", "mmff94_energy=1", "-o", "generated.db")
    assert command("generate", directory, *arguments).code == 0
    with ase.db.connect("generated.db") as found:
        ours = {**found.metadata["gschnet_pyg"], "requested": 1, "finished": 1}
    methane = Atoms(*coordinates("C"), info={"target_mmff94_energy": 1.0})
    write_database("methane.db", [methane], units={"target_mmff94_energy": "eV"}, metadata={"gschnet_pyg": ours})
    (target,) = report(command, "methane.db", "--calculator", "demo")["targets"]
    assert (target["name"], target["measured"], target["reason"]) == ("mmff94_energy", 1, None)
    assert target["overall"]["mean"] == pytest.approx(0, abs=0.01)  # MMFF94 does not strain methane
