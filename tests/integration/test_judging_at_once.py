"""Generation that judges what it has made, against the molecules of the run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.integration.conftest import TARGETS, Command, Outcome

SMALL = ("-n", 8, "--max-atoms", 6, "-o", "some.db")


@pytest.fixture
def told_and_shown(command: Command, conditioned: Path) -> Outcome:
    outcome = command("generate", conditioned, *SMALL, *TARGETS, "--report")
    assert outcome.code == 0, outcome.err
    return outcome


def test_the_run_is_the_reference(command: Command, conditioned: Path, told_and_shown: Outcome) -> None:
    assert "Note:" not in told_and_shown.err
    next_steps = [line for line in told_and_shown.out.splitlines() if line.startswith("Next: ")]
    assert next_steps == [f"Next: gschnet-pyg report some.db --reference {conditioned} --html some.html"]
    told = json.loads(command("generate", conditioned, *SMALL[:-1], "more.db", *TARGETS, "--report", "--json").out)
    shown = command(*next_steps[0].removeprefix("Next: gschnet-pyg ").split(), "--json", "-")
    assert Path("some.html").is_file()
    found, expected = told["report"], json.loads(shown.out)
    assert (found["rdkit"], found["reference"]) == (expected["rdkit"], expected["reference"])
    assert found["reference"]["molecules"] == 32
    assert found["rdkit"]["novel"] is not None


@pytest.mark.parametrize(
    ("data", "reason"),
    [("{kind: file, path: gone.db}", "gone.db: no such file"), ("{kind: qm9, directory: gone}", "gone: QM9 is not")],
)
def test_without_its_data_there_is_no_reference(command: Command, conditioned: Path, data: str, reason: str) -> None:
    """Nothing is downloaded either."""
    shutil.copytree(conditioned, "moved", ignore=shutil.ignore_patterns("generated"))
    recipe = Path("moved/recipe.yaml")
    lines = recipe.read_text().splitlines()
    begin = lines.index("data:")
    end = next(number for number in range(begin + 1, len(lines)) if not lines[number].startswith(" "))
    recipe.write_text("\n".join([*lines[:begin], f"data: {data}", *lines[end:]]))
    outcome = command("generate", "moved", *SMALL, *TARGETS, "--report")
    assert outcome.code == 0, outcome.err
    notes = [line for line in outcome.err.splitlines() if line.startswith("Note:")]
    assert len(notes) == 1
    assert notes[0].startswith(f"Note: judged without a reference, since the data of moved cannot be used: {reason}")
    assert "Valid by RDKit" in outcome.out
    assert "Next: gschnet-pyg report some.db --html some.html\n" in outcome.out
    assert not Path("gone").exists()


def test_a_run_without_a_split_is_no_reference(command: Command, conditioned: Path) -> None:
    """As after a conversion."""
    shutil.copytree(conditioned, "converted", ignore=shutil.ignore_patterns("generated", "split.npz"))
    outcome = command("generate", "converted", *SMALL, *TARGETS, "--report")
    assert outcome.code == 0, outcome.err
    assert "Note:" not in outcome.err
    assert "Next: gschnet-pyg report some.db --html some.html\n" in outcome.out
