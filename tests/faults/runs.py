"""A run directory to spoil, and its resumption."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gschnet_pyg import run
from gschnet_pyg.recipe import load_recipe
from tests.integration.conftest import NO_WORKERS, TINY, Command, Outcome, write_measured

TARGETS = ("-c", "gap=5", "-c", "composition=CH4")


def resumed(command: Command) -> Outcome:
    return command("train", "run/recipe.yaml", "run.directory=.", "run.id=run", "training.max_steps=6")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run directory of a model with conditions, to read only; its data lie beside it."""
    folder = tmp_path_factory.mktemp("trained")
    write_measured(folder / "measured.db")
    settings = ["data.kind=file", f"data.path={folder / 'measured.db'}", f"run.directory={folder}", "run.id=run"]
    conditions = "conditions=[{kind: scalar, property: gap}, {kind: composition}]"
    recipe = load_recipe("qm9_fast", [*settings, conditions, *TINY, *NO_WORKERS, "training.max_steps=3"])
    return run.train(recipe, say=lambda line: None).directory


@pytest.fixture
def directory(trained: Path, tmp_path: Path) -> Path:
    """The same, to spoil."""
    shutil.copytree(trained, tmp_path / "run")
    shutil.copyfile(trained.parent / "measured.db", tmp_path / "measured.db")
    return Path("run")
