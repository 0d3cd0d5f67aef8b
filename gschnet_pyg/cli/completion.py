"""What a shell offers on TAB: recipes, run directories, and the keys and values of recipes.

Several offers that begin alike make a shell complete up to where they part, without a space: a key is offered with
``=`` and with its present value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from enum import Enum
from glob import escape, glob
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import typer

from gschnet_pyg.errors import GschnetError

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

Offers = list[tuple[str, str]]
"""Values, each with a word of help."""


def training_recipes(incomplete: str) -> Offers:
    """Recipes to train by."""
    return [*_shipped(incomplete, lambda name: "/" not in name), *_paths(incomplete)]


def all_recipes(incomplete: str) -> Offers:
    """Recipes of all kinds."""
    return [*_shipped(incomplete, lambda name: True), *_paths(incomplete)]


def shipped_recipes(incomplete: str) -> Offers:
    """Recipes of all kinds that ship with the package."""
    return _shipped(incomplete, lambda name: True)


def run_directories(incomplete: str) -> Offers:
    """Run directories."""
    found = {path for pattern in ("*/", "*/*/") for path in glob(f"{escape(incomplete)}{pattern}recipe.yaml")}
    return [(path.removesuffix("/recipe.yaml"), "run directory") for path in sorted(found)]


def generation_sources(incomplete: str) -> Offers:
    """Run directories and generation recipes."""
    recipes = _shipped(incomplete, lambda name: name.startswith("generate/"))
    return [*run_directories(incomplete), *recipes, *_paths(incomplete)]


def condition_names(ctx: typer.Context, incomplete: str) -> Offers:
    """Conditions of the model that generates."""
    from gschnet_pyg.run_directory import RunDirectory

    stored = RunDirectory(Path(ctx.params.get("source") or "")).recipe_as_stored() or {}
    names = [str(each.get("property") or each.get("kind")) for each in stored.get("conditions") or ()]
    return [(f"{name}=", "condition of the model") for name in names if name.startswith(incomplete)]


def overrides(ctx: typer.Context, incomplete: str) -> Offers:
    """Keys of the recipe that the command names, and their values."""
    from gschnet_pyg.recipe import GenerationRecipe, Recipe, check_recipe

    recipe, content = next((str(ctx.params[name]) for name in _RECIPES if ctx.params.get(name)), ""), {}
    with suppress(GschnetError, OSError):
        content = check_recipe(recipe).model_dump(mode="json")
    is_generation = content.get("kind") == "generate" or ctx.command.name == "generate"
    keys = _Keys(GenerationRecipe if is_generation else Recipe, content)
    given = [str(word) for word in ctx.params.get("overrides") or ()]
    if given and given[-1] == "=":  # bash splits words there
        given.pop()
    if given and "=" not in given[-1]:
        return [(value, "") for value in keys.values(given[-1]) if value.startswith(incomplete)]
    key, equals, _ = incomplete.partition("=")
    return keys.with_values(key) if equals else keys.beginning_with(incomplete)


_RECIPES = ("recipe", "source", "name", "file")
"""Arguments of commands that name a recipe or a run."""


def _shipped(incomplete: str, is_meant: Any) -> Offers:
    from gschnet_pyg.recipe_files import purpose, shipped_recipes

    names = {name: path for name, path in shipped_recipes().items() if name.startswith(incomplete) and is_meant(name)}
    return [(name, purpose(path)) for name, path in names.items()]


def _paths(incomplete: str) -> Offers:
    """Recipes of the user, in the folder that is being typed and in those below; a run's own is of no use here."""
    found = {path for pattern in ("*.yaml", "*/*.yaml") for path in glob(f"{escape(incomplete)}{pattern}")}
    return [(path, "") for path in sorted(found) if Path(path).name != "recipe.yaml"]


class _Keys:
    """Keys of a recipe by its schema.

    Args:
        model: the schema.
        content: the recipe; nothing where there is none.
    """

    def __init__(self, model: type[BaseModel], content: Any) -> None:
        self.model, self.content = model, content

    def beginning_with(self, incomplete: str) -> Offers:
        """Keys of one section; those below it, or the values of the key, where there is only one."""
        parts = incomplete.split(".")
        names = [name for name in self._inside(parts[:-1]) if name.startswith(parts[-1])]
        keys = [".".join([*parts[:-1], name]) for name in names]
        if len(keys) == 1:
            below = list(self._inside(keys[0].split(".")))
            return self.beginning_with(f"{keys[0]}.") if below else self.with_values(keys[0])
        return [self._offer(key) for key in keys]

    def with_values(self, key: str) -> Offers:
        """A key with the values that it may have, or that it has."""
        return [(f"{key}=", self._help(key)), *((f"{key}={value}", "") for value in self.values(key))]

    def values(self, key: str) -> list[str]:
        """Values of a key, as far as they are known."""
        field = self._inside(key.split(".")[:-1]).get(key.split(".")[-1])
        known = list(dict.fromkeys(_choices(field.annotation))) if field is not None else []
        present = _at(self.content, key.split("."))
        if present is None or isinstance(present, (dict, list)):
            return known
        text = str(present).lower() if isinstance(present, bool) else str(present)
        return known or [text]

    def _offer(self, key: str) -> tuple[str, str]:
        return (f"{key}." if self._inside(key.split(".")) else f"{key}=", self._help(key))

    def _help(self, key: str) -> str:
        field = self._inside(key.split(".")[:-1]).get(key.split(".")[-1])
        return " ".join((field.description or "").replace("`", "").split()) if field is not None else ""

    def _inside(self, path: Sequence[str]) -> dict[str, FieldInfo | Any]:
        """Fields of the section at a path; entries of a list by their number."""
        from gschnet_pyg.recipe_files import sections

        found: list[type[BaseModel]] = [self.model]
        content, is_list = self.content, False
        for part in path:
            content = _at(content, [part])
            if part.isdigit() and is_list:
                is_list = False
                continue
            fields = [model.model_fields[part] for model in found if part in model.model_fields]
            found = [section for field in fields for section in sections(field.annotation)]
            is_list = isinstance(content, list)
        if is_list and found:
            return {str(number): _Entry for number in range(len(content))}
        kinds = [model for model in found if _kind(model) in (None, _at(content, ["kind"]))] or found
        return {name: field for model in kinds for name, field in model.model_fields.items()}


class _Entry:
    """An entry of a list, in place of a field."""

    annotation = None
    description = "entry of the list"


def _at(content: Any, path: Sequence[str]) -> Any:
    """What a recipe has at a path; none if it has nothing there."""
    for part in path:
        if isinstance(content, dict):
            content = content.get(part)
        elif isinstance(content, list) and part.isdigit() and int(part) < len(content):
            content = content[int(part)]
        else:
            return None
    return content


def _kind(model: type[BaseModel]) -> str | None:
    field = model.model_fields.get("kind")
    return get_args(field.annotation)[0] if field is not None and get_args(field.annotation) else None


def _choices(annotation: Any) -> Iterator[str]:
    """Values that an annotation lists."""
    if annotation is bool:
        yield from ("true", "false")
    elif isinstance(annotation, type) and issubclass(annotation, Enum):
        yield from (str(each.value) for each in annotation)
    elif get_origin(annotation) is Literal:
        yield from map(str, get_args(annotation))
    else:
        for argument in get_args(annotation):
            if isinstance(argument, type) or get_origin(argument) is not None:
                yield from _choices(argument)
