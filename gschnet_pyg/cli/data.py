"""``gschnet-pyg data``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gschnet_pyg.errors import DataError

data_app = typer.Typer(help="Look into files of molecules, and bring them into one database.", no_args_is_help=True)


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
