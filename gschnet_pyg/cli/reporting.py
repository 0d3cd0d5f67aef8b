"""``gschnet-pyg report``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gschnet_pyg.errors import DataError


class Stereo(StrEnum):
    """Which stereoisomers are different molecules."""

    keep = "keep"
    no_enantiomers = "no_enantiomers"
    ignore = "ignore"


class Keep(StrEnum):
    """Which molecules are written."""

    valid = "valid"
    unique = "unique"
    unseen = "unseen"
    novel = "novel"


def report(
    file: Annotated[Path, typer.Argument(help="molecules: ASE database, (ext)xyz, SDF, npz")],
    reference: Annotated[
        str | None,
        typer.Option(help="Molecules that are not new: a file, `demo`, or a run directory, whose split then counts."),
    ] = None,
    split: Annotated[
        Path | None, typer.Option(help="Split of the reference: split.npz (SchNetPack's too), or a run directory.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the report as JSON too.")] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Plot targets against what was reached: PNG, PDF or SVG, by suffix.")
    ] = None,
    calculator: Annotated[
        str | None,
        typer.Option(
            help="ASE calculator, of the training data's level of theory, for targets such as a gap: "
            "`demo`, a name that ASE knows, or module:attribute."
        ),
    ] = None,
    charge: Annotated[
        list[int] | None, typer.Option(help="Total charge that is allowed; again for more. Only 0 by default.")
    ] = None,
    charged_fragments: Annotated[
        bool, typer.Option("--charged-fragments", help="Allow formal charges, as in nitro groups.")
    ] = False,
    radicals: Annotated[bool, typer.Option("--radicals", help="Allow unpaired electrons.")] = False,
    stereo: Annotated[Stereo, typer.Option(help="Which stereoisomers are different molecules.")] = Stereo.keep,
    timeout: Annotated[float, typer.Option(help="Seconds for one molecule.")] = 5.0,
    force: Annotated[bool, typer.Option("--force", help="Judge anew what has been judged before.")] = False,
    write_back: Annotated[
        bool, typer.Option("--write-back", help="Write verdicts and SMILES into the database.")
    ] = False,
    filtered: Annotated[Path | None, typer.Option(help="Write some of the molecules to a new file.")] = None,
    keep: Annotated[Keep | None, typer.Option(help="Which ones; the valid ones by default.")] = None,
) -> None:
    """Judge molecules: validity by RDKit, stability by EDM's rules, distributions, and targets that were reached.

    Example: gschnet-pyg report runs/first/generated/1.db --reference runs/first --json report.json
    """
    from rich.console import Console

    from gschnet_pyg import run
    from gschnet_pyg.validity.checks import ValidityOptions
    from gschnet_pyg.validity.plots import plot_targets
    from gschnet_pyg.validity.report import render, save_report

    _check_outputs(json_file, plot, filtered)
    if write_back and file.suffix.lower() != ".db":
        raise DataError(f"{file}: only an ASE database (.db) can be written back to; write a new one (--filtered)")
    if keep is not None and filtered is None:
        raise DataError(f"--keep {keep.value}: says which molecules to write; name a file for them (--filtered)")
    keep = keep or Keep.valid
    if filtered is not None and keep in (Keep.unseen, Keep.novel) and reference is None:
        raise DataError(f"{keep.value} molecules can only be told with a reference; name one (--reference)")
    try:
        options = ValidityOptions(
            tuple(charge or (0,)), charged_fragments, radicals, stereo=stereo.value, timeout=timeout
        )
    except ValueError as error:
        raise DataError(str(error)) from None
    judged = run.judge(file, reference, options, split=split, calculator=calculator, force=force)
    Console().print(render(judged.report))
    if json_file is not None:
        save_report(judged.report, json_file)
        typer.echo(f"The report lies in {json_file}")
    if write_back:
        judged.write_back()
        typer.echo(f"Verdicts and SMILES lie in {file}")
    if filtered is not None:
        count = judged.write_filtered(filtered, keep.value)
        typer.echo(f"{count:,} {keep.value} molecules lie in {filtered}")
    if plot is not None and any(target.measured for target in judged.report.targets):
        plot_targets(judged.report.targets, plot)
        typer.echo(f"The plot lies in {plot}")
    elif plot is not None:
        typer.echo(f"There are no targets that could be measured, so {plot} is not written.")


def _check_outputs(json_file: Path | None, plot: Path | None, filtered: Path | None) -> None:
    """Refuse what could not be written, before any work is done."""
    from gschnet_pyg.data.writing import check_writable
    from gschnet_pyg.validity.plots import SUFFIXES

    for written in (json_file, plot, filtered):
        if written is not None and (written.is_dir() or not written.absolute().parent.is_dir()):
            raise DataError(f"{written}: cannot be written; name a file in a folder that exists")
    if plot is not None and plot.suffix.lower() not in SUFFIXES:
        raise DataError(f"{plot}: a plot ends in {', '.join(SUFFIXES)}; name another file")
    if filtered is not None:
        check_writable(filtered)
        if filtered.exists():
            raise DataError(f"{filtered}: exists already; name another output, or remove it")
