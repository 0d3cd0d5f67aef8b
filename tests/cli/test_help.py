"""Help of every command: examples that the command line understands, and text that can be piped."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gschnet_pyg.cli.app import command
from gschnet_pyg.recipe import check_recipe, load_generation_recipe, load_recipe
from gschnet_pyg.recipe_files import shipped_recipes

REPOSITORY = Path(__file__).parents[2]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]


def walked(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """All commands and groups, by the words that call them."""
    yield path, group
    for name, each in getattr(group, "commands", {}).items():
        yield from walked(each, (*path, name))


EVERYTHING = dict(walked(command()))


def parse(line: str) -> dict[str, Any]:
    """Parse a line as the shell and the program would, without doing anything; what the command was given."""
    words = shlex.split(line.split(" && ")[0].split(" > ")[0].split(" | ")[0], comments=True)
    assert words[0] == "gschnet-pyg"
    root, given = command(), {}

    def remember(**values: Any) -> None:
        given.update(values)

    for path, each in walked(root):
        if path:
            each.callback = remember
    root.main(words[1:], prog_name="gschnet-pyg", standalone_mode=False)
    return given


def test_changes_are_of_the_recipe_that_a_command_takes(capsys: pytest.CaptureFixture[str]) -> None:
    examples = {}
    for name in ("train", "generate", "convert"):
        command().main([name, "--help"], prog_name="gschnet-pyg", standalone_mode=False)
        (examples[name],) = re.findall(r"changes to the recipe, such as\s+(\S+)", capsys.readouterr().out)
    assert len(set(examples.values())) == 3
    assert load_recipe("demo", [examples["train"], examples["convert"]]) != load_recipe("demo")
    assert load_generation_recipe("generate/demo", [examples["generate"]]) != load_generation_recipe("generate/demo")


@pytest.mark.parametrize("path", EVERYTHING, ids=" ".join)
def test_help_ends_in_examples_that_work(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    examples = EVERYTHING[path].examples
    assert examples
    for option in ("--help", "-h"):
        command().main([*path, option], prog_name="gschnet-pyg", standalone_mode=False)
        text = capsys.readouterr().out
        assert text.isascii() or not re.search("[─│╭\x1b]", text)
        assert all(f"  {example}\n" in text for example in examples)  # a line is a line, to be copied
    for example in examples:
        if hasattr(EVERYTHING[path], "commands"):
            assert example.startswith(" ".join(("gschnet-pyg", *path)))
        else:
            assert example.startswith(" ".join(("gschnet-pyg", *path))), "of the command that it stands with"
        parse(example)


def test_recipes_in_examples_have_the_keys_that_are_set() -> None:
    for path, each in EVERYTHING.items():
        for example in each.examples:
            given = parse(example)
            name = given.get("recipe") or given.get("name")
            if name in shipped_recipes():
                assert check_recipe(name, given.get("overrides") or []), path


def commands_of(page: Path) -> list[str]:
    """Lines of the fenced blocks of a page that call the program."""
    blocks = re.findall(r"```(?:bash|sh|console|shell)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line.strip().removeprefix("$ ") for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line.startswith("gschnet-pyg ")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_pages_show_commands_that_there_are(page: Path) -> None:
    for line in commands_of(page):
        parse(line)


def test_the_readme_shows_commands() -> None:
    assert len(commands_of(REPOSITORY / "README.md")) > 10
