"""``gschnet-pyg convert``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from gschnet_pyg.cli import completion
from gschnet_pyg.cli.generating import say_how_to_generate
from gschnet_pyg.cli.options import ConversionOverrides, Json, Quiet
from gschnet_pyg.cli.output import talking


def convert(
    state_dict: Annotated[
        Path, typer.Argument(metavar="STATE_DICT", help="names and tensors alone: .safetensors, .npz, or .pt")
    ],
    recipe: Annotated[
        str,
        typer.Option(
            metavar="RECIPE",
            help="What the model is: a recipe's name or path.",
            autocompletion=completion.training_recipes,
        ),
    ],
    overrides: ConversionOverrides = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Run directory to write.")] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Convert a model that SchNetPack's cG-SchNet has trained.

    Save its plain state dict there (torch.save(model.state_dict(), "plain.pt")); modules are never unpickled here.
    Where recipe and weights differ, the overrides that follow the weights are named. With --quiet the run directory
    is all that is printed.

    Examples:
        gschnet-pyg convert plain.pt --recipe qm9 -o runs/converted
        gschnet-pyg convert plain.pt --recipe qm9_gap_relative_energy model.type_head.width=[206,156,106,56] -o runs/gap
    """
    with talking(quiet, as_json, if_interrupted="Nothing was written.") as out:
        from gschnet_pyg import run
        from gschnet_pyg.recipe import load_recipe

        place = {"directory": str(output.parent), "id": output.name} if output is not None else {}
        place_overrides = [f"run.{key}={json.dumps(value)}" for key, value in place.items()]
        result = run.convert(state_dict, load_recipe(recipe, [*(overrides or []), *place_overrides]))
        out.say(f"{result.n_weights:,} weights of {state_dict} and their recipe lie in {result.directory}")
        if result.passed_over:
            out.say(f"Note: passed over, since they change no prediction: {', '.join(result.passed_over)}")
        out.say(
            "Taken from the recipe alone: cutoffs.covalent_factor, growth, names and units of conditions; the weights "
            "do not tell."
        )
        say_how_to_generate(out, result)
        out.result(
            result.directory,
            directory=result.directory,
            weights=result.n_weights,
            conditions=result.conditions,
            needs_fragment=result.needs_fragment,
            passed_over=result.passed_over,
        )
