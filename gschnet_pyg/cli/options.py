"""Arguments that several commands share."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gschnet_pyg.cli import completion


def _changes(example: str) -> Any:
    help = f"changes to the recipe, such as {example}"
    return typer.Argument(metavar="KEY=VALUE", help=help, autocompletion=completion.overrides)


Overrides = Annotated[list[str] | None, _changes("training.batch_size=10")]
"""``key=value`` after a training recipe."""

GenerationOverrides = Annotated[list[str] | None, _changes("temperature=0.05")]
"""``key=value`` after a run directory, or a generation recipe."""

ConversionOverrides = Annotated[list[str] | None, _changes("model.features=64")]
"""``key=value`` after the weights; where they differ from the recipe."""

Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print nothing but errors and the essential result.")]
"""For :func:`gschnet_pyg.cli.output.talking`."""

Json = Annotated[
    bool, typer.Option("--json", help="Print the result as one JSON object, and nothing else on standard output.")
]
"""For :func:`gschnet_pyg.cli.output.talking`."""
