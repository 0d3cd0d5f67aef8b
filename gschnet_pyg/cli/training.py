"""``gschnet-pyg train``."""

from __future__ import annotations

from typing import Annotated

import typer

from gschnet_pyg.cli import completion
from gschnet_pyg.cli.generating import say_how_to_generate
from gschnet_pyg.cli.options import Json, Overrides, Quiet
from gschnet_pyg.cli.output import talking


def train(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE",
            help="a path, or a name from `gschnet-pyg recipe list`",
            autocompletion=completion.training_recipes,
        ),
    ],
    overrides: Overrides = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train a model. A run whose id exists is resumed.

    With --quiet the run directory is all that is printed.

    Examples:
        gschnet-pyg train demo run.id=demo training.max_minutes=2
        gschnet-pyg train qm9_fast data.kind=file data.path=molecules.db run.id=first
    """
    with talking(quiet, as_json, if_interrupted="Training had not begun; the same command starts anew.") as out:
        from gschnet_pyg import run
        from gschnet_pyg.recipe import load_recipe

        settings = load_recipe(recipe, overrides or [])  # at once: torch, which training needs, takes seconds
        begin = run.train
        out.listen()
        result = begin(settings, say=out.say)
        if result.rank:  # the first process has the word
            return
        is_picked = result.picked_by != "last"
        weights = f"best weights, picked by {result.picked_by}" if is_picked else "last weights; none were picked"
        out.say(f"\nLosses of the {weights}:")
        for name, value in result.losses.items():
            out.say(f"  {name:20s} {value:.4f}")
        out.say(f"\nModel, metrics and recipe lie in {result.directory}")
        say_how_to_generate(out, result)
        out.result(
            result.directory,
            directory=result.directory,
            losses=result.losses,
            picked_by=result.picked_by,
            conditions=result.conditions,
            needs_fragment=result.needs_fragment,
        )
