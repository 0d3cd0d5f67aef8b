"""Sweeps: what Weights & Biases varies, and the command that it calls."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from gschnet_pyg.recipe_sections.base import PropertyName, Section

ARGUMENTS = "${args_no_hyphens}"
"""Where the agent puts the parameters, as ``key=value``."""

Distribution = Literal[
    "constant",
    "categorical",
    "categorical_w_probabilities",
    "int_uniform",
    "uniform",
    "q_uniform",
    "log_uniform",
    "log_uniform_values",
    "q_log_uniform",
    "q_log_uniform_values",
    "inv_log_uniform",
    "inv_log_uniform_values",
    "normal",
    "q_normal",
    "log_normal",
    "q_log_normal",
    "beta",
    "q_beta",
]
_MOST_VALUES = 100_000
"""That a grid goes through."""

_COUNTED = ("int_uniform", "q_uniform")
"""Distributions of numbers that a grid can go through."""


class SweepParameter(Section):
    """Values of one setting, or a section of settings."""

    value: Any = None
    """The same in all runs."""
    values: tuple[Any, ...] | None = Field(default=None, min_length=1)
    """One of these."""
    probabilities: tuple[float, ...] | None = None
    """Of the values; all the same where there are none."""
    distribution: Distribution | None = None
    """Of the numbers from ``min`` to ``max``; uniform where it is left out."""
    min: float | int | None = None
    """Lowest number."""
    max: float | int | None = None
    """Highest number."""
    q: PositiveFloat | PositiveInt = 1
    """Step of the distributions that are named ``q_...``."""
    mu: float = 0.0
    """Mean of a normal distribution, or of the logarithm in a log-normal one."""
    sigma: float = 1.0
    """Standard deviation of the same."""
    a: float = 1.0
    """First parameter of a beta distribution."""
    b: float = 1.0
    """Second parameter of a beta distribution."""
    parameters: dict[str, SweepParameter] | None = None
    """Of the section that this is."""

    @model_validator(mode="after")
    def _says_one_thing(self) -> SweepParameter:
        given = self.model_fields_set
        is_open = (self.distribution or "").removeprefix("q_") in ("normal", "log_normal", "beta")
        ways: list[str] = [way for way in ("value", "values", "parameters") if way in given]
        if given & {"min", "max"}:
            ways.append("min and max")
        if is_open:
            ways.append(str(self.distribution))
        if len(ways) != 1:
            raise ValueError(f"needs one of value, values, parameters, or min and max; has {', '.join(ways) or 'none'}")
        if ways == ["min and max"]:
            if self.min is None or self.max is None or self.min >= self.max:
                raise ValueError("min must be below max, and both are needed")
            if str(self.distribution).endswith("log_uniform_values") and self.min <= 0:
                raise ValueError(f"a {self.distribution} has a min above 0")
        try:
            self.ends()
        except ArithmeticError:
            raise ValueError("its numbers are beyond what can be computed with; give others") from None
        return self

    def grid(self) -> list[Any]:
        """All values.

        Raises:
            ValueError: if nobody can count them, or they are too many.
        """
        if self.parameters is not None:
            return _listed({name: each.grid() for name, each in self.parameters.items()})
        if self.values is not None or "value" in self.model_fields_set:
            return self.ends()
        if self._kind not in _COUNTED or self.min is None or self.max is None:
            raise ValueError("a grid needs values, or whole numbers from min to max")
        is_whole = self._kind == "int_uniform"
        n_steps = (self.max - self.min) / (1 if is_whole else self.q)
        if n_steps > _MOST_VALUES:
            raise ValueError(f"a grid of {n_steps:,.0f} values is too large; at most {_MOST_VALUES:,} can be listed")
        if is_whole:
            return list(range(int(self.min), int(self.max) + 1))
        return [self.min + number * self.q for number in range(math.ceil(n_steps))]

    def ends(self) -> list[Any]:
        """Values that are given one by one, and both ends of a range; the middle where there are no ends."""
        if self.parameters is not None:
            return _listed({name: each.ends() for name, each in self.parameters.items()})
        if self.values is not None:
            return list(self.values)
        if "value" in self.model_fields_set:
            return [self.value]
        kind = self._kind.removeprefix("q_")
        if self.min is None or self.max is None:
            if kind == "beta":
                return [self.a / (self.a + self.b)]
            return [math.exp(self.mu) if kind == "log_normal" else self.mu]
        match kind:
            case "log_uniform":
                return [math.exp(self.min), math.exp(self.max)]
            case "inv_log_uniform":
                return [math.exp(-self.max), math.exp(-self.min)]
        return [self.min, self.max]

    @property
    def _kind(self) -> str:
        """The distribution, which follows from the numbers where it is left out."""
        is_whole = isinstance(self.min, int) and isinstance(self.max, int)
        return self.distribution or ("int_uniform" if is_whole else "uniform")


class SweepMetric(Section):
    """What is to become best."""

    name: PropertyName
    """Of what runs log: ``validation/loss``, ``sampled/valid``, ``generated/unique``, ..."""
    goal: Literal["minimize", "maximize"] = "minimize"
    """Which way is better."""
    target: float | None = None
    """The sweep ends where it is reached."""


class Hyperband(Section):
    """Runs that are behind the others are ended early."""

    type: Literal["hyperband"]
    min_iter: PositiveInt | None = None
    """Values of the metric that every run may log before it is compared with others."""
    max_iter: PositiveInt | None = None
    """Values of the metric of a whole run, in place of ``min_iter``."""
    s: PositiveInt | None = None
    """Number of comparisons, beside ``max_iter``."""
    eta: PositiveFloat = 3.0
    """The best of so many runs goes on, and the next comparison comes after so many times as many values."""
    strict: bool = False
    """End all runs but those, rather than the worst ones alone."""


class Sweep(Section):
    """A sweep in the format of Weights & Biases."""

    program: str | None = None
    """What wandb shows as the program; the ``command`` is what runs."""
    name: str | None = None
    """Of the sweep."""
    description: str | None = None
    """For people."""
    project: str | None = None
    """Of wandb, that the sweep belongs to."""
    entity: str | None = None
    """User or team; that of the login where there is none."""
    method: Literal["grid", "random", "bayes"]
    """All combinations, random ones, or those that promise most after what has been seen."""
    metric: SweepMetric | None = None
    parameters: dict[str, SweepParameter] = Field(min_length=1)
    """Settings of the recipe, by their dotted names."""
    run_cap: PositiveInt | None = None
    """Most runs."""
    early_terminate: Hyperband | None = None
    controller: dict[str, Any] | None = None
    """Settings of a controller of wandb's own."""
    command: tuple[str, ...]
    """``gschnet-pyg train RECIPE`` or ``gschnet-pyg generate RUN_DIR``, settings, and where the parameters go."""

    @model_validator(mode="after")
    def _can_run(self) -> Sweep:
        if self.metric is None and (self.method == "bayes" or self.early_terminate is not None):
            asks = "method: bayes" if self.method == "bayes" else "early_terminate"
            raise ValueError(f"{asks} needs a metric, such as {{name: validation/loss, goal: minimize}}")
        if self.method == "grid":
            for name, parameter in self.parameters.items():
                try:
                    parameter.grid()
                except ValueError as error:
                    raise ValueError(f"parameters.{name}: {error}") from None
            n_runs = math.prod(len(parameter.grid()) for parameter in self.parameters.values())
            if n_runs > _MOST_VALUES:
                raise ValueError(f"a grid of {n_runs:,} runs is too large; give fewer values, or take method: random")
        return self


def _listed(values: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """Every choice, if these are not too many."""
    if (number := math.prod(map(len, values.values()))) > _MOST_VALUES:
        raise ValueError(f"its parameters have {number:,} combinations, of which {_MOST_VALUES:,} can be listed")
    return list(combinations(values))


def combinations(values: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """Every choice of one value for each name; the last name changes first."""
    for chosen in itertools.product(*values.values()):
        yield dict(zip(values, chosen, strict=True))
