"""Arguments that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY=VALUE]...", help="changes to the recipe, such as training.batch_size=10"),
]
"""``key=value`` after the recipe."""
