"""``gschnet-pyg data``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gschnet_pyg.cli.commands import Commands
from gschnet_pyg.cli.options import Json, Quiet
from gschnet_pyg.cli.output import talking
from gschnet_pyg.errors import DataError

HELP = """Look into files of molecules, and bring them into one database.

Examples:
    gschnet-pyg data info molecules.sdf
    gschnet-pyg data import batch1.sdf batch2.sdf -o molecules.db
"""

data_app = Commands(HELP)


@data_app.command()
def info(
    source: Annotated[str, typer.Argument(metavar="FILE", help="file of molecules, or `demo`")],
    placement_cutoff: Annotated[float, typer.Option(min=0.1, help="Å, of the placement rule.")] = 1.7,
    covalent_factor: Annotated[float, typer.Option(min=0.1, help="Of the placement rule.")] = 1.1,
    as_json: Json = False,
) -> None:
    """Show what is in a file of molecules.

    Examples:
        gschnet-pyg data info molecules.db
        gschnet-pyg data info demo --json
    """
    with talking(as_json=as_json) as out:
        from gschnet_pyg.contracts import Cutoffs, Vocabulary
        from gschnet_pyg.data.display import render
        from gschnet_pyg.data.sources import open_dataset
        from gschnet_pyg.data.summary import summarise_dataset

        cutoffs = Cutoffs(placement=placement_cutoff, covalent_factor=covalent_factor)
        summary = summarise_dataset(open_dataset(source), cutoffs, Vocabulary().atom_types)
        if not as_json:
            out.show(render(summary))
        out.result(None, **asdict(summary))


@data_app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="files in any format that can be opened")],
    output: Annotated[Path, typer.Option("-o", "--output", help="ASE database to write.")],
    properties: Annotated[Path | None, typer.Option(help="CSV table with more properties.")] = None,
    key: Annotated[
        str | None, typer.Option(help="Column that names the molecule: a property, or id for a single file.")
    ] = None,
    unit: Annotated[list[str] | None, typer.Option(help="Unit of a property in the files: gap=Hartree.")] = None,
    distance_unit: Annotated[str | None, typer.Option(help="Unit of positions in the files.")] = None,
    drop_missing: Annotated[bool, typer.Option(help="Leave out molecules without a row in the table.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Bring files of molecules, and a table of properties, into one ASE database in Å and eV.

    With --quiet the path of the database is all that is printed.

    Examples:
        gschnet-pyg data import batch1.sdf batch2.sdf -o molecules.db
        gschnet-pyg data import molecules.xyz -o molecules.db --properties table.csv --key id --unit gap=Hartree
    """
    units = {}
    for text in unit or []:
        name, equals, value = text.partition("=")
        if not equals:
            raise DataError(f"--unit {text!r}: written property=unit, such as gap=Hartree")
        units[name] = value
    with talking(quiet, as_json, if_interrupted=f"{output} was not written; the same command starts anew.") as out:
        from gschnet_pyg.data.importing import import_files

        count = import_files(
            files,
            output,
            properties_table=properties,
            key=key,
            units=units or None,
            distance_unit=distance_unit,
            missing="drop" if drop_missing else "error",
            progress=out.progress,
        )
        out.say(f"{count:,} molecules lie in {output}")
        out.say(f"Next: gschnet-pyg data info {output}")
        out.result(output, path=output, molecules=count)
