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
    files: Annotated[list[Path], typer.Argument(help="files of molecules, folders of them, or lists of SMILES")],
    output: Annotated[Path, typer.Option("-o", "--output", help="ASE database to write.")],
    properties: Annotated[Path | None, typer.Option(help="CSV table with more properties.")] = None,
    key: Annotated[
        str | None,
        typer.Option(help="Column that names the molecule: a property, id for a single file, or the file's name."),
    ] = None,
    unit: Annotated[list[str] | None, typer.Option(help="Unit of a property in the files: gap=Hartree.")] = None,
    distance_unit: Annotated[str | None, typer.Option(help="Unit of positions in the files.")] = None,
    drop_missing: Annotated[bool, typer.Option(help="Leave out molecules without a row in the table.")] = False,
    smiles_column: Annotated[str | None, typer.Option(help="Column of the SMILES in .csv and .tsv files.")] = None,
    conformers: Annotated[
        int, typer.Option(min=1, help="Embedded for each SMILES; the one of lowest MMFF94 energy is kept.")
    ] = 10,
    seed: Annotated[int, typer.Option(help="Of the embedding.")] = 0,
) -> None:
    """Bring files of molecules or SMILES, and a table of properties, into one ASE database in Å and eV.

    Example: gschnet-pyg data import xyz_files/ -o molecules.db --properties table.csv --key file --unit gap=Hartree
    """
    from gschnet_pyg.data.display import said
    from gschnet_pyg.data.embedded_lists import EmbeddingOptions
    from gschnet_pyg.data.importing import import_files

    units = {}
    for text in unit or []:
        name, equals, value = text.partition("=")
        if not equals:
            raise DataError(f"--unit {text!r}: written property=unit, such as gap=Hartree")
        units[name] = value
    result = import_files(
        files,
        output,
        properties_table=properties,
        key=key,
        units=units or None,
        distance_unit=distance_unit,
        missing="drop" if drop_missing else "error",
        embedding=EmbeddingOptions(column=smiles_column, conformers=conformers, seed=seed),
    )
    for line in said(result):
        typer.echo(line)
    typer.echo(f"Next: gschnet-pyg data info {output}")
