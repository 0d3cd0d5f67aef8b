"""What a report writes: plots, verdicts beside the molecules, and some of these to a new file."""

from __future__ import annotations

import shutil
from pathlib import Path

import ase.db
import pytest
from ase import Atoms
from ase.db.row import AtomsRow

from gschnet_pyg import run
from gschnet_pyg.data.sources import open_dataset
from gschnet_pyg.data.writing import write_database, write_molecules
from tests.integration.conftest import TARGETS, Command, conformers, refused, report
from tests.molecules import coordinates


def content(path: str | Path) -> tuple[list[AtomsRow], dict]:
    with ase.db.connect(path, type="db") as found:
        return list(found.select()), found.metadata


def test_a_plot_needs_something_to_show(command: Command, database: Path) -> None:
    outcome = command("report", database, "--plot", "plot.png", "--filtered", "valid.db", "--write-back")
    assert outcome.code == 0, outcome.err
    assert "There are no targets that could be measured, so plot.png is not written." in outcome.out
    assert "32 valid molecules lie in valid.db" in outcome.out  # everything else is done
    assert not Path("plot.png").exists()


def test_verdicts_are_written_back(command: Command) -> None:
    smiles = ("C[N+](=O)[O-]", "C[NH3+]", "CC(=O)[O-]", "C", "[CH3]")
    write_database("ions.db", [Atoms(*coordinates(each)) for each in smiles])
    assert command("report", "ions.db", "--write-back").code == 0
    rows, metadata = content("ions.db")
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
    (row,) = content("novel.db")[0]
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
        (("--keep", "valid"), "--keep valid: says which molecules to write; name a file for them (--filtered)"),
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


def test_what_a_reference_told_is_forgotten_without_one(command: Command, conditioned: Path) -> None:
    """Flags in the rows belong to the options in the metadata."""
    write_database("new.db", [Atoms(*coordinates(smiles)) for smiles in ("C", "O")])
    assert command("report", "new.db", "--reference", conditioned, "--write-back").code == 0
    rows, metadata = content("new.db")
    assert [(row.unseen, row.novel) for row in rows] == [(False, False), (True, True)]
    assert metadata["gschnet_pyg_validity"]["reference"] == str(conditioned)
    assert command("report", "new.db", "--write-back").code == 0
    rows, metadata = content("new.db")
    assert [row.valid for row in rows] == [True, True]
    assert not {"unseen", "novel"} & set().union(*(row.key_value_pairs for row in rows))
    assert metadata["gschnet_pyg_validity"]["reference"] is None
    assert command("report", "new.db", "--reference", conditioned, "--filtered", "some.db").code == 0
    rows, metadata = content("some.db")
    assert [row.novel for row in rows] == [False, True]
    assert metadata["gschnet_pyg_validity"]["reference"] == str(conditioned)


@pytest.mark.parametrize("output", ["valid.db", "valid.extxyz", "valid.sdf"])
def test_filtered_molecules_keep_what_they_were_asked_for(command: Command, asked_for: Path, output: str) -> None:
    """Methane and methanol; the torso is not valid, and two attempts were abandoned."""
    assert command("report", asked_for, "--filtered", output).code == 0
    assert run.stored_counts(asked_for) == {"requested": 5, "finished": 3}
    assert run.stored_counts(Path(output)) == {"requested": 2, "finished": 2}
    result = report(command, output)
    assert (result["requested"], result["finished"]) == (2, 2)
    assert result["rdkit"]["valid"] == {"value": 1.0, "count": 2, "of": 2}
    gap, composition, _ = result["targets"]
    assert (gap["name"], composition["name"]) == ("gap", "composition")
    assert (composition["overall"]["exact"]["count"], composition["overall"]["exact"]["of"]) == (1, 2)
    assert composition["pairs"] == [["CH4", "CH4"], ["C2H6O", "CH4O"]]


def test_suffixes_in_capitals(command: Command, conditioned: Path, asked_for: Path) -> None:
    """Some file systems tell VALID.DB from valid.db, and nobody means anything by it."""
    shutil.copy(asked_for, "ASKED.DB")
    assert run.stored_counts(Path("ASKED.DB")) == {"requested": 5, "finished": 3}
    theirs, ours = report(command, "ASKED.DB"), report(command, asked_for)
    assert theirs.pop("source")["generation"] == ours.pop("source")["generation"]
    assert theirs == ours
    assert command("report", "ASKED.DB", "--write-back", "--filtered", "VALID.DB").code == 0
    assert [row.valid for row in content("ASKED.DB")[0]] == [True, True, False]
    assert run.stored_counts(Path("VALID.DB")) == {"requested": 2, "finished": 2}
    for seed in (1, 2):
        arguments = ("-n", 3, "--max-atoms", 4, "--seed", seed, "--append", "-o", "NEW.DB")
        outcome = command("generate", conditioned, *arguments, *TARGETS)
        assert outcome.code == 0, outcome.err
    assert run.stored_counts(Path("NEW.DB"))["requested"] == 6


def test_quiet_prints_the_table_only_where_no_file_is_written(command: Command, database: Path) -> None:
    assert "Valid by RDKit" in command("report", database, "--quiet").out
    assert command("report", database, "--quiet", "--json", "report.json") == (0, "", "")
    assert Path("report.json").is_file()
