"""Command line: parse, call the verbs, print. Heavy imports wait until a command needs them."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from gschnet_pyg.errors import DataError, GschnetError, RecipeError

app = typer.Typer(
    help="Train G-SchNet on molecules, generate new ones, and judge them.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
data_app = typer.Typer(help="Look into files of molecules, and bring them into one database.", no_args_is_help=True)
recipe_app = typer.Typer(help="List, show, copy and check recipes.", no_args_is_help=True)
app.add_typer(data_app, name="data")
app.add_typer(recipe_app, name="recipe")

Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY=VALUE]...", help="changes to the recipe, such as training.batch_size=10"),
]


def main() -> None:
    """Run the command line; what the user can put right is one line and exit code 2."""
    try:
        app()
    except (GschnetError, OSError) as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        sys.exit(2)


def _version(value: bool) -> None:
    if value:
        from gschnet_pyg import __version__

        typer.echo(f"gschnet-pyg {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options that stand before the command."""


@app.command()
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
    typer.echo("\nLosses of the best weights:")
    for name, value in result.losses.items():
        typer.echo(f"  {name:20s} {value:.4f}")
    typer.echo(f"\nModel, metrics and recipe lie in {result.directory}")
    typer.echo(f"Next: gschnet-pyg generate {result.directory} -n 1000")


@app.command()
def generate(
    source: Annotated[str, typer.Argument(metavar="RUN_DIR|RECIPE", help="run directory, or a generation recipe")],
    overrides: Overrides = None,
    n_molecules: Annotated[int | None, typer.Option("-n", "--n-molecules", help="Molecules to attempt.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Molecules that grow at a time.")] = None,
    max_atoms: Annotated[int | None, typer.Option(help="Abandon molecules that grow beyond it.")] = None,
    temperature: Annotated[float | None, typer.Option(help="Of positions; lower is sharper.")] = None,
    seed: Annotated[int | None, typer.Option(help="Equal seeds give equal molecules.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, ...")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="ASE database, extxyz or SDF, by suffix.")
    ] = None,
) -> None:
    """Generate molecules with a trained model.

    Example: gschnet-pyg generate runs/first -n 1000 --seed 7 -o molecules.db
    """
    from gschnet_pyg import run
    from gschnet_pyg.recipe import load_generation_recipe
    from gschnet_pyg.recipe_files import shipped_recipes

    given = {
        "n_molecules": n_molecules,
        "batch_size": batch_size,
        "max_atoms": max_atoms,
        "temperature": temperature,
        "seed": seed,
        "device": device,
        "output": output,
    }
    values = {key: value for key, value in given.items() if value is not None}
    is_recipe = source.endswith((".yaml", ".yml")) or (source in shipped_recipes() and not Path(source).is_dir())
    if is_recipe:
        recipe = load_generation_recipe(source, overrides or [], values)
    else:
        recipe = load_generation_recipe(None, overrides or [], {"run": source, **values})
    result = run.generate(recipe)
    if result.interrupted:
        typer.echo(f"\nInterrupted after {result.requested:,} of {recipe.n_molecules:,} molecules.")
    typer.echo(
        f"{result.requested:,} molecules requested, {result.finished:,} finished, {result.abandoned:,} abandoned\n"
        f"The finished ones lie in {result.path}\n"
        f"Next: gschnet-pyg report {result.path} --reference {recipe.run}"
    )
    if result.interrupted:
        raise typer.Exit(130)


@app.command()
def report(
    file: Annotated[Path, typer.Argument(help="molecules: ASE database, (ext)xyz, SDF, npz")],
    reference: Annotated[
        str | None,
        typer.Option(help="Molecules that are not new: a file, `demo`, or a run directory, whose split then counts."),
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the report as JSON too.")] = None,
) -> None:
    """Judge molecules: validity by RDKit, stability by EDM's rules, distributions.

    Example: gschnet-pyg report runs/first/generated/1.db --reference runs/first --json report.json
    """
    from rich.console import Console

    from gschnet_pyg import run
    from gschnet_pyg.validity.report import render, save_report

    if json_file is not None and (json_file.is_dir() or not json_file.absolute().parent.is_dir()):
        raise DataError(f"{json_file}: cannot be written; name a file in a folder that exists")
    result = run.report(file, reference)
    Console().print(render(result))
    if json_file is not None:
        save_report(result, json_file)
        typer.echo(f"The report lies in {json_file}")


@data_app.command()
def info(
    source: Annotated[str, typer.Argument(metavar="FILE", help="file of molecules, or `demo`")],
    placement_cutoff: Annotated[float, typer.Option(min=0.1, help="Å, of the placement rule.")] = 1.7,
    covalent_factor: Annotated[float, typer.Option(min=0.1, help="Of the placement rule.")] = 1.1,
) -> None:
    """Show what is in a file of molecules.

    Example: gschnet-pyg data info molecules.db
    """
    from rich.console import Console

    from gschnet_pyg.contracts import Cutoffs, Vocabulary
    from gschnet_pyg.data.display import render
    from gschnet_pyg.data.sources import open_dataset
    from gschnet_pyg.data.summary import summarise_dataset

    cutoffs = Cutoffs(placement=placement_cutoff, covalent_factor=covalent_factor)
    Console().print(render(summarise_dataset(open_dataset(source), cutoffs, Vocabulary().atom_types)))


@data_app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="files in any format that can be opened")],
    output: Annotated[Path, typer.Option("-o", "--output", help="ASE database to write.")],
    properties: Annotated[Path | None, typer.Option(help="CSV table with more properties.")] = None,
    key: Annotated[
        str | None, typer.Option(help="Column that names the molecule: a property, or id for a single file.")
    ] = None,
    unit: Annotated[list[str] | None, typer.Option(help="Unit of a property in the files: gap=Hartree.")] = None,
    distance_unit: Annotated[str | None, typer.Option(help="Unit of positions in the files.")] = None,
    drop_missing: Annotated[bool, typer.Option(help="Leave out molecules without a row in the table.")] = False,
) -> None:
    """Bring files of molecules, and a table of properties, into one ASE database in Å and eV.

    Example: gschnet-pyg data import molecules.xyz -o molecules.db --properties table.csv --key id --unit gap=Hartree
    """
    from gschnet_pyg.data.importing import import_files

    units = {}
    for text in unit or []:
        name, equals, value = text.partition("=")
        if not equals:
            raise DataError(f"--unit {text!r}: written property=unit, such as gap=Hartree")
        units[name] = value
    count = import_files(
        files,
        output,
        properties_table=properties,
        key=key,
        units=units or None,
        distance_unit=distance_unit,
        missing="drop" if drop_missing else "error",
    )
    typer.echo(f"{count:,} molecules lie in {output}")
    typer.echo(f"Next: gschnet-pyg data info {output}")


@recipe_app.command("list")
def list_() -> None:
    """List the recipes that ship with the package."""
    from gschnet_pyg.recipe_files import purpose, shipped_recipes

    for name, path in shipped_recipes().items():
        typer.echo(f"{name:20s} {purpose(path)}")


@recipe_app.command()
def show(name: Annotated[str, typer.Argument(help="name or path")], overrides: Overrides = None) -> None:
    """Show a recipe as it will be read: inheritance resolved, defaults filled in."""
    import yaml

    from gschnet_pyg.recipe import check_recipe

    recipe = check_recipe(name, overrides or [])
    typer.echo(yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False), nl=False)


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
    """Check a recipe without running it."""
    from gschnet_pyg.recipe import check_recipe

    recipe = check_recipe(file)
    typer.echo(f"{file}: a {'training' if recipe.kind == 'train' else 'generation'} recipe without errors")


@recipe_app.command()
def schema() -> None:
    """Print the JSON schema of recipes, for editors."""
    from gschnet_pyg.recipe import json_schema

    typer.echo(json.dumps(json_schema(), indent=1))


if __name__ == "__main__":
    main()
