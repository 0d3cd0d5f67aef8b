"""Sweeps of Weights & Biases: which trials they consist of, and what each of them calls."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gschnet_pyg.errors import RecipeError
from gschnet_pyg.metric_names import GENERATED, GENERATION, SAMPLED, TRAINING
from gschnet_pyg.recipe_sections.sweep import ARGUMENTS, Sweep, combinations

_PROGRAMS = ("gschnet-pyg", "gschnet_pyg.cli")
_MOST_TRIALS = 1000
"""Beyond which the values of one parameter at a time are tried."""


@dataclass(frozen=True)
class SweepCommand:
    """What the agent calls.

    Attributes:
        verb: that is swept.
        source: recipe, or for generation the run directory too.
        before, after: settings of the command, around the parameters.
    """

    verb: Literal["train", "generate"]
    source: str
    before: tuple[str, ...]
    after: tuple[str, ...]

    @classmethod
    def of(cls, sweep: Sweep, where: str) -> SweepCommand:
        """Read the command of a sweep.

        Raises:
            RecipeError: if it calls something else, does not take the parameters, or sets one of them itself.
        """
        place = f"{where}: command"
        words = list(sweep.command)
        start = next((number for number, word in enumerate(words) if Path(word).name in _PROGRAMS), None)
        if start is None or len(words) < start + 3 or words[start + 1] not in ("train", "generate"):
            raise RecipeError(f"{place}: must call gschnet-pyg train RECIPE or gschnet-pyg generate RUN_DIR")
        verb, source, *rest = words[start + 1 :]
        if rest.count(ARGUMENTS) != 1:
            raise RecipeError(f"{place}: must hold {ARGUMENTS} once, where the parameters go")
        for word in rest:
            if word != ARGUMENTS and (word.startswith(("-", "$")) or "=" not in word):
                raise RecipeError(
                    f"{place}: {word}: write it as a setting, such as n_molecules=100 or logging.wandb=online"
                )
        cut = rest.index(ARGUMENTS)
        before, after = tuple(rest[:cut]), tuple(rest[cut + 1 :])
        for key in (word.partition("=")[0] for word in (*before, *after)):
            if key in sweep.parameters:
                raise RecipeError(f"{place}: sets {key}, which is a parameter too; leave it out of one of them")
        return cls("train" if verb == "train" else "generate", source, before, after)

    def overrides(self, trial: dict[str, Any]) -> list[str]:
        """Settings of a trial."""
        return [*self.before, *arguments(trial), *self.after]


def arguments(trial: dict[str, Any]) -> list[str]:
    """Parameters as the agent writes them in place of ``${args_no_hyphens}``."""
    return [f"{name}={value}" for name, value in trial.items()]


def n_trials(sweep: Sweep) -> int | None:
    """How many runs a sweep consists of; none if it has no end of its own."""
    if sweep.method != "grid":
        return sweep.run_cap
    number = math.prod(len(parameter.grid()) for parameter in sweep.parameters.values())
    return number if sweep.run_cap is None else min(number, sweep.run_cap)


def trials_to_check(sweep: Sweep) -> Iterator[dict[str, Any]]:
    """Every trial of a grid; of other sweeps, all combinations of their values and of the ends of their ranges.

    Where these are too many, each parameter has its values in turn, the others their first; of very many values it has
    some, the last one among them.
    """
    is_grid = sweep.method == "grid"
    values = {name: each.grid() if is_grid else each.ends() for name, each in sweep.parameters.items()}
    if math.prod(map(len, values.values())) <= _MOST_TRIALS:
        yield from combinations(values)
        return
    first = {name: each[0] for name, each in values.items()}
    for name, each in values.items():
        step = math.ceil(len(each) * len(values) / _MOST_TRIALS)
        yield from ({**first, name: value} for value in (*each[:-1:step], each[-1]))


def check_metric(sweep: Sweep, where: str, *, verb: str, is_sampled: bool, is_judged: bool) -> None:
    """Refuse to go by a metric that no trial logs.

    Args:
        sweep: that goes by it.
        where: its name.
        verb: that it calls.
        is_sampled: molecules are sampled during training.
        is_judged: generated molecules are judged.

    Raises:
        RecipeError: naming the nearest metric, or the setting that is missing.
    """
    if sweep.metric is None:
        return
    name, place = sweep.metric.name, f"{where}: metric.name"
    names: Sequence[str] = TRAINING if verb == "train" else GENERATION
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names)}"
        raise RecipeError(f"{place}: {name!r} is not logged by gschnet-pyg {verb}; {hint}")
    if name in SAMPLED and not is_sampled:
        raise RecipeError(f"{place}: {name} needs molecules that are sampled; add sampling.every=1 to the command")
    if name in GENERATED and not is_judged:
        raise RecipeError(f"{place}: {name} needs molecules that are judged; add report=true to the command")
