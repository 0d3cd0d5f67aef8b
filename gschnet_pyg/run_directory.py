"""A run directory: everything a person needs later, under fixed names."""

from __future__ import annotations

import json
import os
import secrets
import socket
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
import yaml

from gschnet_pyg import build
from gschnet_pyg.errors import ModelError, RecipeError
from gschnet_pyg.files import replace_file
from gschnet_pyg.model.gschnet import GSchNet
from gschnet_pyg.model.storage import load_model, save_model
from gschnet_pyg.recipe import Recipe, load_recipe

DECIDED = ("seed", "data", "split", "atoms", "cutoffs", "model")
"""Parts of a recipe that a resumed run cannot change."""


@dataclass(frozen=True)
class RunDirectory:
    """Paths in a run directory, and what is read from and written to them."""

    path: Path

    @classmethod
    def of(cls, recipe: Recipe) -> RunDirectory:
        """The directory of a recipe; an id is made up where the recipe has none."""
        return cls(recipe.run.directory / (recipe.run.id or new_id(recipe.name)))

    @property
    def recipe_file(self) -> Path:
        """Resolved recipe."""
        return self.path / "recipe.yaml"

    @property
    def split_file(self) -> Path:
        """Ids of the molecules in each part."""
        return self.path / "split.npz"

    @property
    def model_file(self) -> Path:
        """The trained model."""
        return self.path / "model.safetensors"

    @property
    def losses_file(self) -> Path:
        """Final losses."""
        return self.path / "losses.json"

    def checkpoint(self, name: str) -> Path:
        """Checkpoint ``best`` or ``last``."""
        return self.path / "checkpoints" / f"{name}.ckpt"

    def recipe(self) -> Recipe:
        """The stored recipe.

        Raises:
            RecipeError: if there is none.
        """
        if not self.recipe_file.is_file():
            raise RecipeError(f"{self.path}: no run directory (it has no recipe.yaml)")
        return load_recipe(self.recipe_file)

    def check_recipe(self, recipe: Recipe) -> None:
        """Check that a recipe decides the same things as the stored one, if there is one.

        Raises:
            RecipeError: naming the part that differs.
        """
        if not self.recipe_file.is_file():
            return
        stored = self.recipe()
        for part in DECIDED:
            if getattr(stored, part) != getattr(recipe, part):
                raise RecipeError(
                    f"{part}: differs from {self.recipe_file}, which this run would resume; "
                    "give the run another id, or leave that part as it was"
                )

    def store_recipe(self, recipe: Recipe) -> None:
        """Write the resolved recipe."""
        with replace_file(self.recipe_file) as temporary:
            temporary.write_text(yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False), encoding="utf-8")

    def store_losses(self, losses: dict[str, Any]) -> None:
        """Write the final losses."""
        with replace_file(self.losses_file) as temporary:
            temporary.write_text(json.dumps(losses, indent=1) + "\n", encoding="utf-8")

    def export_model(self) -> GSchNet:
        """Write the model of the best checkpoint.

        Raises:
            ModelError: if there is no checkpoint.
        """
        checkpoint = self.checkpoint(build.BEST)
        if not checkpoint.is_file():
            raise ModelError(
                f"{self.path}: no model.safetensors and no checkpoint; train first (gschnet-pyg train RECIPE)"
            )
        stored = torch.load(checkpoint, map_location="cpu", weights_only=True)
        model = build.model(self.recipe())
        prefix = "model."
        model.load_state_dict(
            {key.removeprefix(prefix): value for key, value in stored["state_dict"].items() if key.startswith(prefix)}
        )
        with replace_file(self.model_file) as temporary:
            save_model(temporary, model, {"steps": stored["global_step"], "epoch": stored["epoch"]})
        return model.eval()

    def model(self) -> GSchNet:
        """The trained model; of the best checkpoint where training has not come to its end.

        Raises:
            ModelError: if the directory or the model is missing.
        """
        if not self.path.is_dir():
            raise ModelError(f"{self.path}: no such run directory")
        return load_model(self.model_file) if self.model_file.is_file() else self.export_model()


def new_id(name: str) -> str:
    """An id that no other run has; job id and host name under SLURM."""
    if job := os.environ.get("SLURM_JOB_ID"):
        return f"{name}-{job}-{socket.gethostname()}"
    return f"{name}-{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
