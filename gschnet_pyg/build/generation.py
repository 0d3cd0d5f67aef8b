"""Generation recipe -> settings."""

from __future__ import annotations

import torch

from gschnet_pyg.errors import RecipeError
from gschnet_pyg.generation.sampler import GenerationSettings
from gschnet_pyg.recipe import GenerationRecipe


def generation_settings(recipe: GenerationRecipe) -> GenerationSettings:
    """How molecules are drawn."""
    return GenerationSettings(
        n_molecules=recipe.n_molecules,
        batch_size=recipe.batch_size,
        max_atoms=recipe.max_atoms,
        temperature=recipe.temperature,
        type_temperature=recipe.type_temperature,
        grid_minimum=recipe.grid_minimum,
        grid_spacing=recipe.grid_spacing,
        filter_memory=recipe.filter_memory,
        seed=recipe.seed,
    )


def device(name: str) -> torch.device:
    """The device of a name, ``auto``, ``cpu`` or ``cuda``; ``auto`` takes a GPU if there is one.

    Raises:
        RecipeError: if there is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(name)
        torch.empty(0, device=chosen, dtype=torch.float64)  # of positions
    except (RuntimeError, AssertionError, TypeError) as error:
        raise RecipeError(f"device: {name!r} cannot be used here ({str(error).splitlines()[0]})") from None
    return chosen
