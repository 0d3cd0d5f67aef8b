"""Recipe files: finding, reading, inheriting, overriding."""

from __future__ import annotations

import difflib
import itertools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from gschnet_pyg.errors import RecipeError
from gschnet_pyg.recipe_yaml import StrictLoader, parse_value, shown


def recipe_folder() -> Path:
    """Folder of the recipes that ship with the package: inside it once installed, beside it in a checkout."""
    package = Path(__file__).parent
    inside = package / "recipes"
    return inside if inside.is_dir() else package.parent / "recipes"


_LARGEST = 2**20
"""Bytes of a recipe; more would take minutes to read."""

_MOST_PARENTS = 20
"""Recipes that one may extend, each by way of another."""

_MOST_PARTS = 20
"""Of the key of an override."""


def shipped_recipes() -> dict[str, Path]:
    """Names of the shipped recipes (``demo``, ``generate/quick``) and their files."""
    folder = recipe_folder()
    return {str(path.relative_to(folder).with_suffix("")): path for path in sorted(folder.rglob("*.yaml"))}


def purpose(path: Path) -> str:
    """First sentence of a recipe's opening comment, after the commands that run it."""
    opening = itertools.takewhile(lambda line: line.startswith("#"), path.read_text(encoding="utf-8").splitlines())
    lines = itertools.dropwhile(bool, (line.lstrip("# ").strip() for line in opening))  # the commands end with a gap
    text = " ".join(line for line in lines if line)
    return text.split(". ")[0].rstrip(".") + "." if text else ""


def names_recipe(source: str) -> bool:
    """Whether what is to be generated with is a recipe, by path or name, rather than a run directory."""
    return source.endswith((".yaml", ".yml")) or (source in shipped_recipes() and not Path(source).is_dir())


def is_sweep(content: Mapping[str, Any]) -> bool:
    """Whether this is the content of a sweep of wandb, which has no ``kind``."""
    return "kind" not in content and bool({"method", "parameters"} & content.keys())


def find_recipe(name: str | Path, beside: Path | None = None) -> Path:
    """File of a recipe given by path or by name.

    Raises:
        RecipeError: if there is neither; names the nearest one that ships.
    """
    places = (*([beside / name] if beside else []), Path(name))
    for path in places:
        if _is_file(path):
            return path
    shipped = shipped_recipes()
    if str(name) in shipped:
        return shipped[str(name)]
    for path in filter(os.path.isdir, places):
        inside = f", such as {path / 'recipe.yaml'}" if _is_file(path / "recipe.yaml") else ""
        raise RecipeError(f"{name}: is a folder; name the file of a recipe{inside}")
    for suffix, path in itertools.product((".yaml", ".yml"), places):
        if path.name and _is_file(path.with_suffix(suffix)):
            raise RecipeError(f"{name}: no such file; did you mean {str(Path(name).with_suffix(suffix))!r}?")
    near = [near for said in (str(name), Path(name).stem) for near in difflib.get_close_matches(said, shipped, n=1)]
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(shipped)}"
    raise RecipeError(f"{name}: no such file, and no recipe of that name; {hint}")


def _is_file(path: Path) -> bool:
    """Whether there is a file; a name that no file can have is that of none."""
    try:
        return path.is_file()
    except OSError:
        return False


def read_with_parents(name: str | Path, beside: Path | None = None, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Content of a recipe laid over the one it extends.

    Raises:
        RecipeError: if a file is missing, is no YAML mapping, or extends itself.
    """
    path = find_recipe(name, beside).resolve()
    if path in seen:
        raise RecipeError(f"{path}: extends itself by way of {', '.join(p.name for p in seen)}")
    if len(seen) == _MOST_PARENTS:
        raise RecipeError(f"{seen[0]}: extends a recipe that extends another, {_MOST_PARENTS} times; name a nearer one")
    content = read_yaml(path)
    parent = content.pop("extends", None)
    if parent is None:
        return content
    if not isinstance(parent, str):
        raise RecipeError(f"{path}: extends: must be the name or path of one recipe")
    merged: dict[str, Any] = merge(read_with_parents(parent, path.parent, (*seen, path)), content)
    return merged


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping without repeated keys.

    Raises:
        RecipeError: naming the file and the line.
    """
    try:
        if (size := path.stat().st_size) > _LARGEST:
            raise RecipeError(f"{path}: {size:,} bytes are too many for a recipe; name another file")
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=StrictLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read: {error.strerror}") from None
    if not isinstance(content, dict):
        raise RecipeError(f"{path}: a recipe is a mapping of keys to values")
    return content


def parse_overrides(overrides: Sequence[str]) -> dict[str, Any]:
    """``["a.b=1", "c.0=x"]`` -> ``{"a": {"b": 1}, "c": {"0": "x"}}``.

    Raises:
        RecipeError: if one has no ``=`` or its value is no YAML.
    """
    result: dict[str, Any] = {}
    for change in overrides:
        key, equals, text = change.partition("=")
        if not equals or not key:
            raise RecipeError(f"{shown(change)}: an override is written key=value, such as seed=7")
        try:
            value = parse_value(text)
        except yaml.YAMLError:
            raise RecipeError(f"{shown(change)}: the value is not readable as YAML") from None
        parts = key.split(".")
        if len(parts) > _MOST_PARTS:
            raise RecipeError(f"{shown(change)}: there is no key of {len(parts)} parts; write one like model.features")
        for part in reversed(parts):
            value = {part: value}
        result = merge(result, value)
    return result


def override(content: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Lay overrides over a recipe.

    Raises:
        RecipeError: as :func:`parse_overrides` and :func:`merge`.
    """
    return {key: _with_lists(value) for key, value in merge(content, parse_overrides(overrides)).items()}


def _with_lists(content: Any) -> Any:
    """Mappings from 0, 1, ... as lists: entries given by number where the recipe has no such list."""
    if not isinstance(content, dict):
        return content
    inside = {key: _with_lists(value) for key, value in content.items()}
    numbered = {str(key): value for key, value in inside.items()}
    numbers = [str(number) for number in range(len(inside))]
    is_list = bool(numbers) and numbered.keys() == set(numbers)
    return [numbered[number] for number in numbers] if is_list else inside


def merge(base: Any, change: Any, place: str = "") -> Any:
    """Lay a change over a base: mappings key by key, list entries by number, everything else replaced.

    A mapping whose ``kind`` changes is replaced as a whole. A mapping under the number after the last one is added to
    the list, such as a further condition.

    Raises:
        RecipeError: naming ``place``, the key so far, if a list has no such entry.
    """
    if isinstance(base, list) and isinstance(change, dict) and change:
        entries = list(base)
        for key, value in change.items():
            if str(key) == str(len(entries)) and isinstance(value, dict):
                entries.append(value)
                continue
            if str(key) not in map(str, range(len(entries))):
                has = f"the list has entries 0 to {len(entries) - 1}" if entries else "the list is empty"
                raise RecipeError(f"{place}.{key}: no such entry; {has}")
            entries[int(key)] = merge(entries[int(key)], value, f"{place}.{key}")
        return entries
    if not (isinstance(base, dict) and isinstance(change, dict)):
        return change
    if {"kind"} <= base.keys() & change.keys() and base["kind"] != change["kind"]:
        return change
    merged = dict(base)
    for key, value in change.items():
        merged[key] = merge(base[key], value, f"{place}.{key}".lstrip(".")) if key in base else value
    return merged
