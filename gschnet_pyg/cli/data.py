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
    placement_cutoff: Annotated[float, typer.Option(min=0.1, max=1000, help="Å, of the placement rule.")] = 1.7,
    covalent_factor: Annotated[float, typer.Option(min=0.1, max=1000, help="Of the placement rule.")] = 1.1,
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
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="files of molecules, folders of them, or lists of SMILES")
    ],
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
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Bring files of molecules or SMILES, and a table of properties, into one ASE database in Å and eV.

    With --quiet the path of the database is all that is printed.

    Examples:
        gschnet-pyg data import batch1.sdf batch2.sdf -o molecules.db
        gschnet-pyg data import xyz_files/ -o molecules.db --properties table.csv --key file --unit gap=Hartree
        gschnet-pyg data import list.smi -o molecules.db
    """
    units: dict[str, str] = {}
    for text in unit or []:
        name, equals, value = text.partition("=")
        if not equals:
            raise DataError(f"--unit {text!r}: written property=unit, such as gap=Hartree")
        if units.get(name, value) != value:
            raise DataError(f"--unit: {name} is given twice, in {units[name]} and in {value}; give it once")
        units[name] = value
    with talking(quiet, as_json, if_interrupted=f"{output} was not written; the same command starts anew.") as out:
        from gschnet_pyg.data.display import said
        from gschnet_pyg.data.embedded_lists import EmbeddingOptions, counted
        from gschnet_pyg.data.importing import import_files

        result = import_files(
            files,
            output,
            properties_table=properties,
            key=key,
            units=units or None,
            distance_unit=distance_unit,
            missing="drop" if drop_missing else "error",
            embedding=EmbeddingOptions(column=smiles_column, conformers=conformers, seed=seed),
            progress=out.progress,
        )
        for line in said(result):
            out.say(line)
        out.say(f"Next: gschnet-pyg data info {output}")
        out.result(
            output,
            path=output,
            molecules=result.molecules,
            files=result.files,
            failures=counted(result.failures),
            failures_file=result.failures_file,
        )
