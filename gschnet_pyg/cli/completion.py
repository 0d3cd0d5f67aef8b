"""What a shell offers on TAB: recipes, run directories, and the keys and values of recipes.

Several offers that begin alike make a shell complete up to where they part, without a space: a key is offered with
``=`` and with its present value.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from enum import Enum
from glob import escape, glob
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args, get_origin

import typer

from gschnet_pyg.errors import GschnetError

if TYPE_CHECKING:
    from pydantic import BaseModel

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


def condition_names(incomplete: str) -> Offers:
    """Conditions of the model that generates."""
    from gschnet_pyg.run_directory import RunDirectory

    # an option that waits for its value keeps Typer from telling the arguments
    words = (os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS", "")).split()
    found = (RunDirectory(Path(word)).recipe_as_stored() for word in words)
    stored = next(filter(None, found), {})
    names = [str(each.get("property") or each.get("kind")) for each in stored.get("conditions") or ()]
    return [(f"{name}={value}", "condition of the model") for name in names for value in ("", "VALUE")]


def overrides(ctx: typer.Context, incomplete: str) -> Offers:
    """Keys of the recipe that the command names, and their values."""
    from gschnet_pyg.recipe import GenerationRecipe, Recipe

    words = [str(word) for word in ctx.params.get("overrides") or ()]
    given = _rejoined(words)
    begun = None  # a key whose value is being typed as a word of its own
    if given and (words[-1] == "=" or "=" not in given[-1]):
        begun = given.pop().rstrip("=")
    content = _content(next((str(ctx.params[name]) for name in _RECIPES if ctx.params.get(name)), ""), given)
    is_generation = content.get("kind") == "generate" or ctx.command.name == "generate"
    keys = _Keys(GenerationRecipe if is_generation else Recipe, content)
    if begun is not None:
        return [(value, "") for value in keys.values(begun) if value.startswith(incomplete)]
    key, equals, _ = incomplete.partition("=")
    return keys.with_values(key) if equals else keys.beginning_with(incomplete)


def _rejoined(words: Sequence[str]) -> list[str]:
    """``["a", "=", "1"]``, as bash splits words, is ``["a=1"]``."""
    whole: list[str] = []
    for before, word in pairwise(["", *words]):
        if whole and (word == "=" or before == "="):
            whole[-1] += word
        else:
            whole.append(word)
    return whole


def _content(recipe: str, given: Sequence[str]) -> dict[str, Any]:
    """A recipe with its defaults if it is whole; as it stands otherwise; empty if there is none."""
    from gschnet_pyg.recipe import check_recipe
    from gschnet_pyg.recipe_files import override, read_with_parents

    with suppress(GschnetError, OSError):
        return check_recipe(recipe, given).model_dump(mode="json")
    with suppress(GschnetError, OSError):
        return override(read_with_parents(recipe), given)
    return {}


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
        return [(f"{key}=", self._help(key)), *((f"{key}={value}", "") for value in self.values(key) or ["VALUE"])]

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
        text = " ".join((field.description or "").replace("`", "").split()) if field is not None else ""
        return text.split(". ")[0].split("; ")[0][:70]  # a line beside the key

    def _inside(self, path: Sequence[str]) -> dict[str, Any]:
        """Fields, as pydantic has them, of the section at a path; entries of a list by their number."""
        from gschnet_pyg.recipe_problems import sections

        found: list[type[BaseModel]] = [self.model]
        content, is_list = self.content, False
        for part in path:
            content = _at(content, [part])
            if part.isdigit() and is_list:
                is_list = False
                continue
            here = [model.model_fields[part] for model in found if part in model.model_fields]
            found = [section for field in here for section in sections(field.annotation)]
            is_list = isinstance(content, list)
        if is_list and found:
            return {str(number): _Field("entry of the list") for number in range(len(content))}
        kind = _at(content, ["kind"])
        fitting = [model for model in found if _kind(model) in (None, kind)] or found
        fields: dict[str, Any] = {}
        for model in fitting:
            fields |= model.model_fields
        if len(found) > 1 and "kind" in fields:
            fields["kind"] = _Field("which of several sections this is", Literal[tuple(map(_kind, found))])
        return fields


class _Field(NamedTuple):
    """What stands in for a field of the schema."""

    description: str
    annotation: Any = None


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
