"""The application: its commands, and how errors leave it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from gschnet_pyg.cli.data import data_app
from gschnet_pyg.cli.generating import generate
from gschnet_pyg.cli.recipes import recipe_app
from gschnet_pyg.cli.reporting import report
from gschnet_pyg.cli.training import train
from gschnet_pyg.errors import GschnetError

app = typer.Typer(
    help="Train G-SchNet on molecules, generate new ones, and judge them.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
for command in (train, generate, report):
    app.command()(command)
app.add_typer(data_app, name="data")
app.add_typer(recipe_app, name="recipe")


def main() -> None:
    """Run the command line; what the user can put right is one line and exit code 2."""
    try:
        app()
    except (GschnetError, OSError) as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        sys.exit(2)


def _version(value: bool) -> None:
    if value:
        from gschnet_pyg import __version__

        typer.echo(f"gschnet-pyg {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options that stand before the command."""
