"""``gschnet-pyg recipe``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gschnet_pyg.cli import completion
from gschnet_pyg.cli.commands import Commands
from gschnet_pyg.cli.options import Json, Overrides, Quiet
from gschnet_pyg.cli.output import talking
from gschnet_pyg.errors import RecipeError

if TYPE_CHECKING:
    from gschnet_pyg.recipe import Recipe

HELP = """List, show, copy and check recipes.

Examples:
    gschnet-pyg recipe list
    gschnet-pyg recipe copy qm9_fast mine.yaml
"""

recipe_app = Commands(HELP)

AnyRecipe = Annotated[str, typer.Argument(metavar="RECIPE", help="name or path", autocompletion=completion.all_recipes)]


@recipe_app.command("list")
def list_(quiet: Quiet = False, as_json: Json = False) -> None:
    """List the recipes that ship with the package.

    With --quiet these are the names alone.

    Examples:
        gschnet-pyg recipe list
        gschnet-pyg recipe list --json
    """
    from gschnet_pyg.recipe_files import purpose, shipped_recipes

    recipes = shipped_recipes()
    width = max(map(len, recipes))
    with talking(quiet, as_json) as out:
        if not as_json:
            for name, path in recipes.items():
                out.say(f"{name:{width}s}  {purpose(path)}")
        listed = [{"name": name, "purpose": purpose(path), "path": path} for name, path in recipes.items()]
        out.result("\n".join(recipes), recipes=listed)


@recipe_app.command()
def show(name: AnyRecipe, overrides: Overrides = None) -> None:
    """Show a recipe as it will be read: inheritance resolved, defaults filled in.

    Examples:
        gschnet-pyg recipe show qm9_fast
        gschnet-pyg recipe show demo training.batch_size=10 > mine.yaml
    """
    import yaml

    from gschnet_pyg.recipe import check_recipe
    from gschnet_pyg.recipe_sections.sweep import Sweep

    recipe = check_recipe(name, overrides or [])
    is_sweep = isinstance(recipe, Sweep)  # wandb fills in its own defaults
    typer.echo(yaml.safe_dump(recipe.model_dump(mode="json", exclude_unset=is_sweep), sort_keys=False), nl=False)


@recipe_app.command()
def path(name: AnyRecipe) -> None:
    """Print the file of a recipe or sweep, for other programs.

    A sweep begins with wandb sweep $(gschnet-pyg recipe path NAME).

    Examples:
        gschnet-pyg recipe path sweeps/learning_rate
    """
    from gschnet_pyg.recipe_files import find_recipe

    typer.echo(find_recipe(name))


@recipe_app.command()
def copy(
    name: Annotated[
        str,
        typer.Argument(metavar="RECIPE", help="name of a shipped recipe", autocompletion=completion.shipped_recipes),
    ],
    to: Annotated[Path | None, typer.Argument(metavar="FILE", help="file to write; NAME.yaml here by default")] = None,
) -> None:
    """Copy a shipped recipe to change it.

    Examples:
        gschnet-pyg recipe copy demo
        gschnet-pyg recipe copy generate/conditions targets.yaml
    """
    from gschnet_pyg.recipe_files import find_recipe

    source = find_recipe(name)
    target = to or Path(source.name)
    if target.exists():
        raise RecipeError(f"{target}: exists already; name another file")
    shutil.copyfile(source, target)
    typer.echo(f"{target} is yours to change. Next: gschnet-pyg recipe check {target}")


@recipe_app.command()
def check(file: AnyRecipe, quiet: Quiet = False, as_json: Json = False) -> None:
    """Check a recipe, or every run of a sweep, without running it.

    The names of properties are looked up in the data of a training recipe if that takes no reading: in a file that is
    converted already, or in the first molecule of an ASE database.

    Examples:
        gschnet-pyg recipe check mine.yaml
        gschnet-pyg recipe check mine.yaml --quiet && gschnet-pyg train mine.yaml
    """
    from gschnet_pyg.recipe import check_recipe
    from gschnet_pyg.recipe_sections.sweep import Sweep
    from gschnet_pyg.sweeps import n_trials

    with talking(quiet, as_json) as out:
        recipe = check_recipe(file)
        if isinstance(recipe, Sweep):
            kind, number = "sweep", n_trials(recipe)
            out.say(f"{file}: a {recipe.method} sweep without errors{f', of {number:,} runs' if number else ''}")
        else:
            kind = "training" if recipe.kind == "train" else "generation"
            unseen = "; the data were not looked at" if recipe.kind == "train" and not _look_at_data(recipe) else ""
            out.say(f"{file}: a {kind} recipe without errors{unseen}")
        out.result(None, recipe=file, kind=kind)


def _look_at_data(recipe: Recipe) -> bool:
    if recipe.data.kind != "file":
        return False
    from gschnet_pyg.build.properties import look_at_source  # what reads molecules takes a second

    return look_at_source(recipe)


@recipe_app.command()
def schema() -> None:
    """Print the JSON schema of recipes, for editors.

    Examples:
        gschnet-pyg recipe schema > recipe.schema.json
    """
    from gschnet_pyg.recipe import json_schema

    typer.echo(json.dumps(json_schema(), indent=1))
