"""Runs that are logged to Weights & Biases, offline, and read back."""

from __future__ import annotations

import csv
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import wandb
import yaml
from safetensors.torch import load_file
from wandb.sdk.launch.sweeps.utils import create_sweep_command_args
from wandb.sdk.lib.config_util import save_config_file_from_dict

from gschnet_pyg.contracts import PlacementSteps
from gschnet_pyg.metric_names import GENERATED, GENERATION, SAMPLED, THROUGHPUT
from gschnet_pyg.recipe_files import shipped_recipes
from gschnet_pyg.run_directory import RunDirectory
from gschnet_pyg.training.module import PlacementTraining
from tests.integration.conftest import NO_WORKERS, SOME_STEPS, TARGETS, TINY, Command, refused, train, train_again
from tests.wandb_files import OfflineRun, offline_runs

pytestmark = pytest.mark.usefixtures("no_login")

OFFLINE = ("logging.wandb=offline", "logging.molecules=4")
SAMPLING = "sampling={every: 10, n_molecules: 8, max_atoms: 6}"
"""Three batches make an epoch."""


def rows(directory: Path) -> list[dict[str, float]]:
    with (directory / "metrics.csv").open() as file:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]


def logged(run: OfflineRun, name: str) -> dict[int, float]:
    return {step: pytest.approx(value, rel=1e-5) for step, value in run.column(name).items()}


def test_a_training_run_is_logged(command: Command, database: Path) -> None:
    outcome = train_again(command, database, *NO_WORKERS, *SOME_STEPS, *OFFLINE, SAMPLING, "logging.tags=[mine]")
    assert outcome.code == 0, outcome.err
    assert outcome.out.count("Logging to wandb, offline: upload it with `wandb sync runs/first/wandb`") == 1
    assert "wandb:" not in outcome.out + outcome.err  # its own chatter
    directory = Path("runs/first")
    (run,) = offline_runs(directory / "wandb")
    assert (run.project, run.name, run.group, run.job_type) == ("gschnet_pyg", "first", "first", "train")
    assert (run.tags, run.exit_code) == (["mine"], 0)
    stored = yaml.safe_load((directory / "recipe.yaml").read_text())
    assert {name: run.config[name] for name in stored} == stored
    assert json.loads((directory / "wandb.json").read_text()) == {"id": run.id, "group": "first"}

    # what metrics.csv has, and nothing else
    names = ("learning_rate", "train/loss", "validation/loss", "test/loss", *SAMPLED, *THROUGHPUT)
    for name in names:
        assert {int(row["step"]): row[name] for row in rows(directory) if name in row} == logged(run, name)
    assert list(run.column("train/loss")) == [19, 39, 59]
    assert list(run.column(THROUGHPUT[0])) == [19, 39, 59]
    assert min(run.column(THROUGHPUT[0]).values()) > 0.0
    assert list(run.column("sampled/valid")) == [29, 59]
    assert [row["_step"] for row in run.history] == sorted(row["_step"] for row in run.history)

    table = run.table("sampled/molecules", 59)
    assert len(table) == min(4, round(8 * run.column("sampled/finished")[59]))
    assert all((row["smiles"] is None) != row["valid"] for row in table)
    assert all((row["reason"] is None) == row["valid"] for row in table)
    name, files = run.artifact("model")
    assert name == "model-first"
    kept, exported = load_file(files["model.safetensors"]), load_file(directory / "model.safetensors")
    assert all(torch.equal(kept[key], exported[key]) for key in exported)
    assert yaml.safe_load(files["recipe.yaml"].read_text()) == stored
    losses = json.loads((directory / "losses.json").read_text())
    assert run.summary["picked_by"] == losses.pop("picked_by")
    assert {name: run.summary[f"best/{name}"] for name in losses} == pytest.approx(losses)


def test_logging_changes_no_weight(command: Command, database: Path) -> None:
    """Nor a loss; and a run that goes on may log where it did not before."""
    settings = (*NO_WORKERS, *SOME_STEPS, "training.max_steps=9")
    plain = train(command, database, *settings, name="plain")
    tracked = train(command, database, *settings, *OFFLINE, name="tracked")
    states = [RunDirectory(path).read_checkpoint("last")["state_dict"] for path in (plain, tracked)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not (plain / "wandb").exists()
    assert not (plain / "wandb.json").exists()
    train(command, database, *settings, *OFFLINE, "training.max_steps=12", name="plain")
    assert len(offline_runs(plain / "wandb")) == 1


def test_an_interrupted_run_goes_on_under_its_id(
    command: Command, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = (*NO_WORKERS, *SOME_STEPS, *OFFLINE)
    plain_step, calls = PlacementTraining.training_step, itertools.count()

    def interrupted_step(self: PlacementTraining, steps: PlacementSteps, batch_idx: int) -> torch.Tensor:
        if next(calls) == 30:
            raise KeyboardInterrupt
        return plain_step(self, steps, batch_idx)

    monkeypatch.setattr(PlacementTraining, "training_step", interrupted_step)
    outcome = train_again(command, database, *settings)
    assert outcome.code == 130
    train(command, database, *settings)
    # all is done: what is known is not said of earlier steps
    train(command, database, *settings)
    runs = offline_runs(Path("runs/first/wandb"))
    assert len({run.id for run in runs}) == 1
    assert [run.exit_code for run in runs] == [130, 0, 0]
    found = {step: loss for run in runs for step, loss in run.column("train/loss").items()}
    assert found == {int(row["step"]): row["train/loss"] for row in rows(Path("runs/first")) if "train/loss" in row}
    assert list(found)[:3] == [19, 39, 59]
    steps = [row["_step"] for run in runs for row in run.history]
    assert steps == sorted(set(steps))


def test_generated_molecules_are_logged_beside_their_model(command: Command, database: Path) -> None:
    directory = train(command, database, *NO_WORKERS, *SOME_STEPS, *OFFLINE, "logging.group=ours")
    (training,) = offline_runs(directory / "wandb")
    outcome = command("generate", directory, *OFFLINE, "-n", 12, "--max-atoms", 6, "--report")
    assert outcome.code == 0, outcome.err
    assert outcome.out.count("Logging to wandb, offline: ") == 1
    assert "Valid by RDKit" in outcome.out
    runs = offline_runs(directory / "wandb")
    (run,) = [run for run in runs if run.id != training.id]
    assert (run.job_type, run.group, run.name) == ("generate", "ours", "first-1")
    assert run.config["n_molecules"] == 12
    assert json.loads((directory / "wandb.json").read_text())["id"] == training.id

    command("report", directory / "generated/1.db", "--reference", directory, "--json", "report.json")
    report = json.loads(Path("report.json").read_text())
    shares = (
        *(report["rdkit"][name]["value"] for name in ("valid", "valid_unique")),
        *(report["edm"][name]["value"] for name in ("molecule_stable", "atom_stable", "valid")),
        report["finished"] / 12,
    )
    assert [run.summary[name] for name in GENERATED] == pytest.approx(shares)
    assert set(GENERATION) <= run.summary.keys()
    assert run.summary["generated/finished"] > 0.0
    table = run.table("generated/molecules", 0)
    verdicts = report["verdicts"][:4]
    assert [row["smiles"] for row in table] == [verdict["smiles"] for verdict in verdicts]
    assert [row["reason"] for row in table] == [verdict["failure"] for verdict in verdicts]
    _, files = run.artifact("report")
    assert json.loads(files["report.json"].read_text())["rdkit"] == report["rdkit"]
    assert files["report.html"].read_text().startswith("<!doctype html>")


def test_a_table_says_what_molecules_were_asked_for(command: Command, conditioned: Path) -> None:
    """Here without a report: those that are shown are judged on their own. The settings are not stored with them."""
    more = ("logging.molecules=2", "logging.wandb=offline")
    outcome = command("generate", conditioned, *more, "-n", 12, "--max-atoms", 6, *TARGETS, "-o", "some.db")
    assert outcome.code == 0, outcome.err
    *_, run = offline_runs(conditioned / "wandb")
    table = run.table("generated/molecules", 0)
    assert len(table) == 2
    assert {row["target_gap"] for row in table} == {6.0}
    assert {row["target_composition"] for row in table} == {"6 2 0 1 0"}
    assert "generated/valid" not in run.summary
    assert not [kind for kind, *_ in run.artifacts if kind == "report"]
    again = command("generate", conditioned, "-n", 12, "--max-atoms", 6, *TARGETS, "-o", "some.db", "--append")
    refused(again, "seed", "equal seeds give equal molecules")  # logging does not make them others


def test_a_missing_login_is_said_before_any_work(command: Command, database: Path, tmp_path: Path) -> None:
    outcome = train_again(command, database, "logging.wandb=online")
    refused(outcome, "logging.wandb", "wandb login", "logging.wandb=offline", "wandb sync")
    refused(command("generate", "runs/none", "logging.wandb=online"), "logging.wandb", "wandb login")
    assert not Path("runs").exists()
    assert not list(tmp_path.rglob("*.cache"))


def test_a_run_outlives_its_logging(command: Command, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise ConnectionResetError("connection reset by peer")

    for name in ("log", "log_artifact"):
        monkeypatch.setattr(wandb.Run, name, fail)
    outcome = train_again(command, database, *NO_WORKERS, *SOME_STEPS, *OFFLINE, SAMPLING)
    assert outcome.code == 0, outcome.err
    assert outcome.err.count("Warning: wandb: connection reset by peer") == 1
    assert Path("runs/first/model.safetensors").is_file()


@pytest.mark.parametrize("name", ["learning_rate", "conditioned", "generation"])
def test_a_trial_of_a_sweep_runs_and_logs_its_metric(
    command: Command,
    measured: Path,
    conditioned: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """As the agent calls it, but offline, and on few molecules."""
    sweep = yaml.safe_load(shipped_recipes()[f"sweeps/{name}"].read_text())
    trial = {
        key: {"value": parameter["values"][0] if "values" in parameter else parameter["min"]}
        for key, parameter in sweep["parameters"].items()
    }
    arguments = create_sweep_command_args({"args": trial})["args_no_hyphens"]
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep1")
    monkeypatch.setenv("WANDB_RUN_ID", f"trial-{name}")
    monkeypatch.setenv("WANDB_SWEEP_PARAM_PATH", str(tmp_path / "trial.yaml"))
    save_config_file_from_dict(str(tmp_path / "trial.yaml"), trial)
    words: list[str] = []
    for word in sweep["command"][1:]:
        words += arguments if word.startswith("$") else [word]
    if name == "generation":
        folder = conditioned
        few = [f"run={conditioned}", "n_molecules=10", "max_atoms=6", "output=some.db"]
        few.append("conditions={gap: 6, composition: C2H6O, relative_atomic_energy: 0}")
    else:
        folder = Path("runs")
        small = [word for word in (*TINY, *NO_WORKERS) if not word.startswith(("model=", "training.max_minutes"))]
        few = ["data.kind=file", f"data.path={measured}", *small, "training.max_steps=12"]
        few += ["model.interactions=1", "sampling={every: 1, n_molecules: 4, max_atoms: 4}"]
    outcome = command(*words, "logging.wandb=offline", *few)
    assert outcome.code == 0, outcome.err
    (run,) = [run for found in folder.rglob("wandb") for run in offline_runs(found) if run.id == f"trial-{name}"]
    assert isinstance(run.summary[sweep["metric"]["name"]], float | int)
    assert "wandb:" not in outcome.out + outcome.err
    assert {key: run.config[key] for key in trial} == {key: setting["value"] for key, setting in trial.items()}
    for key, setting in trial.items():
        value: Any = run.config
        for part in key.split("."):  # in the recipe too
            value = value[part]
        assert value == setting["value"]
