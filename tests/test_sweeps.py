"""Sweeps: what is wrong with them is said, and every trial is one that the recipes accept."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

from gschnet_pyg.errors import RecipeError
from gschnet_pyg.metric_names import GENERATION, TRAINING
from gschnet_pyg.recipe import Recipe, check_recipe, load_generation_recipe, load_recipe, load_sweep
from gschnet_pyg.recipe_files import shipped_recipes
from gschnet_pyg.recipe_sections.sweep import ARGUMENTS, Sweep, SweepParameter
from gschnet_pyg.sweeps import arguments, n_trials, trials_to_check

SHIPPED = [name for name in shipped_recipes() if name.startswith("sweeps/")]
N_RANDOM = 50


def drawn(content: dict[str, Any]) -> list[dict[str, Any]]:
    """Parameters of trials, as the agent gets them: all of a grid, some of a search."""
    parameters = content["parameters"]
    if content["method"] == "grid":
        return [
            {name: {"value": value} for name, value in zip(parameters, values, strict=True)}
            for values in itertools.product(*(parameter["values"] for parameter in parameters.values()))
        ]
    random = np.random.default_rng(0)
    return [
        {name: {"value": draw(parameter, random)} for name, parameter in parameters.items()} for _ in range(N_RANDOM)
    ]


def draw(parameter: dict[str, Any], random: np.random.Generator) -> Any:
    """A value of a distribution that the shipped sweeps use."""
    match parameter:
        case {"values": values}:
            return values[random.integers(len(values))]
        case {"distribution": "log_uniform_values", "min": low, "max": high}:
            return float(np.exp(random.uniform(np.log(low), np.log(high))))
        case {"min": int(low), "max": int(high)}:
            return int(random.integers(low, high, endpoint=True))
    return float(random.uniform(parameter["min"], parameter["max"]))


def suggested(content: dict[str, Any]) -> list[dict[str, Any]]:
    """The same by the package that chooses trials for wandb, where it is installed."""
    sweeps = pytest.importorskip("sweeps", reason="needs NumPy 1 by its own account, and works with 2: --no-deps")
    config = sweeps.SweepConfig(content)
    if content["method"] == "grid":
        trials: list[Any] = []
        while (trial := sweeps.next_run(config, trials)) is not None:
            trials.append(trial)
    else:
        trials = sweeps.next_runs(config, [], n=N_RANDOM if content["method"] == "random" else 3)
    return [trial.config for trial in trials]


def called(content: dict[str, Any], trial: dict[str, Any]) -> list[str]:
    """The command as wandb's agent puts it together."""
    filled = create_sweep_command_args({"args": trial})
    words: list[str] = []
    for word in content["command"]:
        words += filled[word[2:-1]] if word.startswith("${") else [word]
    return words


def test_the_sweeps_that_ship() -> None:
    assert set(SHIPPED) == {"sweeps/conditioned", "sweeps/generation", "sweeps/learning_rate"}
    assert {load_sweep(name).method for name in SHIPPED} == {"bayes", "grid", "random"}
    assert [n_trials(load_sweep(name)) for name in SHIPPED] == [30, 20, 24]


@pytest.mark.parametrize("expand", [drawn, suggested])
@pytest.mark.parametrize("name", SHIPPED)
def test_every_trial_that_wandb_starts_is_a_recipe(name: str, expand: Callable[..., list[dict[str, Any]]]) -> None:
    content = yaml.safe_load(shipped_recipes()[name].read_text())  # as wandb reads it
    trials = expand(content)
    assert len(trials) == 20 if content["method"] == "grid" else len(trials) >= 3
    for trial in trials:
        program, verb, source, *overrides = called(content, trial)
        assert program == "gschnet-pyg"
        recipe = (load_recipe if verb == "train" else load_generation_recipe)(source, overrides)
        assert recipe.logging.wandb == "online"
        for key, setting in trial.items():
            value: Any = recipe
            for part in key.split("."):
                value = getattr(value, part)
            assert value == setting["value"]
        if isinstance(recipe, Recipe):
            assert recipe.run.id is None  # of its own for every trial
    metric = content["metric"]["name"]
    assert metric in (TRAINING if content["command"][1] == "train" else GENERATION)


@pytest.mark.parametrize("name", SHIPPED)
def test_wandb_finds_nothing_wrong_with_a_sweep(name: str) -> None:
    sweeps = pytest.importorskip("sweeps", reason="needs NumPy 1 by its own account, and works with 2: --no-deps")
    content = yaml.safe_load(shipped_recipes()[name].read_text())
    assert sweeps.schema_violations_from_proposed_config(content) == []


def test_a_grid_is_expanded_as_wandb_does_it() -> None:
    content = {
        "method": "grid",
        "parameters": {
            "training.batch_size": {"values": [8, 16]},
            "model.interactions": {"min": 2, "max": 4},
            "training.compile": {"value": False},
            "training.validate_every": {"values": [1, 0.5]},
        },
        "command": ["gschnet-pyg", "train", "demo", "logging.wandb=online", ARGUMENTS],
    }
    sweep = Sweep.model_validate(content)
    ours = [sorted(arguments(trial)) for trial in trials_to_check(sweep)]
    theirs = [sorted(create_sweep_command_args({"args": trial})["args_no_hyphens"]) for trial in suggested(content)]
    assert sorted(ours) == sorted(theirs)
    assert len(ours) == n_trials(sweep) == 12


@pytest.mark.parametrize(
    ("parameter", "ends"),
    [
        ({"value": 3}, [3]),
        ({"values": [1, "a", None]}, [1, "a", None]),
        ({"min": 1, "max": 5}, [1, 5]),
        ({"min": 0.5, "max": 5}, [0.5, 5]),
        ({"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-2}, [1e-4, 1e-2]),
        ({"distribution": "log_uniform", "min": -2, "max": 1}, [math.exp(-2), math.exp(1)]),
        ({"distribution": "inv_log_uniform", "min": 0, "max": 1}, [math.exp(-1), 1.0]),
        ({"distribution": "q_uniform", "min": 4, "max": 12, "q": 4}, [4, 12]),
        ({"distribution": "normal", "mu": 2.0, "sigma": 0.1}, [2.0]),
        ({"distribution": "log_normal", "mu": 0.0}, [1.0]),
        ({"distribution": "beta", "a": 1.0, "b": 3.0}, [0.25]),
        ({"parameters": {"a": {"values": [1, 2]}, "b": {"value": 3}}}, [{"a": 1, "b": 3}, {"a": 2, "b": 3}]),
    ],
)
def test_ends_of_parameters(parameter: dict[str, Any], ends: list[Any]) -> None:
    assert SweepParameter.model_validate(parameter).ends() == ends


def test_many_parameters_are_tried_one_at_a_time() -> None:
    values = {f"a{number}": {"values": list(range(10))} for number in range(5)}
    sweep = Sweep.model_validate({"method": "random", "parameters": values, "command": []})
    tried = list(trials_to_check(sweep))
    assert len(tried) == 50
    assert all({trial[name] for trial in tried} == set(range(10)) for name in values)


def sweep_file(path: Path, **changes: Any) -> Path:
    content = {
        "method": "random",
        "metric": {"name": "validation/loss", "goal": "minimize"},
        "parameters": {"training.batch_size": {"values": [8, 16]}},
        "command": ["gschnet-pyg", "train", "demo", "logging.wandb=online", ARGUMENTS],
        **changes,
    }
    file = path / "mine.yaml"
    file.write_text(yaml.safe_dump({key: value for key, value in content.items() if value is not None}))
    return file


def command(*words: str) -> dict[str, Any]:
    return {"command": list(words)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"parameters": {"training.bach_size": {"value": 8}}},
            r"training.bach_size: unknown key; did you mean 'batch_",
        ),
        ({"parameters": {"training.batch_size": {"values": [8, 0]}}}, "training.batch_size: .*greater than 0.*got 0"),
        ({"parameters": {"training.batch_size": {"min": 0, "max": 9}}}, "training.batch_size: .*greater than 0.*got 0"),
        (
            {"parameters": {"training.batch_size": {"vales": [8]}}},
            r"batch_size.vales: unknown key; did you mean 'value",
        ),
        ({"parameters": {"training.batch_size": {}}}, "parameters.training.batch_size: needs one of value, values"),
        ({"parameters": {"training.batch_size": {"min": 9, "max": 8}}}, "training.batch_size: min must be below max"),
        ({"parameters": {}}, "parameters: .*at least 1"),
        ({"parameters": {"training.max_steps": {"value": None}}}, "training.max_steps: .*got 'None'"),
        ({"methd": "grid"}, r"methd: unknown key; did you mean 'method'\?"),
        ({"method": "gird"}, "method: .*'grid', 'random' or 'bayes'"),
        ({"method": "bayes", "metric": None}, "method: bayes needs a metric, such as {name: validation/loss"),
        (
            {"method": "grid", "parameters": {"seed": {"min": 0.0, "max": 1.5}}},
            "parameters.seed: a grid needs values, or whole numbers",
        ),
        (
            {"metric": {"name": "validation/los"}},
            r"metric.name: 'validation/los' is not .* did you mean 'validation/loss'",
        ),
        ({"metric": {"name": "sampled/valid"}}, "metric.name: sampled/valid needs .* sampling.every=1"),
        ({"early_terminate": {"type": "hyperband", "eta": 0}}, "early_terminate.eta: .*greater than 0"),
        (command("python", "train.py", ARGUMENTS), "command: must call gschnet-pyg train RECIPE"),
        (command("gschnet-pyg", "train", ARGUMENTS), r"command: must hold \${args_no_hyphens} once"),
        (command("gschnet-pyg", "train", "demo", "${args}"), r"command: must hold \${args_no_hyphens} once"),
        (command("gschnet-pyg", "train", "demo", ARGUMENTS), "command: .* add logging.wandb=online"),
        (command("gschnet-pyg", "train", "demo", "--json", ARGUMENTS), "command: --json: write it as a setting"),
        (command("gschnet-pyg", "train", "dem", ARGUMENTS), "dem: no such file, .* did you mean 'demo'"),
        (
            command("gschnet-pyg", "train", "demo", "training.batch_size=4", ARGUMENTS),
            "command: sets training.batch_size, which is a parameter too",
        ),
        (
            {
                **command("gschnet-pyg", "generate", "runs/a", "logging.wandb=online", ARGUMENTS),
                "parameters": {"temperature": {"value": 0.1}},
                "metric": {"name": "generated/valid"},
            },
            "metric.name: generated/valid needs molecules that are judged; add report=true",
        ),
    ],
)
def test_one_clear_error(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    file = sweep_file(tmp_path, **changes)
    with pytest.raises(RecipeError, match=message) as caught:
        check_recipe(file)
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)


def test_a_run_directory_is_swept_like_a_recipe(tmp_path: Path) -> None:
    words = ["/usr/bin/env", "gschnet-pyg", "generate", "runs/a", ARGUMENTS, "logging.wandb=online", "report=true"]
    parameters = {"temperature": {"distribution": "log_uniform_values", "min": 0.01, "max": 1.0}}
    sweep = check_recipe(
        sweep_file(tmp_path, command=words, parameters=parameters, metric={"name": "generated/edm_valid"})
    )
    assert isinstance(sweep, Sweep)
    assert n_trials(sweep) is None


def test_a_sweep_is_no_recipe(tmp_path: Path) -> None:
    file = sweep_file(tmp_path)
    for load in (load_recipe, load_generation_recipe):
        with pytest.raises(RecipeError, match="is a sweep; begin it with: wandb sweep "):
            load(file)
    with pytest.raises(RecipeError, match="a sweep takes no changes"):
        check_recipe(file, ["method=grid"])
