"""Recipe -> where its processes run."""

from __future__ import annotations

from typing import Literal

import torch

from gschnet_pyg.build.generation import device
from gschnet_pyg.errors import RecipeError
from gschnet_pyg.processes import Layout
from gschnet_pyg.recipe import GenerationRecipe, Recipe


def training_layout(recipe: Recipe) -> Layout:
    """Where a training run computes.

    Raises:
        RecipeError: if there are fewer devices, or they cannot share a batch evenly.
    """
    training = recipe.training
    kind = torch.accelerator.current_accelerator(check_available=True) if training.accelerator != "cpu" else None
    accelerator = kind.type if kind is not None else "cpu"
    layout = Layout(accelerator, _n_devices(accelerator, training.devices, "training.devices"), training.nodes)
    if training.batch_size % layout.size:
        raise RecipeError(
            f"training.batch_size: {training.batch_size} molecules cannot be shared evenly by {layout.size} processes "
            f"(training.devices={layout.devices}, training.nodes={layout.nodes}); take a multiple of {layout.size}"
        )
    return layout


def generation_layout(recipe: GenerationRecipe) -> Layout:
    """Where molecules are generated.

    Raises:
        RecipeError: if there are fewer devices, or one is named and several are asked for.
    """
    accelerator = device(recipe.device).type
    layout = Layout(accelerator, _n_devices(accelerator, recipe.devices, "devices"), recipe.nodes)
    if layout.size > 1 and ":" in recipe.device:
        raise RecipeError(f"device: {recipe.device} is a single one, but devices={recipe.devices}; take cuda")
    return layout


def _n_devices(accelerator: str, asked: int | Literal["auto"], key: str) -> int:
    """Devices of a machine that are asked for; ``auto`` takes all GPUs, or one process on CPUs."""
    available = 1 if accelerator == "cpu" else torch.accelerator.device_count()
    if asked == "auto":
        return available
    if accelerator != "cpu" and asked > available:
        raise RecipeError(f"{key}: {asked} asked for, but there are only {available} here; take fewer, or auto")
    return asked
