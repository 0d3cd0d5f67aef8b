"""A run directory: everything a person needs later, under fixed names."""

from __future__ import annotations

import json
import os
import pickle
import secrets
import socket
import zipfile
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
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

DECIDED = (
    *("seed", "data", "split", "atoms", "cutoffs", "model"),
    *(f"training.{key}" for key in ("batch_size", "steps_drawn", "optimizer", "schedule", "label_width", "ema_decay")),
)
"""Parts of a recipe that a resumed run cannot change; limits, workers and the like it can."""


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
            if attrgetter(part)(stored) != attrgetter(part)(recipe):
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

    def read_checkpoint(self, name: str) -> dict[str, Any]:
        """Content of a checkpoint, on the CPU.

        Raises:
            ModelError: if it is missing or damaged.
        """
        path = self.checkpoint(name)
        if not path.is_file():
            raise ModelError(
                f"{self.path}: no model.safetensors and no checkpoint; train first (gschnet-pyg train RECIPE)"
            )
        try:
            content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except (RuntimeError, EOFError, OSError, pickle.UnpicklingError, zipfile.BadZipFile, KeyError) as error:
            raise ModelError(
                f"{path}: damaged checkpoint ({str(error).splitlines()[0]}); remove it, or restore it from a backup"
            ) from None
        return content

    def best_model(self) -> GSchNet:
        """The model of the best checkpoint.

        Raises:
            ModelError: if there is no checkpoint, or it is damaged.
        """
        model = build.model(self.recipe())
        prefix = "model."
        weights = self.read_checkpoint(build.BEST)["state_dict"]
        model.load_state_dict(
            {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}
        )
        return model.eval()

    def export(self, model: GSchNet) -> None:
        """Write the trained model."""
        with replace_file(self.model_file) as temporary:
            save_model(temporary, model)

    def model(self) -> GSchNet:
        """The trained model; while training has not come to its end, that of the best checkpoint.

        Raises:
            ModelError: if the directory or the model is missing or damaged.
        """
        if not self.path.is_dir():
            raise ModelError(f"{self.path}: no such run directory")
        return load_model(self.model_file) if self.model_file.is_file() else self.best_model()


def new_id(name: str) -> str:
    """An id that no other run has; job id and host name under SLURM."""
    if job := os.environ.get("SLURM_JOB_ID"):
        return f"{name}-{job}-{socket.gethostname()}"
    return f"{name}-{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
