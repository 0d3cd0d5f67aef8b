"""``gschnet-pyg generate``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gschnet_pyg.cli import completion
from gschnet_pyg.cli.options import GenerationOverrides, Json, Quiet
from gschnet_pyg.cli.output import Output, talking
from gschnet_pyg.errors import RecipeError

if TYPE_CHECKING:
    from gschnet_pyg.recipe import GenerationRecipe
    from gschnet_pyg.run import ConversionResult, GenerationResult, TrainingResult


def generate(
    source: Annotated[
        str,
        typer.Argument(
            metavar="RUN_DIR|RECIPE",
            help="run directory, or a generation recipe",
            autocompletion=completion.generation_sources,
        ),
    ],
    overrides: GenerationOverrides = None,
    n_molecules: Annotated[
        int | None, typer.Option("-n", "--n-molecules", help="Molecules to attempt, over all targets.")
    ] = None,
    condition: Annotated[
        list[str] | None,
        typer.Option(
            "-c",
            "--condition",
            metavar="NAME=VALUE",
            autocompletion=completion.condition_names,
            help="Target, once for each condition: gap=4.0, composition=C7H10O2, gap=[4, 6]; "
            "the same name again is another target.",
        ),
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Molecules that grow at a time.")] = None,
    max_atoms: Annotated[int | None, typer.Option(help="Abandon molecules that grow beyond it.")] = None,
    temperature: Annotated[float | None, typer.Option(help="Of positions; lower is sharper.")] = None,
    seed: Annotated[int | None, typer.Option(help="Equal seeds give equal molecules.")] = None,
    device: Annotated[
        str | None, typer.Option(help="auto, cpu, cuda, ...", autocompletion=lambda: ["auto", "cpu", "cuda"])
    ] = None,
    devices: Annotated[str | None, typer.Option(help="Processes, each on a GPU of its own, or auto for all.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="ASE database, extxyz or SDF, by suffix.")
    ] = None,
    append: Annotated[
        bool, typer.Option("--append", help="Add to the output if it is a database already; needs another --seed.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Complete a database whose generation was cut short; begins it if need be.")
    ] = False,
    start: Annotated[Path | None, typer.Option(help="File of substructures to grow from.")] = None,
    trace: Annotated[
        list[int] | None, typer.Option(help="Print the steps of this molecule (from 0), and write them as extxyz.")
    ] = None,
    view: Annotated[bool, typer.Option("--view", help="Open the molecules in ASE's viewer.")] = False,
    report: Annotated[
        bool, typer.Option("--report", help="Judge them, as `gschnet-pyg report --reference RUN_DIR` does.")
    ] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Generate molecules with a trained model.

    With --quiet the path of the file is all that is printed.

    Examples:
        gschnet-pyg generate runs/first -n 1000 --seed 7 -o molecules.db
        gschnet-pyg generate runs/wanted -n 500 -c composition=C7H10O2 -c "gap=[4, 6]"
        gschnet-pyg generate runs/first -n 100 temperature=0.05 grid_spacing=0.1 --report
    """
    from gschnet_pyg.recipe_files import names_recipe

    given: dict[str, Any] = {
        "n_molecules": n_molecules,
        "batch_size": batch_size,
        "max_atoms": max_atoms,
        "temperature": temperature,
        "seed": seed,
        "device": device,
        "devices": int(devices) if devices is not None and devices.isdecimal() else devices,
        "output": output,
        "append": append or None,
        "resume": resume or None,
        "trace": trace or None,
        "view": view or None,
        "report": report or None,
    }
    values = {key: value for key, value in given.items() if value is not None}
    is_recipe = names_recipe(source)
    if not is_recipe:
        values["run"] = source
    if start is not None:
        overrides = [f"start.path={json.dumps(str(start))}", *(overrides or [])]
    targets = {name: found[0] if len(found) == 1 else found for name, found in _targets(condition or []).items()}
    nothing = "No molecule was finished, and none is stored; the same command starts anew, with the same molecules."
    with talking(quiet, as_json, if_interrupted=nothing) as out:
        from gschnet_pyg import run
        from gschnet_pyg.recipe import load_generation_recipe

        recipe = load_generation_recipe(source if is_recipe else None, overrides or [], values)
        recipe = recipe.model_copy(update={"conditions": {**recipe.conditions, **targets}})
        begin = run.generate
        out.listen()
        result = begin(recipe, say=out.say, progress=out.progress)
        if not result.rank:  # the first process has the word
            _tell(result, recipe, out)
    if result.interrupted:
        hint = f" The same command with --resume -o {result.path} goes on." if result.path.suffix == ".db" else ""
        n_attempted = result.before + result.requested
        raise KeyboardInterrupt(f"{n_attempted:,} of {recipe.n_molecules:,} molecules were attempted.{hint}")


def say_how_to_generate(out: Output, result: TrainingResult | ConversionResult) -> None:
    """What to do next with a model."""
    targets = "".join(f" --condition {name}=VALUE" for name in result.conditions)
    start = " --start FILE" if result.needs_fragment else ""
    out.say(f"Next: gschnet-pyg generate {result.directory} -n 1000{targets}{start}")


def _tell(result: GenerationResult, recipe: GenerationRecipe, out: Output) -> None:
    """What has been generated, and what to do next."""
    out.say(
        f"{result.requested:,} molecules requested, {result.finished:,} finished, {result.abandoned:,} abandoned\n"
        f"The finished ones lie in {result.path}"
    )
    if result.report is not None:
        from gschnet_pyg.validity.report import render

        if not out.quiet:
            out.show(render(result.report))
    for path in result.traces:
        out.say(f"Steps lie in {path}; look at them with: ase gui {path}")
    from gschnet_pyg.run_directory import RunDirectory

    # a model that was converted cannot tell what it was trained on, nor one whose data are gone
    judged = result.report
    is_known = RunDirectory(recipe.run).split_file.is_file() if judged is None else judged.reference is not None
    known = f" --reference {recipe.run}" if is_known else ""
    page = f" --html {result.path.with_suffix('.html')}" if judged is not None else ""
    out.say(f"Next: gschnet-pyg report {result.path}{known}{page}")
    out.result(
        result.path,
        path=result.path,
        run=recipe.run,
        requested=result.requested,
        finished=result.finished,
        abandoned=result.abandoned,
        before=result.before,
        interrupted=result.interrupted,
        traces=result.traces,
        **({"report": result.report.to_json()} if result.report is not None else {}),
    )


def _targets(texts: Sequence[str]) -> dict[str, list[Any]]:
    """``["gap=4", "gap=6"]`` -> ``{"gap": [4, 6]}``; formulas stay text."""
    import yaml

    from gschnet_pyg.recipe_yaml import parse_value

    targets: dict[str, list[Any]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name or not value:
            raise RecipeError(f"--condition {text!r}: written NAME=VALUE, such as gap=4.0 or composition=C7H10O2")
        try:
            parsed = parse_value(value)
        except yaml.YAMLError:  # a SMILES such as [H]C, or what looks like a date
            parsed = value
        targets.setdefault(name, []).append(value if isinstance(parsed, bool) or parsed is None else parsed)
    return {name: _flattened(values) for name, values in targets.items()}


def _flattened(values: list[Any]) -> list[Any]:
    """Single values and lists of them in one list; lists alone may be vectors and stay."""
    if all(isinstance(value, list) for value in values):
        return values
    return [each for value in values for each in (value if isinstance(value, list) else [value])]
