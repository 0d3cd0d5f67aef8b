"""Whole reports: targets, options that decide, verdicts that are kept, and what is written."""

from __future__ import annotations

import json
from pathlib import Path

import ase.db
import numpy as np
import pytest
from ase import Atoms

from gschnet_pyg.data.sources import open_dataset
from gschnet_pyg.data.writing import write_database, write_molecules
from gschnet_pyg.validity.checks import ValidityOptions
from gschnet_pyg.validity.judging import judge_all
from tests.integration.conftest import TARGETS, Command, conformers, refused
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


def report(command: Command, *arguments: object) -> dict:
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


def test_a_plot_needs_something_to_show(command: Command, database: Path) -> None:
    outcome = command("report", database, "--plot", "plot.png", "--filtered", "valid.db", "--write-back")
    refused(outcome, "no target could be measured")
    assert "32 valid molecules lie in valid.db" in outcome.out  # everything else is done
    assert not Path("plot.png").exists()


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

    def counting(molecules: list, *arguments: object, **more: object) -> list:
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

    def watched(molecules: list, options: ValidityOptions, **more: object) -> list:
        asked.append(options.timeout)
        return judge_all(molecules, options, **more)

    monkeypatch.setattr("gschnet_pyg.run.reporting.judge_all", watched)
    assert report(command, ions, "--timeout", 2.5)["options"]["timeout"] == 2.5
    report(command, ions)
    assert asked == [2.5, 5.0]
    refused(command("report", ions, "--timeout", 0), "timeout: must be positive")


def test_verdicts_are_written_back(command: Command, ions: Path) -> None:
    assert command("report", ions, "--write-back").code == 0
    with ase.db.connect(ions) as found:
        rows, metadata = list(found.select()), found.metadata
    assert [row.valid for row in rows] == [False, False, False, True, False]
    assert rows[3].smiles == "C"
    assert "smiles" not in rows[4].key_value_pairs
    assert rows[4].failure == "radical"
    assert metadata["gschnet_pyg_validity"]["charges"] == [0]
    write_molecules("ions.extxyz", [Atoms("He")])
    refused(command("report", "ions.extxyz", "--write-back"), "ions.extxyz: only an ASE database")


def test_filtered_molecules(command: Command, conditioned: Path) -> None:
    """Thirty-two conformers of eight molecules, all of them in the reference; water and half of one are not."""
    half = Atoms(*coordinates("CCCCCC"))[:9]
    write_database("mixed.db", [*conformers(), Atoms(*coordinates("O")), half])
    for kept, number in (("valid", 33), ("unique", 9), ("unseen", 1), ("novel", 1)):
        outcome = command("report", "mixed.db", "--reference", conditioned, "--filtered", f"{kept}.db", "--keep", kept)
        assert outcome.code == 0, outcome.err
        assert f"{number} {kept} molecules lie in {kept}.db" in outcome.out
        assert len(open_dataset(f"{kept}.db")) == number
    with ase.db.connect("novel.db") as found:
        (row,) = found.select()
    assert (row.formula, row.smiles) == ("H2O", "O")
    outcome = command("report", "mixed.db", "--filtered", "valid.sdf")
    assert outcome.code == 0, outcome.err
    assert len(open_dataset("valid.sdf")) == 33


@pytest.mark.parametrize(
    ("options", "facts"),
    [
        (("--filtered", "there.db"), "there.db: exists already"),
        (("--filtered", "new.cif"), "new.cif: cannot write a file of this kind"),
        (("--filtered", "new.db", "--keep", "novel"), "--reference"),
        (("--plot", "plot.txt"), "plot.txt: a plot ends in"),
        (("--json", "nowhere/x.json"), "nowhere/x.json: cannot be written"),
    ],
)
def test_what_cannot_be_written_is_refused_before_judging(
    command: Command, database: Path, options: tuple[str, ...], facts: str
) -> None:
    Path("there.db").write_text("")
    refused(command("report", database, *options), facts)
    assert not Path(f"{database}.verdicts.json").exists()


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
