"""What is asked of generation, checked before any work is done."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gschnet_pyg.build.generation import device
from gschnet_pyg.errors import RecipeError
from gschnet_pyg.generation.fragments import read_fragments
from gschnet_pyg.generation.starts import Start
from gschnet_pyg.generation.targets import Target, far_targets, parse_targets
from gschnet_pyg.model.conditions import CompositionCondition, Condition
from gschnet_pyg.model.gschnet import GSchNet
from gschnet_pyg.processes import Processes
from gschnet_pyg.recipe import GenerationRecipe
from gschnet_pyg.run_directory import RunDirectory

Say = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """What was asked for, checked.

    Attributes:
        recipe: that asks for it.
        model: on the device to use.
        conditions: of the model.
        starts: of the molecules, in turn.
    """

    recipe: GenerationRecipe
    model: GSchNet
    conditions: Sequence[Condition]
    starts: Sequence[Start]

    @cached_property
    def fingerprint(self) -> str:
        """Short hash of the model's weights."""
        digest = hashlib.blake2b(digest_size=8)
        for name, weights in sorted(self.model.state_dict().items()):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(weights.cpu().numpy()).data)
        return digest.hexdigest()


def checked(recipe: GenerationRecipe, processes: Processes, say: Say) -> Request:
    """Model and starts, if they fit the recipe.

    Args:
        recipe: what to do.
        processes: that generate together.
        say: takes warnings.

    Raises:
        GschnetError: if there is no model, or something does not fit it.
    """
    model = RunDirectory(recipe.run).model().to(processes.device or device(recipe.device))
    conditions = model.conditions.conditions if model.conditions is not None else ()
    if recipe.start is not None and recipe.start.origin is not None and not model.settings.has_origin:
        raise RecipeError("start.origin: the model was trained without the origin token; leave it out")
    starts = _starts(recipe, conditions, say)
    if strange := [number for number in recipe.trace if number >= recipe.n_molecules]:
        raise RecipeError(f"trace: there is no molecule {strange[0]}; they are numbered 0 to {recipe.n_molecules - 1}")
    return Request(recipe, model, conditions, starts)


def _starts(recipe: GenerationRecipe, conditions: Sequence[Condition], say: Say) -> list[Start]:
    """Every target with every substructure."""
    targets = parse_targets(recipe.conditions, conditions)
    for warning in far_targets(targets, conditions):
        say(f"Warning: {warning}; the model may not follow.")
    fragments: Sequence[Any] = [None]
    if (settings := recipe.start) is not None:
        fragments = read_fragments(
            settings.path,
            settings.rows,
            atoms=settings.atoms,
            origin=settings.origin,
            finished=settings.finished,
            open_atoms=settings.open_atoms,
        )
    _check_sizes(recipe, targets, conditions, say)
    starts = [Start(target, fragment) for fragment in fragments for target in targets]
    if len(starts) > recipe.n_molecules:
        say(
            f"Warning: {len(starts):,} targets and substructures are asked for, but only {recipe.n_molecules:,} "
            "molecules; the last ones get none."
        )
    return starts


def _check_sizes(
    recipe: GenerationRecipe, targets: Sequence[Target], conditions: Sequence[Condition], say: Say
) -> None:
    """Warn of targets that are larger than molecules may become."""
    for condition in conditions:
        if isinstance(condition, CompositionCondition) and not condition.skip_hydrogen:
            sizes = [target[condition.name].sum() for target in targets]
        elif condition.name == "n_atoms":
            sizes = [target[condition.name][0] for target in targets]
        else:
            continue
        if (largest := max(sizes)) > recipe.max_atoms:
            say(
                f"Warning: {condition.name} asks for molecules of {largest:.6g} atoms, but they may have "
                f"{recipe.max_atoms} at most; raise max_atoms."
            )
