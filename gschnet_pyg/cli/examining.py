"""``gschnet-pyg doctor``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from gschnet_pyg.cli.options import Json, Quiet
from gschnet_pyg.cli.output import talking

if TYPE_CHECKING:
    from rich.table import Table

    from gschnet_pyg.doctor import Check

STYLES = {"ok": "green", "note": "yellow", "problem": "bold red"}


def doctor(quiet: Quiet = False, as_json: Json = False) -> None:
    """Look at this machine: what is there, what is missing, and what to do about it.

    The exit code is 0 if everything that is needed works, and 1 if something does not. With --quiet only problems are
    printed.

    Examples:
        gschnet-pyg doctor
        gschnet-pyg doctor --json > doctor.json
        gschnet-pyg doctor --quiet && gschnet-pyg train demo
    """
    with talking(quiet, as_json) as out:
        from gschnet_pyg.doctor import examine

        diagnosis = examine()
        problems = [check for check in diagnosis.checks if check.status == "problem"]
        shown = problems if quiet else diagnosis.checks
        if shown:
            out.show(_table(shown))
        if not quiet and diagnosis.is_well:
            out.say("\nEverything that is needed works. Next: gschnet-pyg train demo run.id=demo")
        elif not quiet:
            out.say(f"\nTo be put right: {', '.join(check.name for check in problems)}")
        if as_json:
            out.result(None, **diagnosis.to_json())
    if not diagnosis.is_well:
        raise typer.Exit(1)


def _table(checks: list[Check] | tuple[Check, ...]) -> Table:
    """Findings, each remedy below what it is for."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for check in checks:
        found = Text(check.found)
        if check.remedy:
            found.append(f"\n-> {check.remedy}", style=STYLES[check.status])
        table.add_row(Text(check.name, style="bold"), Text(check.status, style=STYLES[check.status]), found)
    return table
