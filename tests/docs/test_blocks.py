"""Commands and recipes of the documentation are those of the program."""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from gschnet_pyg.cli.app import app
from gschnet_pyg.recipe import check_recipe, load_generation_recipe, load_recipe
from gschnet_pyg.recipe_files import shipped_recipes
from tests.docs.pages import PAGES, REPOSITORY, blocks

_CALL = re.compile(r"(?:gschnet-pyg|-m gschnet_pyg\.cli)[ \t]+([^|;&>)\n]+)")

Called = list[dict[str, Any]]


def _commands(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Where a command stands, and its arguments."""
    for block in blocks("bash", page):
        code = re.sub(r"\$\w*DIR\b", "/tmp", block.code.replace("\\\n", " "))
        for call in _CALL.findall(re.sub(r"\$\w+", "1", code)):
            yield f"{block.page}:{block.line}: gschnet-pyg {call}", shlex.split(call, comments=True)


def _named(page: Path) -> str:
    return str(page.relative_to(REPOSITORY).with_suffix(""))


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> Called:
    """The command line with commands that only note what they were called with."""
    calls: Called = []

    def noting(callback: Callable[..., Any]) -> Callable[..., None]:
        @wraps(callback)
        def note(**arguments: Any) -> None:
            calls.append({"command": callback.__name__, **arguments})

        return note

    def replace(application: typer.Typer) -> None:
        for info in application.registered_commands:
            assert info.callback is not None
            monkeypatch.setattr(info, "callback", noting(inspect.unwrap(info.callback)))
        for group in application.registered_groups:
            assert group.typer_instance is not None
            replace(group.typer_instance)

    replace(app)
    return calls


@pytest.mark.parametrize("page", [page for page in PAGES if any(_commands(page))], ids=_named)
def test_commands_exist_with_their_options_and_overrides(page: Path, called: Called, tmp_path: Path) -> None:
    recipes = {block.file_name: block for block in blocks("yaml", page)}
    for name, block in recipes.items():
        (tmp_path / name).write_text(block.code, encoding="utf-8")
    for where, arguments in _commands(page):
        called.clear()
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, f"{where}\n{result.output}{result.exception}"
        if "--help" in arguments or "--install-completion" in arguments:
            continue
        assert len(called) == 1, where
        _check_overrides(called[0], tmp_path, where)


def _check_overrides(call: dict[str, Any], folder: Path, where: str) -> None:
    """Keys and values that a command gives to a recipe."""
    overrides = call.get("overrides") or []
    try:
        if call["command"] == "train":
            name = call["recipe"]
            if (folder / name).is_file():
                load_recipe(folder / name, overrides)
            elif name in shipped_recipes():
                load_recipe(name, overrides)
            else:  # a recipe of another page
                load_recipe("qm9_fast", overrides)
        elif call["command"] == "generate":
            load_generation_recipe(None, overrides, {"run": "runs/first"})
    except Exception as error:
        raise AssertionError(where) from error


@pytest.mark.parametrize("page", [page for page in PAGES if any(blocks("yaml", page))], ids=_named)
def test_recipes_are_valid(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = list(blocks("yaml", page))
    for block in found:
        (tmp_path / block.file_name).write_text(block.code, encoding="utf-8")
    for block in found:
        code = block.code
        if not re.search(r"^(extends|kind|data|command):", code, re.MULTILINE):  # a part of one
            (tmp_path / block.file_name).write_text(f"extends: qm9_fast\n{code}", encoding="utf-8")
        try:
            check_recipe(tmp_path / block.file_name)
        except Exception as error:
            raise AssertionError(f"{block.page}:{block.line}") from error


def test_what_is_not_there_is_noticed(called: Called) -> None:
    for arguments in (["trian", "demo"], ["train", "demo", "--no-such-option"], ["generate", "x", "-n", "many"]):
        assert CliRunner().invoke(app, arguments).exit_code != 0
    with pytest.raises(AssertionError):
        _check_overrides({"command": "train", "recipe": "demo", "overrides": ["training.bach_size=1"]}, Path(), "here")
