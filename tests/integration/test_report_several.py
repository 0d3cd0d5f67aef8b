"""Several files side by side, samples that are measured, and the page."""

from __future__ import annotations

import json
from pathlib import Path

import ase.db
import pytest
from ase import Atoms

from gschnet_pyg import run
from gschnet_pyg.data.writing import write_database
from gschnet_pyg.errors import DataError
from gschnet_pyg.validity.report import load_report, save_report
from tests.integration.conftest import Command, refused, report
from tests.molecules import coordinates

SMALL = ("C", "CO", "CC=O", "O")


@pytest.fixture
def files(command: Command) -> list[Path]:
    """Two files of generated molecules that differ in temperature, the second in another folder."""
    paths = [Path("molecules.db"), Path("warm/molecules.db")]
    for path, temperature, smiles in zip(paths, (0.1, 1.0), (SMALL, SMALL[:2]), strict=True):
        path.parent.mkdir(exist_ok=True)
        settings = {"temperature": temperature, "seed": 3}
        ours = {"settings": settings, "requested": 5, "finished": len(smiles), "origin": [0.0, 0.0, 0.0]}
        write_database(path, [Atoms(*coordinates(each)) for each in smiles], metadata={"gschnet_pyg": ours})
    return paths


def row(text: str, label: str) -> list[str]:
    return next(line.split()[-2:] for line in text.splitlines() if line.startswith(label))


def test_several_files_stand_in_one_table(command: Command, files: list[Path]) -> None:
    outcome = command("report", *files, "--json", "both.json", "--write-back")
    assert outcome.code == 0, outcome.err
    for legend in (f"1  {Path.cwd().name}/molecules.db", "2  warm/molecules.db"):
        assert legend in outcome.out
    assert row(outcome.out, "temperature") == ["0.1", "1.0"]
    assert row(outcome.out, "molecules requested") == ["5", "5"]
    assert row(outcome.out, "finished") == ["4", "2"]
    assert row(outcome.out, "valid   ") == ["80.0", "40.0"]
    assert "seed" not in outcome.out  # it is the same
    content = json.loads(Path("both.json").read_text())
    assert content["format"] == 1
    assert [each["rdkit"]["valid"]["count"] for each in content["reports"].values()] == [4, 2]
    for path in files:
        with ase.db.connect(path) as database:
            assert all(found.valid for found in database.select())


def test_ten_files_are_not_cut_off(command: Command, files: list[Path]) -> None:
    for number in range(10):
        write_database(f"{number}.db", [Atoms(*coordinates("CO"))])
    outcome = command("report", *(f"{number}.db" for number in range(10)), "--sample", 0)
    assert outcome.code == 0, outcome.err
    assert next(line.split() for line in outcome.out.splitlines() if line.startswith("valid   "))[1:] == ["100.0"] * 10
    assert "…" not in outcome.out


def test_what_is_of_one_file_is_refused_for_several(command: Command, files: list[Path]) -> None:
    for option, path in (("--filtered", "new.db"), ("--plot", "plot.png")):
        refused(command("report", *files, option, path), f"{path}: is of one file")
        assert not Path(path).exists()
    refused(command("report", *files, "--html", "page.txt"), "page.txt: a page ends in .html")


def test_nothing_that_is_read_is_written_over(command: Command, files: list[Path]) -> None:
    path, before = files[0], files[0].read_bytes()
    for output in (path, f"{path}.json", f"{path}.verdicts.json", files[1], "warm/../molecules.db"):
        refused(command("report", path, "--reference", files[1], "--json", output), str(output), "name another")
    refused(command("report", path, "--json", "new.html", "--html", "new.html"), "new.html", "named twice")
    refused(command("report", path, path), "one of them is named twice")
    assert path.read_bytes() == before


def test_a_share_of_nothing_is_no_number(command: Command, files: list[Path]) -> None:
    """Without a valid molecule nothing is known of clashes, which is not the same as none."""
    write_database("broken.db", [Atoms("C2", [[0, 0, 0], [0, 0, 9]])])
    outcome = command("report", files[0], "broken.db")
    assert outcome.code == 0, outcome.err
    assert next(line.split() for line in outcome.out.splitlines() if line.startswith("with a clash"))[-1] == "0.0"
    assert outcome.out.count("0.0–79.3") > 0  # valid: none of one


def test_smiles_and_settings_are_printed_as_they_are(command: Command) -> None:
    """Brackets mean something to SMILES and to the printer of tables."""
    for name, run_of in (("one.db", "[/a]"), ("two.db", "[bold]")):
        ours = {"settings": {"run": run_of}, "requested": 2, "finished": 2}
        write_database(name, [Atoms(*coordinates("c1cc[nH]c1"))] * 2, metadata={"gschnet_pyg": ours})
    assert "c1cc[nH]c1" in command("report", "one.db").out
    both = command("report", "one.db", "two.db")
    assert both.code == 0, both.err
    assert row(both.out, "run") == ["[/a]", "[bold]"]


def test_strain_is_measured_on_a_sample(command: Command, files: list[Path]) -> None:
    found = report(command, files[0], "--reference", files[0])["geometry"]
    assert (found["strain"]["asked"], found["strain"]["relaxed"]) == (4, 4)
    assert found["strain"]["failures"] == {}
    assert found["strain"]["reference"]["relaxed"] == found["strain"]["relaxed"]
    assert found["origin_distance"]["n"] == 4
    assert found["relaxation"] is None
    assert report(command, files[0], "--sample", 2)["geometry"]["strain"]["asked"] == 2
    assert report(command, files[0], "--sample", 0)["geometry"]["strain"] is None


def test_any_calculator_of_ase_relaxes(command: Command, files: list[Path]) -> None:
    found = report(command, files[0], "--relax", "emt", "--reference", files[0])["geometry"]["relaxation"]
    assert (found["method"], found["unit"], found["asked"]) == ("emt", "eV", 4)
    assert found["relaxed"] == len(found["pairs"]) == found["reference"]["relaxed"] > 0
    assert found["reference"]["pairs"] == []
    refused(command("report", files[0], "--relax", "demo"), "demo", "forces")
    refused(command("report", files[0], "--relax", "emtt"), "is it emt?")
    refused(command("report", files[0], "--relax", "emt", "--sample", 0), "--sample 0: leaves no molecules")


def test_posebusters_checks_where_it_is_installed(command: Command, files: list[Path]) -> None:
    pytest.importorskip("posebusters")
    found = report(command, files[0], "--posebusters", "--sample", 2)["geometry"]["pose_checks"]
    assert found["asked"] == 2
    assert found["checks"]["sanitization"] == {"value": 1.0, "count": 2, "of": 2}


def test_a_report_comes_back_from_its_json(files: list[Path]) -> None:
    """Typed, and the same to the last key."""
    made = run.report(files[0], reference=files[1])
    save_report(made, Path("report.json"))
    found = load_report(Path("report.json"))
    assert found.to_json() == made.to_json()
    assert found.rdkit["valid"] == made.rdkit["valid"]
    assert found.verdicts == made.verdicts
    assert found.source["generation"]["temperature"] == 0.1


def test_what_holds_no_report_is_refused(command: Command) -> None:
    for content in ("{", "[]", "{}", '{"format": 1}', '{"format": 7, "rdkit": {}}'):
        Path("broken.json").write_text(content)
        with pytest.raises(DataError, match=r"broken\.json"):
            load_report(Path("broken.json"))


def test_names_are_as_short_as_they_can_be() -> None:
    assert run.distinct_names([Path("a/x.db"), Path("b/x.db"), Path("a/y.db")]) == ["a/x.db", "b/x.db", "a/y.db"]
    assert run.distinct_names([Path("a/x.db"), Path("b/y.db")]) == ["x.db", "y.db"]
    assert run.distinct_names([Path("a/x.db"), Path("a/x.db")]) == ["a/x.db", "a/x.db"]
