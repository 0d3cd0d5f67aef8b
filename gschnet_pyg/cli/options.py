"""Arguments that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from gschnet_pyg.cli import completion

Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY=VALUE",
        help="changes to the recipe, such as training.batch_size=10",
        autocompletion=completion.overrides,
    ),
]
"""``key=value`` after the recipe."""

Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print nothing but errors and the essential result.")]
"""For :func:`gschnet_pyg.cli.output.talking`."""

Json = Annotated[
    bool, typer.Option("--json", help="Print the result as one JSON object, and nothing else on standard output.")
]
"""For :func:`gschnet_pyg.cli.output.talking`."""
