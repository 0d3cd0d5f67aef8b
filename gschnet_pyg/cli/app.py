"""The application and its commands."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gschnet_pyg.cli.commands import Commands, Root
from gschnet_pyg.cli.converting import convert
from gschnet_pyg.cli.data import data_app
from gschnet_pyg.cli.examining import doctor
from gschnet_pyg.cli.generating import generate
from gschnet_pyg.cli.recipes import recipe_app
from gschnet_pyg.cli.reporting import report
from gschnet_pyg.cli.training import train

HELP = """Train G-SchNet on molecules, generate new ones, and judge them.

Examples:
    gschnet-pyg doctor
    gschnet-pyg train demo run.id=demo
    gschnet-pyg generate runs/demo -n 200
    gschnet-pyg report runs/demo/generated/1.db --reference runs/demo --html report.html
"""

EXIT_CODES = (
    "`gschnet-pyg --install-completion` lets TAB complete commands, recipes, runs and the keys of recipes.\n\n"
    "Exit codes: 0 done; 2 something in the input to put right, said in one line; 130 interrupted, 143 terminated; "
    "1 anything unexpected, and what `doctor` found to be broken. Errors, warnings and progress go to standard error; "
    "NO_COLOR=1 turns colours off."
)

app = Commands(HELP, cls=Root, epilog=EXIT_CODES)
for each in (train, generate, report, convert, doctor):
    app.command()(each)
app.add_typer(data_app, name="data")
app.add_typer(recipe_app, name="recipe")


def command() -> Any:
    """The application, ready to be run."""
    return typer.main.get_command(app)


def _version(value: bool) -> None:
    if value:
        from gschnet_pyg import __version__

        typer.echo(f"gschnet-pyg {__version__}")
        raise typer.Exit


@app.callback(help=HELP, epilog=EXIT_CODES)
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", envvar="GSCHNET_DEBUG", help="Show where in the program an error arose.")
    ] = False,
) -> None:
    """Options that stand before the command."""
