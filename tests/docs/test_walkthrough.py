"""The guide for people with files of their own, followed to the letter: files and a table in, a report out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import ase.db
import pytest

from tests.docs.pages import REPOSITORY, blocks

PAGE = REPOSITORY / "docs" / "how-to" / "own-molecules.md"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The command on the path, as an installation has it."""
    command = tmp_path / "bin" / "gschnet-pyg"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gschnet_pyg.cli "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(REPOSITORY)}


@pytest.mark.slow
def test_files_and_a_table_become_a_conditioned_model_and_its_report(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    (example,) = blocks("python", PAGE)
    subprocess.run([sys.executable, "-c", example.code], cwd=folder, env=environment, check=True)
    (recipe,) = (block for block in blocks("yaml", PAGE) if block.file_name == "mine.yaml")
    assert "max_steps: 3000" in recipe.code
    shortened = recipe.code.replace("max_steps: 3000", "max_steps: 60")
    (folder / recipe.file_name).write_text(shortened, encoding="utf-8")
    commands = "\n".join(block.code for block in blocks("bash", PAGE))
    done = subprocess.run(
        ["bash", "-e", "-c", commands], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "500 molecules lie in molecules.db" in done.stdout
    with ase.db.connect(folder / "runs" / "mine" / "generated" / "1.db") as database:
        assert database.metadata["gschnet_pyg"]["requested"] == 300
        assert [each["property"] for each in database.metadata["gschnet_pyg"]["conditions"]] == ["huckel_gap"]
    assert "huckel_gap" in done.stdout.split("requested")[-1]
    assert (folder / "report.html").stat().st_size > 100_000
