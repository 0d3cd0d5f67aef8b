"""Recipes: what a run does, as strict YAML with inheritance and overrides."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, PositiveFloat, PositiveInt, ValidationError

from gschnet_pyg.errors import RecipeError
from gschnet_pyg.recipe_files import explain, merge, parse_overrides, read_with_parents
from gschnet_pyg.recipe_sections import (
    AtomSettings,
    CutoffSettings,
    DataSource,
    ModelSection,
    Name,
    RunSection,
    Section,
    Seed,
    SplitSettings,
    TrainingSection,
)

S = TypeVar("S", bound=Section)


class Recipe(Section):
    """Everything a training run depends on."""

    kind: Literal["train"] = "train"
    name: Name
    seed: Seed = 0
    data: DataSource
    split: SplitSettings
    atoms: AtomSettings = AtomSettings()
    cutoffs: CutoffSettings = CutoffSettings()
    model: ModelSection = ModelSection()
    training: TrainingSection = TrainingSection()
    run: RunSection = RunSection()


class GenerationRecipe(Section):
    """Everything that a set of generated molecules depends on."""

    kind: Literal["generate"] = "generate"
    run: Path
    """Run directory with the model."""
    n_molecules: PositiveInt = 100
    batch_size: PositiveInt = 64
    """Molecules that grow at a time; the molecules do not depend on it."""
    max_atoms: PositiveInt = 35
    """A molecule of this size may finish, but gets no further atom."""
    temperature: PositiveFloat = 0.1
    """Of positions; lower is sharper."""
    type_temperature: PositiveFloat = 1.0
    grid_minimum: PositiveFloat = 0.7
    """Å, smallest distance of a new atom to its focus."""
    grid_spacing: PositiveFloat = 0.05
    """Å."""
    seed: Seed = 0
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"
    """``auto``, ``cpu``, ``cuda`` or ``cuda:0``, ``cuda:1``, ..."""
    output: Path | None = None
    """ASE database, extxyz or SDF by suffix; numbered databases in the run directory where there is none."""


def load_recipe(name: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a training recipe.

    Args:
        name: path, or name of a recipe that ships with the package.
        overrides: ``dotted.key=value``; list entries by their number.

    Raises:
        RecipeError: naming the key, what is wrong with it and, for a misspelt one, the nearest right one.
    """
    content = read_with_parents(name)
    if content.get("kind") == "generate":
        raise RecipeError(f"{name}: is a recipe for generation; use it with gschnet-pyg generate")
    default_name = re.sub(r"[^\w.-]+|^[^\w]+", "-", Path(name).stem).strip("-")
    return _validate(Recipe, str(name), {"name": default_name, **merge(content, parse_overrides(overrides))})


def load_generation_recipe(
    name: str | Path | None, overrides: Sequence[str] = (), values: Mapping[str, Any] | None = None
) -> GenerationRecipe:
    """Read a generation recipe.

    Args:
        name: path, or name of a recipe that ships with the package; none builds one from the rest alone.
        overrides: ``key=value``.
        values: settings by key; they come last.

    Raises:
        RecipeError: as :func:`load_recipe`.
    """
    content = read_with_parents(name) if name is not None else {}
    if name is not None and content.get("kind") != "generate":
        raise RecipeError(
            f"{name}: is a recipe for training (it lacks kind: generate); train it, then name its run directory"
        )
    changed = merge(content, parse_overrides(overrides))
    return _validate(GenerationRecipe, str(name or "settings"), {**changed, **(values or {})})


def check_recipe(name: str | Path, overrides: Sequence[str] = ()) -> Recipe | GenerationRecipe:
    """Read a recipe of either kind.

    Raises:
        RecipeError: as :func:`load_recipe`.
    """
    if read_with_parents(name).get("kind") == "generate":
        return load_generation_recipe(name, overrides)
    return load_recipe(name, overrides)


def json_schema() -> dict[str, Any]:
    """JSON schema of recipe files of either kind, for editors.

    No key is required, since any may come from the recipe that a file extends.
    """
    kinds = [kind.model_json_schema() for kind in (Recipe, GenerationRecipe)]
    sections = {name: section for kind in kinds for name, section in kind.pop("$defs", {}).items()}
    for section in (*kinds, *sections.values()):
        section.pop("required", None)
    for kind in kinds:
        kind["properties"]["extends"] = {"type": "string", "description": "recipe to start from: a name or a path"}
    kinds[1]["required"] = ["kind"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "anyOf": kinds, "$defs": sections}


def _validate(kind: type[S], where: str, content: dict[str, Any]) -> S:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise RecipeError(explain(where, error, kind)) from None
