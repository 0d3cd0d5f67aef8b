"""The reference of the command line, written from what the commands declare."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from typer.models import ArgumentInfo, OptionInfo

from gschnet_pyg.cli.app import app

OPENING = """# Command line

`gschnet-pyg --help`, and `--help` after any command, say the same as this page. Overrides `KEY=VALUE` after a recipe
change [any of its keys](training-recipe.md).

Exit codes: 0 done; 2 bad input, with one line that says what to put right; 130 interrupted, 143 terminated;
1 anything unexpected.
"""


@dataclass(frozen=True)
class Parameter:
    """An argument, or an option with all its names."""

    names: tuple[str, ...]
    is_option: bool
    metavar: str
    help: str
    default: str


@dataclass(frozen=True)
class Command:
    """A command, and the words that call it."""

    words: tuple[str, ...]
    help: str
    parameters: tuple[Parameter, ...]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page."""
    files.append(File.generated(config, "reference/command-line.md", content=command_page()))
    return files


def command_page() -> str:
    """Markdown: one section for each command."""
    parts = [OPENING, "## Before the command\n", _table(own_options(app))]
    for command in commands(app):
        parts.append(f"## `{' '.join(command.words)}` {{ #{'-'.join(command.words)} }}\n")
        parts.append(_usage(command))
        parts += [f"{_paragraph(text)}\n" for text in command.help.split("\n\n")]
        for title, is_option in (("argument", False), ("option", True)):
            some = [each for each in command.parameters if each.is_option == is_option]
            if some:
                parts.append(_table(some, title))
    return "\n".join(parts)


def _usage(command: Command) -> str:
    arguments = [each.metavar for each in command.parameters if not each.is_option]
    options = ["[OPTIONS]"] if any(each.is_option for each in command.parameters) else []
    return f"```text\n{' '.join(['gschnet-pyg', *command.words, *options, *arguments])}\n```\n"


def _paragraph(text: str) -> str:
    """A paragraph of help; examples, which stand at its end, as a block."""
    first, *others = (line.strip() for line in text.splitlines())
    if first in ("Example:", "Examples:"):
        return "```bash\n" + "\n".join(others) + "\n```"
    told, colon, example = " ".join([first, *others]).partition(": gschnet-pyg ")
    return f"{told}:\n\n```bash\ngschnet-pyg {example}\n```" if colon else told


def _table(parameters: Sequence[Parameter], title: str = "option") -> str:
    has_defaults = any(each.default for each in parameters)
    lines = [f"| {title} | meaning |{' default |' * has_defaults}", f"| --- | --- |{' --- |' * has_defaults}"]
    for each in parameters:
        names = ", ".join(f"`{name}`" for name in each.names)
        value = f" `{each.metavar}`" if each.is_option and each.metavar else ""
        text = " ".join(each.help.split())
        default = f" {f'`{each.default}`' if each.default else ''} |" if has_defaults else ""
        lines.append(f"| {names}{value} | {text[:1].upper()}{text[1:]} |{default}")
    return "\n".join(lines) + "\n"


def commands(app: typer.Typer, words: tuple[str, ...] = ()) -> Iterator[Command]:
    """All commands of an application, in their order; hidden ones aside."""
    for info in app.registered_commands:
        if info.callback is not None and not info.hidden:
            name = info.name or info.callback.__name__.replace("_", "-")
            yield Command(
                (*words, name), inspect.cleandoc(info.help or info.callback.__doc__ or ""), _of(info.callback)
            )
    for group in app.registered_groups:
        assert group.typer_instance is not None
        yield from commands(group.typer_instance, (*words, str(group.name)))


def own_options(app: typer.Typer) -> tuple[Parameter, ...]:
    """Options that stand before the command."""
    callback = app.registered_callback
    return _of(callback.callback) if callback is not None and callback.callback is not None else ()


def _of(callback: Callable[..., Any]) -> tuple[Parameter, ...]:
    hints = typing.get_type_hints(callback, include_extras=True)
    found = []
    for name, parameter in inspect.signature(callback).parameters.items():
        kind, *more = typing.get_args(hints[name]) if name in hints else (str,)
        info = next((each for each in more if isinstance(each, (ArgumentInfo, OptionInfo))), None)
        if info is not None and not info.hidden:
            found.append(_parameter(name, kind, info, parameter.default))
    return tuple(found)


def _parameter(name: str, kind: Any, info: ArgumentInfo | OptionInfo, default: Any) -> Parameter:
    is_option = isinstance(info, OptionInfo)
    types = [each for each in (typing.get_args(kind) or (kind,)) if each is not type(None)]
    repeats = typing.get_origin(types[0]) is list or typing.get_origin(kind) is list
    if typing.get_origin(types[0]) is list:
        types = list(typing.get_args(types[0]))
    is_flag = types[0] is bool
    declared = (info.default, *(info.param_decls or ()))  # the first name stands where a default could
    names = tuple(each for text in declared if isinstance(text, str) for each in text.split("/") if each[:1] == "-")
    if is_option and not names:
        option = f"--{name.replace('_', '-')}"
        names = (option, f"--no-{option[2:]}") if is_flag else (option,)
    metavar = "" if is_flag else info.metavar or (_metavar(types[0]) if is_option else name.upper())
    if repeats and "..." not in metavar:
        metavar += "..." if not is_option else " ..."
    shown = "" if default in (None, inspect.Parameter.empty, False) else str(getattr(default, "value", default))
    return Parameter(names or (metavar,), is_option, metavar, info.help or "", shown)


def _metavar(kind: Any) -> str:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "|".join(str(each.value) for each in kind)
    return {int: "INTEGER", float: "NUMBER", Path: "PATH"}.get(kind, "TEXT")
