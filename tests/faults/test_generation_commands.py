"""Commands that generate with models that rule all out, never stop or are broken, or at extreme temperatures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from gschnet_pyg.contracts import Cutoffs, Vocabulary
from gschnet_pyg.model.gschnet import GSchNet, ModelSettings
from gschnet_pyg.model.storage import load_model, save_model
from tests.integration.conftest import Command, refused


def crafted(weights: dict[str, float], bias: list[float] | None = None) -> Path:
    """A run directory with a model of such weights, and biases of the type head."""
    torch.manual_seed(0)
    model = GSchNet(Vocabulary(), Cutoffs(), ModelSettings(4, 1, 5, type_layers=1, distance_layers=1))
    with torch.no_grad():
        for name, value in weights.items():
            model.get_parameter(name)[:] = value
        if bias is not None:
            model.type_head[0].weight[:] = 0.0
            model.type_head[0].bias[:] = torch.tensor(bias)
    directory = Path("runs/crafted")
    directory.mkdir(parents=True)
    save_model(directory / "model.safetensors", model)
    return directory


@pytest.mark.parametrize(
    ("bias", "name"),
    [([-1e4] * 5 + [1e4], "none.db"), ([0.0] * 5 + [-1e4], "none.extxyz")],
    ids=["only stops", "never stops"],
)
def test_nothing_finished_is_written_and_reported(command: Command, bias: list[float], name: str) -> None:
    directory = crafted({}, bias)
    outcome = command("generate", directory, "-n", 7, "--max-atoms", 4, "grid_spacing=0.1", "-o", name, "--report")
    assert outcome.code == 0, outcome.err
    assert "7 molecules requested, 0 finished, 7 abandoned" in outcome.out
    assert Path(name).is_file()
    outcome = command("report", name, "--json", "report.json", "--html", "report.html", "--plot", "report.png")
    assert outcome.code == 0, outcome.err
    found = json.loads(Path("report.json").read_text())
    assert (found["requested"], found["finished"]) == (7, 0)
    assert found["rdkit"]["failures"] == {"unfinished": 7}
    assert found["rdkit"]["valid"] == {"value": 0.0, "count": 0, "of": 7}
    assert "NaN" not in Path("report.json").read_text()
    assert Path("report.html").is_file()


def test_a_model_of_no_numbers_is_refused(command: Command) -> None:
    directory = crafted({"schnet.embedding.weight": float("nan")})
    refused(command("generate", directory, "-n", 3, "-o", "none.db"), "model.safetensors", "schnet.embedding.weight")
    assert not Path("none.db").exists()


def test_a_model_that_leaves_the_range_of_numbers_is_refused(command: Command) -> None:
    directory = crafted({"schnet.embedding.weight": 3e38})
    load_model(directory / "model.safetensors")  # nothing to object to in the weights themselves
    refused(command("generate", directory, "-n", 3, "-o", "none.db"), "molecule 0, after 0 atoms", "not a number")
    assert not Path("none.db").exists()
    assert not list(Path().glob(".generating*"))


@pytest.mark.parametrize("temperature", ["1e-300", "1e-8", "1e300"])
def test_extreme_temperatures_of_a_command(command: Command, temperature: str) -> None:
    directory = crafted({}, [0.0] * 5 + [0.5])
    options = ("--temperature", temperature, f"type_temperature={temperature}", "--max-atoms", 4, "grid_spacing=0.1")
    outcome = command("generate", directory, "-n", 6, *options, "-o", "some.db")
    assert outcome.code == 0, outcome.err
    assert "6 molecules requested" in outcome.out


@pytest.mark.parametrize("temperature", ["0", "-1", "nan", "inf"])
def test_temperatures_that_are_none(command: Command, temperature: str) -> None:
    outcome = command("generate", crafted({}), "-n", 1, "--temperature", temperature, "-o", "none.db")
    assert outcome.code == 2
    assert "temperature" in outcome.err
    assert not Path("none.db").exists()
