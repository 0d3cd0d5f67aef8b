"""A run directory: everything a person needs later, under fixed names."""

from __future__ import annotations

import difflib
import json
import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from gschnet_pyg.errors import ModelError, RecipeError
from gschnet_pyg.files import replace_file
from gschnet_pyg.recipe import Recipe, load_recipe
from gschnet_pyg.recipe_files import read_yaml
from gschnet_pyg.recipe_sections.base import Section
from gschnet_pyg.recipe_sections.training import BEST, LAST

if TYPE_CHECKING:
    from gschnet_pyg.model.gschnet import GSchNet

DECIDED = (
    *("seed", "data", "properties", "split", "atoms", "cutoffs", "growth", "conditions", "mixing", "model"),
    *(
        f"training.{key}"
        for key in (
            "batch_size",
            "steps_drawn",
            "position_noise",
            "origin_noise",
            "optimizer",
            "schedule",
            "label_width",
            "ema_decay",
            "precision",
        )
    ),
)
"""Parts of a recipe that a resumed run cannot change; limits, workers and the like it can."""

_CHECKPOINT: Mapping[str, type] = {
    "gschnet_pyg": dict,
    "state_dict": dict,
    "callbacks": dict,
    "global_step": int,
    **{"loops": dict, "optimizer_states": list, "lr_schedulers": list},
}
"""What is read of a checkpoint, here and by Lightning."""

SETTLED = ("minimum", "maximum", "spacing", "coefficients", "intercept", "fitted")
"""Keys of properties and conditions that a recipe may leave open (null), and the training molecules then settle."""


@dataclass(frozen=True)
class RunDirectory:
    """Paths in a run directory, and what is read from and written to them.

    Torch is imported by those methods that need it: a report reads no more than the recipe and the split.
    """

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

    @property
    def metrics_file(self) -> Path:
        """Everything that was logged during training."""
        return self.path / "metrics.csv"

    @property
    def tracking_file(self) -> Path:
        """Under which id the run is logged to wandb."""
        return self.path / "wandb.json"

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

    def recipe_as_stored(self) -> dict[str, Any] | None:
        """The stored recipe as plain containers, whatever version wrote it; none if there is none to be read."""
        try:
            return read_yaml(self.recipe_file)
        except RecipeError:
            return None

    def continued(self, recipe: Recipe) -> Recipe:
        """The recipe to go on with: where there is a stored one, what that has settled for properties and conditions.

        Raises:
            RecipeError: if the two decide otherwise, naming the part that differs.
        """
        if not self.recipe_file.is_file():
            return recipe
        stored = self.recipe()
        for part in DECIDED:
            if not _agrees(_plain(attrgetter(part)(recipe)), _plain(attrgetter(part)(stored))):
                raise RecipeError(
                    f"{part}: differs from {self.recipe_file}, which this run would resume; "
                    "give the run another id, or leave that part as it was"
                )
        return recipe.model_copy(update={"properties": stored.properties, "conditions": stored.conditions})

    def store_recipe(self, recipe: Recipe) -> None:
        """Write the resolved recipe."""
        with replace_file(self.recipe_file) as temporary:
            temporary.write_text(yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False), encoding="utf-8")

    def store_losses(self, losses: dict[str, Any]) -> None:
        """Write the final losses."""
        with replace_file(self.losses_file) as temporary:
            temporary.write_text(json.dumps(losses, indent=1) + "\n", encoding="utf-8")

    def tracked_as(self) -> dict[str, Any]:
        """``id`` and ``group`` in wandb; empty for a run that was never logged there."""
        try:
            content = json.loads(self.tracking_file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        pairs = content.items() if isinstance(content, dict) else ()
        return {key: value for key, value in pairs if isinstance(value, str)}

    def store_tracking(self, run_id: str, group: str) -> None:
        """Write under which id, and in which group, the run is logged to wandb."""
        with replace_file(self.tracking_file) as temporary:
            temporary.write_text(json.dumps({"id": run_id, "group": group}) + "\n", encoding="utf-8")

    def progress(self) -> tuple[int, bool] | None:
        """Steps that the last checkpoint has taken, and whether a validation comes next; none without a checkpoint.

        Raises:
            ModelError: if it is damaged.
        """
        if not self.checkpoint(LAST).is_file():
            return None
        content = self.read_checkpoint(LAST)
        states = content["callbacks"].values()
        return int(content["global_step"]), any(state.get("is_validation_ahead", False) for state in states)

    def read_checkpoint(self, name: str) -> dict[str, Any]:
        """Content of a checkpoint, on the CPU.

        Raises:
            ModelError: if it is missing or damaged.
        """
        import torch

        path = self.checkpoint(name)
        if not path.is_file():
            raise ModelError(
                f"{self.path}: no model.safetensors and no checkpoint; train first (gschnet-pyg train RECIPE)"
            )
        try:
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # of a damaged file torch raises whatever comes up
            what = next(iter(str(error).splitlines()), type(error).__name__)
            raise ModelError(f"{path}: damaged checkpoint ({what}); remove it, or restore it from a backup") from None
        parts: Mapping[str, Any] = content if isinstance(content, dict) else {}
        wrong = [key for key, kind in _CHECKPOINT.items() if not isinstance(parts.get(key), kind)]
        if wrong or not all(isinstance(state, dict) for state in parts["callbacks"].values()):
            what = f"its {wrong[0]} is missing or none" if wrong else "a state in it is none"
            raise ModelError(f"{path}: damaged checkpoint ({what}); remove it, or restore it from a backup")
        return dict(parts)

    def picked(self) -> str:
        """Which checkpoint has the best weights: ``last`` while none have been picked, for want of a sampling.

        Raises:
            ModelError: if the last checkpoint is damaged.
        """
        if self.checkpoint(BEST).is_file() or not self.checkpoint(LAST).is_file():
            return BEST
        states = self.read_checkpoint(LAST)["callbacks"].values()
        is_lost = any(state.get("monitor") and state.get("best_model_path") for state in states)
        return BEST if is_lost else LAST

    def best_model(self) -> GSchNet:
        """The model of the best checkpoint, or of the last one while none has been picked.

        Raises:
            ModelError: if there is no checkpoint, or it is damaged.
        """
        from gschnet_pyg.model.storage import restore_model

        name = self.picked()
        content, prefix = self.read_checkpoint(name), "model."
        weights = {str(key): value for key, value in content["state_dict"].items()}
        weights = {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}
        try:
            return restore_model(content["gschnet_pyg"], weights)
        except ModelError as error:
            raise ModelError(f"{self.checkpoint(name)}: {error}") from None

    def export(self, model: GSchNet, converted_from: Mapping[str, str] | None = None) -> None:
        """Write the trained model, and the file that it was converted from, if it was."""
        from gschnet_pyg.model.storage import save_model

        with replace_file(self.model_file) as temporary:
            save_model(temporary, model, converted_from)

    def conversion(self) -> dict[str, str] | None:
        """The file that the model was converted from, its SHA-256, and by which version; none if it was trained here.

        A file that cannot be read is the concern of those who need the model.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.model_file, framework="np") as file:
                origin = json.loads((file.metadata() or {}).get("converted_from", "null"))
        except (SafetensorError, OSError, ValueError, RecursionError):
            return None
        return {"file": "an unknown file", **origin} if isinstance(origin, dict) and origin else None

    def model(self) -> GSchNet:
        """The trained model; while training has not come to its end, that of the best checkpoint.

        Raises:
            ModelError: if the directory or the model is missing or damaged.
        """
        from gschnet_pyg.model.storage import load_model

        if not self.path.is_dir():
            parent = self.path.parent
            others = [path.name for path in parent.iterdir() if path.is_dir()] if parent.is_dir() else []
            near = difflib.get_close_matches(self.path.name, others, n=1)
            hint = f"; did you mean '{parent / near[0]}'?" if near else ""
            raise ModelError(f"{self.path}: no such run directory{hint}")
        if self.model_file.is_file():
            return load_model(self.model_file)
        self.recipe()  # says what is wrong with a folder that is no run's
        return self.best_model()


def _plain(value: Any) -> Any:
    """A part of a recipe as plain containers."""
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value.model_dump(mode="json") if isinstance(value, Section) else value


def _agrees(given: Any, stored: Any) -> bool:
    """Whether a part says the same as the stored one, or leaves open what the training molecules have settled."""
    if isinstance(given, dict) and isinstance(stored, dict):
        return given.keys() == stored.keys() and all(
            (key in SETTLED and given[key] is None) or _agrees(given[key], stored[key]) for key in given
        )
    if isinstance(given, list) and isinstance(stored, list):
        return len(given) == len(stored) and all(map(_agrees, given, stored))
    return bool(given == stored)


def new_id(name: str) -> str:
    """An id that no other run has; job id and host name under SLURM."""
    if job := os.environ.get("SLURM_JOB_ID"):
        return f"{name}-{job}-{socket.gethostname()}"
    return f"{name}-{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
