"""``gschnet-pyg train``."""

from __future__ import annotations

from typing import Annotated

import typer

from gschnet_pyg.cli.options import Overrides


def train(
    recipe: Annotated[str, typer.Argument(help="recipe: a path, or a name from `gschnet-pyg recipe list`")],
    overrides: Overrides = None,
) -> None:
    """Train a model. A run whose id exists is resumed.

    Example: gschnet-pyg train qm9_fast data.kind=file data.path=molecules.db run.id=first
    """
    from gschnet_pyg import run
    from gschnet_pyg.recipe import load_recipe

    result = run.train(load_recipe(recipe, overrides or []), say=typer.echo)
    if result.rank:  # the first process has the word
        return
    is_picked = result.picked_by != "last"
    weights = f"best weights, picked by {result.picked_by}" if is_picked else "last weights; none were picked"
    typer.echo(f"\nLosses of the {weights}:")
    for name, value in result.losses.items():
        typer.echo(f"  {name:20s} {value:.4f}")
    typer.echo(f"\nModel, metrics and recipe lie in {result.directory}")
    targets = "".join(f" --condition {name}=VALUE" for name in result.conditions)
    start = " --start FILE" if result.needs_fragment else ""
    typer.echo(f"Next: gschnet-pyg generate {result.directory} -n 1000{targets}{start}")
