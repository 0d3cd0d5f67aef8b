"""Where the time of this package goes: ranges around its parts, read by PyTorch's profiler.

A part that no range catches (a module renamed, a function moved) falls to the range around it or to the rest.
"""

from __future__ import annotations

import importlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile, record_function
from torch_geometric.data import Data

from benchmarks.formulations import Formulation
from gschnet_pyg.generation.sampler import GenerationSettings

MODULES = {
    r"schnet": "messages",
    r"schnet\.blocks\.\d+\.(into|out_of)_filters": "dense layers",
    r"(type|distance)_head": "heads",
}
"""Parts of the model by the names of its modules; what is inside of none of the inner ones falls to the outer one."""
FUNCTIONS = (
    ("gschnet_pyg.trajectory.collate", "ranked_neighbors", "trajectory"),
    ("gschnet_pyg.trajectory.collate", "draw_trajectory", "trajectory"),
    ("gschnet_pyg.trajectory.collate", "draw_steps", "trajectory"),
    ("gschnet_pyg.model.schnet.SchNet", "filters", "filters"),
    ("gschnet_pyg.generation.slots.Slots", "steps", "preparing"),
    ("gschnet_pyg.generation.slots.Slots", "place", "preparing"),
    ("gschnet_pyg.generation.filters.KeptFilters", "update", "filters"),
    ("gschnet_pyg.generation.rounds.Rounds", "_draw_positions", "grid"),
)
"""Functions that are parts: where they are looked up, and their names; those that are not there are passed over."""
TRAINING_PARTS = (
    *("trajectory", "collate", "filters", "messages", "dense layers", "heads", "loss", "optimiser", "rest"),
)
GENERATION_PARTS = ("preparing", "filters", "messages", "dense layers", "heads", "grid", "rest")
_PREFIX = "part: "


def training_breakdown(
    subject: Formulation,
    optimizer: torch.optim.Optimizer,
    molecules: Callable[[int], Sequence[Data]],
    steps_drawn: int | None,
    device: torch.device,
    n_rounds: int = 5,
) -> dict[str, float]:
    """Share of every part of an optimisation step; backward operations belong to the part of their forward ones."""

    def step(number: int) -> None:
        with _part("collate"):
            batch = subject.batch(molecules(number), steps_drawn)
        optimizer.zero_grad()
        with _part("loss"):  # the model's own ranges lie inside
            loss = subject.loss(batch)
        loss.backward()
        with _part("optimiser"):
            optimizer.step()

    step(0)
    return _shares(lambda: [step(number) for number in range(1, n_rounds + 1)], subject.model, TRAINING_PARTS)


def generation_breakdown(subject: Formulation, settings: GenerationSettings) -> dict[str, float]:
    """Share of every part of generation."""
    return _shares(lambda: subject.generate(settings), subject.model, GENERATION_PARTS)


def _shares(run: Callable[[], Any], model: nn.Module, parts: Sequence[str]) -> dict[str, float]:
    with ExitStack() as stack:
        for module, name, part in FUNCTIONS:
            stack.enter_context(_watched(module, name, part))
        for name, module in model.named_modules():
            for pattern, part in MODULES.items():
                if re.fullmatch(pattern, name):
                    stack.enter_context(_hooked(module, part))
        stack.enter_context(_hooked(model, "heads"))  # what the heads do beside their layers
        recorder = stack.enter_context(profile(activities=[ProfilerActivity.CPU]))
        with _part("rest"):
            run()
    spent = _time_of_parts(recorder.events())
    total = sum(spent.values())
    return {part: spent.get(part, 0.0) / total for part in parts}


def _part(name: str) -> record_function:
    return record_function(_PREFIX + name)


@contextmanager
def _hooked(module: nn.Module, part: str) -> Iterator[None]:
    """A range around every call of a module."""
    open_ranges: list[record_function] = []

    def enter(*_: Any) -> None:
        open_ranges.append(_part(part))
        open_ranges[-1].__enter__()

    def leave(*_: Any) -> None:
        open_ranges.pop().__exit__(None, None, None)

    handles = [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]
    yield
    for handle in handles:
        handle.remove()


@contextmanager
def _watched(owner: str, name: str, part: str) -> Iterator[None]:
    """A range around every call of a function of a module or class, if it is there."""
    holder = _find(owner)
    original = getattr(holder, name, None)
    if original is None:
        yield
        return

    def watched(*args: Any, **kwargs: Any) -> Any:
        with _part(part):
            return original(*args, **kwargs)

    setattr(holder, name, watched)
    try:
        yield
    finally:
        setattr(holder, name, original)


def _find(dotted: str) -> Any:
    """A module, or a class of it; none where there is none."""
    try:
        return importlib.import_module(dotted)
    except ModuleNotFoundError:
        module, _, name = dotted.rpartition(".")
        return getattr(_find(module), name, None) if module else None


def _time_of_parts(events: Sequence[FunctionEvent]) -> dict[str, float]:
    """Time inside the innermost range; of a backward operation, the range that its forward operation was in."""
    ordered = sorted(events, key=lambda event: (event.time_range.start, -event.time_range.end))
    spent: dict[str, float] = defaultdict(float)
    part_of_operation: dict[int, str] = {}
    open_ranges: list[tuple[float, str]] = []  # end and part
    for event in ordered:
        start, end = event.time_range.start, event.time_range.end
        while open_ranges and open_ranges[-1][0] <= start:
            open_ranges.pop()
        outer = open_ranges[-1][1] if open_ranges else None
        if event.name.startswith(_PREFIX):
            part = event.name.removeprefix(_PREFIX)
        elif event.name.startswith("autograd::engine::evaluate_function"):
            part = part_of_operation.get(event.sequence_nr, "rest")
        else:
            if event.scope == 0 and event.sequence_nr >= 0 and outer is not None:
                # of several that carry a number, the last one is the one that is differentiated
                part_of_operation[event.sequence_nr] = outer
            continue
        spent[part] += end - start
        if outer is not None:
            spent[outer] -= end - start
        open_ranges.append((end, part))
    return spent
