"""``gschnet-pyg recipe``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Annotated

import typer

from gschnet_pyg.cli import completion
from gschnet_pyg.cli.commands import Commands
from gschnet_pyg.cli.options import Json, Overrides, Quiet
from gschnet_pyg.cli.output import talking
from gschnet_pyg.errors import RecipeError

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

    recipe = check_recipe(name, overrides or [])
    typer.echo(yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False), nl=False)


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
    """Check a recipe without running it.

    Examples:
        gschnet-pyg recipe check mine.yaml
        gschnet-pyg recipe check mine.yaml --quiet && gschnet-pyg train mine.yaml
    """
    from gschnet_pyg.recipe import check_recipe

    with talking(quiet, as_json) as out:
        recipe = check_recipe(file)
        kind = "training" if recipe.kind == "train" else "generation"
        out.say(f"{file}: a {kind} recipe without errors")
        out.result(None, recipe=file, kind=kind)


@recipe_app.command()
def schema() -> None:
    """Print the JSON schema of recipes, for editors.

    Examples:
        gschnet-pyg recipe schema > recipe.schema.json
    """
    from gschnet_pyg.recipe import json_schema

    typer.echo(json.dumps(json_schema(), indent=1))
