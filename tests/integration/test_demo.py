"""What the README promises of the demo, by the commands of its recipes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.conftest import Command


@pytest.mark.slow
def test_most_molecules_of_the_demo_model_are_valid(command: Command) -> None:
    # as far as two cores come in some seven minutes, whatever else this machine has to do
    limits = ("training.max_minutes=null", "training.max_steps=2500")
    outcome = command("train", "demo", "run.id=demo", *limits)
    assert outcome.code == 0, outcome.err
    outcome = command("generate", "generate/demo", "output=molecules.db")
    assert outcome.code == 0, outcome.err
    assert command("report", "molecules.db", "--reference", "runs/demo", "--json", "report.json").code == 0
    report = json.loads(Path("report.json").read_text())
    assert report["requested"] == 200
    assert report["rdkit"]["valid"]["value"] >= 0.6
    assert report["rdkit"]["novel"]["count"] > 0
