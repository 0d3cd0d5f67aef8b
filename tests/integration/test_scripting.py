"""What a script reads: one JSON object, or with --quiet the one line that matters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.integration.conftest import NO_WORKERS, TINY, Command


def read(command: Command, *words: object) -> dict[str, Any]:
    outcome = command(*words, "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.out.count("\n") == 1
    found: dict[str, Any] = json.loads(outcome.out)
    return found


def test_every_step_as_json_and_in_one_line(command: Command, database: Path) -> None:
    settings = ("data.kind=file", "data.path=molecules.db", *TINY, *NO_WORKERS, "training.max_steps=2")
    trained = read(command, "train", "qm9_fast", "run.id=first", *settings)
    assert trained.keys() == {"directory", "losses", "picked_by", "conditions", "needs_fragment"}
    assert trained["directory"] == "runs/first"
    assert {"validation/loss", "test/loss"} <= trained["losses"].keys()
    assert command("train", "qm9_fast", "run.id=second", *settings, "--quiet")[:2] == (0, "runs/second\n")

    made = read(command, "generate", "runs/first", "-n", 3, "--max-atoms", 3, "-o", "a.extxyz")
    assert made.keys() == {"path", "run", "requested", "finished", "abandoned", "interrupted", "traces", "before"}
    assert (made["path"], made["requested"], made["interrupted"]) == ("a.extxyz", 3, False)
    quiet = command("generate", "runs/first", "-n", 3, "--max-atoms", 3, "-o", "b.extxyz", "-q")
    assert quiet == (0, "b.extxyz\n", "")


def test_data_as_json_and_in_one_line(command: Command, measured: Path) -> None:
    imported = read(command, "data", "import", measured, "-o", "a.db")
    assert imported == {"path": "a.db", "molecules": 32, "files": 1, "failures": {}, "failures_file": None}
    assert command("data", "import", measured, "-o", "b.db", "--quiet") == (0, "b.db\n", "")
    summary = read(command, "data", "info", "a.db")
    assert summary["n_molecules"] == 32
    assert summary["properties"]["gap"]["unit"] == "eV"
    assert summary["elements"]["C"].keys() == {"molecules", "atoms"}
    refused = command("data", "import", measured, "-o", "b.db", "--json")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith("error: b.db: is there already")


def test_report_on_standard_output(command: Command, database: Path) -> None:
    outcome = command("report", database, "--json", "-", "--sample", 0)
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["rdkit"]["valid"]["count"] == 32
    assert command("report", database, "--json", "report.json", "--sample", 0).code == 0
    assert json.loads(outcome.out) == json.loads(Path("report.json").read_text())
    quiet = command("report", database, "--sample", 0, "--quiet")
    assert "valid" in quiet.out
    assert quiet.err == ""
    assert not Path("-").exists()
