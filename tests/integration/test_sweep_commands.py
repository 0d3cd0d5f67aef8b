"""Sweeps on the command line: listed, shown, found, copied and checked like recipes."""

from __future__ import annotations

from pathlib import Path

import yaml

from gschnet_pyg.recipe_files import shipped_recipes
from tests.integration.conftest import Command, refused


def test_a_sweep_is_listed_with_what_it_is_for(command: Command) -> None:
    lines = command("recipe", "list").out.splitlines()
    purposes = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines}
    assert purposes["sweeps/learning_rate"].startswith("Learning rate and width by the validation loss")
    assert not any("wandb agent" in purpose for purpose in purposes.values())


def test_the_file_of_a_sweep_is_named_for_wandb(command: Command) -> None:
    outcome = command("recipe", "path", "sweeps/generation")
    assert outcome.out == f"{shipped_recipes()['sweeps/generation']}\n"
    refused(command("recipe", "path", "sweeps/generatio"), "sweeps/generation")


def test_a_copy_can_be_changed_and_checked(command: Command) -> None:
    assert "recipe check generation.yaml" in command("recipe", "copy", "sweeps/generation").out
    copy = Path("generation.yaml")
    assert command("recipe", "check", copy).out == "generation.yaml: a grid sweep without errors, of 20 runs\n"
    copy.write_text(copy.read_text().replace("  temperature:", "  temprature:"))
    refused(command("recipe", "check", copy), "temprature: unknown key; did you mean 'temperature'?")


def test_what_is_shown_reads_back(command: Command) -> None:
    shown = yaml.safe_load(command("recipe", "show", "sweeps/learning_rate").out)
    assert shown == yaml.safe_load(shipped_recipes()["sweeps/learning_rate"].read_text())


def test_a_sweep_is_not_trained(command: Command) -> None:
    sweep = "wandb sweep $(gschnet-pyg recipe path sweeps/learning_rate)"
    refused(command("train", "sweeps/learning_rate"), sweep)
    refused(command("generate", "sweeps/learning_rate"), sweep)
