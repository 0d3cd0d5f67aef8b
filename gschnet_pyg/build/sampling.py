"""Recipe -> molecules sampled during training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gschnet_pyg.build.conditions import Prepared
from gschnet_pyg.generation.settings import GenerationSettings
from gschnet_pyg.generation.starts import FROM_NOTHING, Start
from gschnet_pyg.processes import ALONE, Processes
from gschnet_pyg.recipe import Recipe
from gschnet_pyg.tracking.tracker import OFF, Tracker
from gschnet_pyg.training.sampling import Sampling


def sampling(
    recipe: Recipe,
    steps_per_epoch: int,
    starts: Sequence[Start] = FROM_NOTHING,
    processes: Processes = ALONE,
    progress: bool = False,
    tracker: Tracker = OFF,
) -> Sampling | None:
    """What samples molecules at validations, if the recipe asks for it.

    Args:
        recipe: how many, how often.
        steps_per_epoch: optimisation steps.
        starts: from :func:`sampling_starts`.
        processes: that train together.
        progress: show a bar on a terminal.
        tracker: gets tables of molecules.
    """
    section = recipe.sampling
    if section is None:
        return None
    settings = GenerationSettings(
        n_molecules=section.n_molecules,
        batch_size=section.batch_size,
        max_atoms=section.max_atoms,
        temperature=section.temperature,
        seed=section.seed,
    )
    return Sampling(settings, section.every, steps_per_epoch, starts, processes, progress, tracker)


def sampling_starts(prepared: Prepared) -> Sequence[Start]:
    """What sampled molecules are asked for: the conditions of validation molecules, drawn with the sampling's seed.

    Each molecule has its own; where more are sampled than there are for validation, they go round.
    """
    section = prepared.recipe.sampling
    if section is None or not prepared.conditions:
        return FROM_NOTHING
    order = np.random.default_rng(section.seed).permutation(prepared.parts.validation)[: section.n_molecules]
    properties = prepared.molecules.subset(order).properties
    values = {condition.name: properties[condition.name].values[:] for condition in prepared.conditions}
    return [Start({name: column[row] for name, column in values.items()}) for row in range(len(order))]
