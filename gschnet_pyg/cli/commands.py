"""Commands and groups of them: help that can be piped and ends in examples, and errors of usage in one line."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from gschnet_pyg.cli.entry import Escaped

WHERE_TO = "write --json - for standard output, or name a file"
"""For those who expect of ``report`` what ``--json`` does elsewhere."""

NARROWEST = 70
"""Columns that a table of options needs."""


class Commands(typer.Typer):
    """A Typer application whose commands end their help in the examples of their docstrings.

    Args:
        help: what the commands do; a section ``Examples:`` at its end, one indented command line each.
        more: arguments of Typer.
    """

    def __init__(self, help: str, **more: Any) -> None:
        settings = {"help_option_names": ["-h", "--help"]}
        super().__init__(
            cls=more.pop("cls", Group),
            help=help,
            context_settings=settings,
            rich_markup_mode="markdown",
            pretty_exceptions_enable=False,
            **more,
        )

    def command(self, name: str | None = None, **more: Any) -> Callable[[Any], Any]:  # type: ignore[override]
        """As Typer's."""
        return super().command(name, **{"cls": Command, **more})


class _WithExamples:
    """Help as tables on a terminal that can show them, and as plain text everywhere else."""

    rich_markup_mode: Any

    def __init__(self, *arguments: Any, help: str | None = None, **more: Any) -> None:
        text, _, examples = (help or "").partition("Examples:\n")
        self.examples = [line.strip() for line in examples.splitlines() if line.strip()]
        super().__init__(*arguments, help=text.strip(), **more)  # type: ignore[call-arg]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        if not _shows_tables():
            self.rich_markup_mode = None
        super().format_help(ctx, formatter)  # type: ignore[misc]
        if _shows_tables():
            from rich.console import Console

            console = Console()
            console.print(" Examples", style="bold")
            for example in self.examples:  # to be copied: whatever the width, a line is a line
                console.print(f"   {example}", markup=False, highlight=False, soft_wrap=True)
            console.print()

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"  {example}\n")
        super().format_epilog(ctx, formatter)  # type: ignore[misc]


class Command(_WithExamples, TyperCommand):
    """A command with examples."""


class Group(_WithExamples, TyperGroup):
    """A group of commands with examples; without a command it shows its help."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As Typer's."""
        if not args and not ctx.resilient_parsing:
            typer.echo(ctx.get_help())
            ctx.exit()
        return super().parse_args(ctx, args)


class Root(Group):
    """The whole application: errors leave it as they are."""

    def make_context(self, *arguments: Any, **more: Any) -> Any:
        """As Typer's."""
        try:
            return super().make_context(*arguments, **more)
        except (KeyboardInterrupt, EOFError, OSError) as error:
            raise Escaped(error) from error

    def invoke(self, ctx: Any) -> Any:
        """As Typer's; with ``--debug``, errors come with their traceback."""
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort):
            raise
        except BaseException as error:
            if ctx.params.get("debug"):
                import traceback

                traceback.print_exception(error)
            if isinstance(error, (KeyboardInterrupt, EOFError, OSError)):
                raise Escaped(error) from error
            raise


def usage_problem(error: BaseException) -> str | None:
    """What is wrong with the words on the command line, and the nearest right ones; none for any other error."""
    if not isinstance(error, typer.TyperException):
        return None
    message = " ".join(error.format_message().replace("Value error, ", "").split()).rstrip(".")
    message = f"{message[:1].lower()}{message[1:]}"
    ctx, option = getattr(error, "ctx", None), getattr(error, "option_name", None)
    lacks_file = option == "--json" and "requires an argument" in message
    if lacks_file or (ctx is not None and ctx.params.get("json_file") and "missing argument" in message):
        return f"{message}; {WHERE_TO}"
    if ctx is None:
        return message
    if option and "no such option" in message:
        known = [name for parameter in ctx.command.get_params(ctx) for name in parameter.opts]
        message = f"no such option: {option}"
        if near := difflib.get_close_matches(option, known, n=1):
            return f"{message}; did you mean {near[0]}?"
    if ". Did you mean" in message:
        return message.replace(". Did", "; did")
    if "no such command" in message:
        return f"{message}; there are: {', '.join(ctx.command.commands)}"
    return f"{message}; see {ctx.command_path} --help"


def _shows_tables() -> bool:
    """Whether standard output is a terminal that boxes and colours do well on."""
    if not sys.stdout.isatty() or os.environ.get("TERM") in ("dumb", None):
        return False
    from shutil import get_terminal_size

    return get_terminal_size().columns >= NARROWEST
