"""Recipes that mean the same from anywhere."""

from __future__ import annotations

from typing import Any

from gschnet_pyg.recipe import Recipe
from gschnet_pyg.recipe_sections.data import FileData


def with_absolute_paths(recipe: Recipe) -> Recipe:
    """Paths to the data made absolute, so that the stored recipe means the same from anywhere."""
    changes: dict[str, Any] = {}
    data = recipe.data
    if isinstance(data, FileData):
        changes["data"] = data.model_copy(update={"path": data.path.absolute()})
    elif hasattr(data, "directory"):
        changes["data"] = data.model_copy(update={"directory": data.directory.absolute()})
    if recipe.split.file is not None:
        changes["split"] = recipe.split.model_copy(update={"file": recipe.split.file.absolute()})
    if recipe.run.cache_directory is not None:
        changes["run"] = recipe.run.model_copy(update={"cache_directory": recipe.run.cache_directory.absolute()})
    return recipe.model_copy(update=changes)
