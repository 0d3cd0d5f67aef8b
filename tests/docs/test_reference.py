"""The reference says everything that recipes and commands know."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from docs.hooks.command_reference import command_page, commands
from docs.hooks.mathml import on_page_content
from docs.hooks.recipe_reference import recipe_pages
from docs.hooks.shipped_recipes import shipped_page
from gschnet_pyg.cli.app import app
from gschnet_pyg.recipe import json_schema
from gschnet_pyg.recipe_files import purpose, shipped_recipes


def _sections() -> Iterator[tuple[str, dict[str, Any]]]:
    schema = json_schema()
    yield from ((kind["title"], kind) for kind in schema["anyOf"])
    yield from schema["$defs"].items()


@pytest.mark.parametrize(("name", "section"), _sections())
def test_every_key_is_described(name: str, section: dict[str, Any]) -> None:
    assert section.get("description"), name
    for key, value in section["properties"].items():
        is_section = any("$ref" in choice for choice in [value, *value.get("anyOf", [])])  # which has a description
        assert "const" in value or is_section or value.get("description"), f"{name}.{key}"


def test_every_key_stands_in_the_reference() -> None:
    pages = "\n".join(recipe_pages().values())
    for _, section in _sections():
        for key, value in section["properties"].items():
            if "const" not in value:
                assert re.search(rf"^\| (\[`{key}`\]|`{key}`)", pages, re.MULTILINE), key
    assert "| [`steps_drawn`](#training.steps_drawn){ #training.steps_drawn } | integer ≥ 0 | `0` |" in pages
    assert "| [`placement`](#cutoffs.placement){ #cutoffs.placement } | number > 0 | `1.7` | Å |" in pages
    assert len(anchors := re.findall(r"\{ #([\w.]+) \}", recipe_pages()["reference/training-recipe.md"])) == len(
        set(anchors)
    )


def test_every_command_and_option_stands_in_the_reference() -> None:
    page, found = command_page(), list(commands(app))
    assert {("train",), ("generate",), ("report",), ("data", "import"), ("recipe", "list")} <= {
        command.words for command in found
    }
    for command in found:
        assert f"## `{' '.join(command.words)}`" in page
        for parameter in command.parameters:
            assert all(f"`{name}`" in page for name in parameter.names), parameter


def test_every_shipped_recipe_stands_in_the_reference() -> None:
    page = shipped_page()
    for name, path in shipped_recipes().items():
        assert f"### `{name}`" in page
        assert purpose(path) in page
        assert path.read_text(encoding="utf-8").rstrip() in page


def test_formulas_become_mathml() -> None:
    html = on_page_content('<p>of <span class="arithmatex">\\(a &lt; b_i\\)</span></p>')
    assert html.startswith("<p>of <math")
    assert "&#x0003C;" in html
    assert "arithmatex" not in html
    assert "\\" not in html
