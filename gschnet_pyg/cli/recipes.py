"""``gschnet-pyg recipe``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Annotated

import typer

from gschnet_pyg.cli.options import Overrides
from gschnet_pyg.errors import RecipeError

recipe_app = typer.Typer(help="List, show, copy and check recipes.", no_args_is_help=True)


@recipe_app.command("list")
def list_() -> None:
    """List the recipes that ship with the package."""
    from gschnet_pyg.recipe_files import purpose, shipped_recipes

    recipes = shipped_recipes()
    width = max(map(len, recipes))
    for name, path in recipes.items():
        typer.echo(f"{name:{width}s}  {purpose(path)}")


@recipe_app.command()
def show(name: Annotated[str, typer.Argument(help="name or path")], overrides: Overrides = None) -> None:
    """Show a recipe as it will be read: inheritance resolved, defaults filled in."""
    import yaml

    from gschnet_pyg.recipe import check_recipe
    from gschnet_pyg.recipe_sections.sweep import Sweep

    recipe = check_recipe(name, overrides or [])
    is_sweep = isinstance(recipe, Sweep)  # wandb fills in its own defaults
    typer.echo(yaml.safe_dump(recipe.model_dump(mode="json", exclude_unset=is_sweep), sort_keys=False), nl=False)


@recipe_app.command()
def path(name: Annotated[str, typer.Argument(help="name of a shipped recipe or sweep")]) -> None:
    """Print the file of a recipe or sweep, for other programs.

    Example: wandb sweep $(gschnet-pyg recipe path sweeps/learning_rate)
    """
    from gschnet_pyg.recipe_files import find_recipe

    typer.echo(find_recipe(name))


@recipe_app.command()
def copy(
    name: Annotated[str, typer.Argument(help="name of a shipped recipe")],
    to: Annotated[Path | None, typer.Argument(help="file to write; NAME.yaml here by default")] = None,
) -> None:
    """Copy a shipped recipe to change it."""
    from gschnet_pyg.recipe_files import find_recipe

    source = find_recipe(name)
    target = to or Path(source.name)
    if target.exists():
        raise RecipeError(f"{target}: exists already; name another file")
    shutil.copyfile(source, target)
    typer.echo(f"{target} is yours to change. Next: gschnet-pyg recipe check {target}")


@recipe_app.command()
def check(file: Annotated[str, typer.Argument(help="name or path")]) -> None:
    """Check a recipe, or every run of a sweep, without running it."""
    from gschnet_pyg.recipe import check_recipe
    from gschnet_pyg.recipe_sections.sweep import Sweep
    from gschnet_pyg.sweeps import n_trials

    recipe = check_recipe(file)
    if isinstance(recipe, Sweep):
        number = n_trials(recipe)
        typer.echo(f"{file}: a {recipe.method} sweep without errors{f', of {number:,} runs' if number else ''}")
        return
    typer.echo(f"{file}: a {'training' if recipe.kind == 'train' else 'generation'} recipe without errors")


@recipe_app.command()
def schema() -> None:
    """Print the JSON schema of recipes, for editors."""
    from gschnet_pyg.recipe import json_schema

    typer.echo(json.dumps(json_schema(), indent=1))
