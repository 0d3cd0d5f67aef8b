"""A dataset's summary and what an import has done, for a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gschnet_pyg.data.embedded_lists import counted
from gschnet_pyg.data.embedding import FAILURES
from gschnet_pyg.data.importing import ImportResult
from gschnet_pyg.data.summary import DatasetSummary


def render(summary: DatasetSummary) -> Group:
    """Tables for a ``rich`` console."""
    head = Text.assemble(
        (f"{summary.source}: {summary.n_molecules:,} molecules", "bold"),
        f", {summary.min_atoms} to {summary.max_atoms} atoms, {summary.mean_atoms:.1f} on average",
    )
    properties: list[RenderableType] = [_properties(summary)] if summary.properties else []
    return Group(head, _elements(summary), *properties, *_notes(summary))


def _elements(summary: DatasetSummary) -> Table:
    table = Table("element", title="Elements", title_justify="left", box=None)
    table.add_column("atoms", justify="right")
    table.add_column("molecules with it", justify="right")
    for symbol, count in summary.elements.items():
        share = count.molecules / summary.n_molecules
        table.add_row(symbol, f"{count.atoms:,}", f"{count.molecules:,} ({share:.1%})")
    return table


def _properties(summary: DatasetSummary) -> Table:
    table = Table("property", "unit", title="Properties", title_justify="left", box=None)
    for column in ("values", "lowest", "mean", "highest"):
        table.add_column(column, justify="right")
    for name, entry in summary.properties.items():
        numbers = (f"{value:.6g}" for value in (entry.minimum, entry.mean, entry.maximum))
        # as text: a name or unit in brackets is no markup
        table.add_row(Text(name), Text(entry.unit or "-"), str(entry.size), *numbers)
    return table


def _notes(summary: DatasetSummary) -> list[Text]:
    apart = summary.disconnected
    notes = [
        f"{apart.count:,} of {apart.of:,} molecules fall apart under the placement rule"
        + ("; training leaves them out" if apart.count else "")
    ]
    if summary.foreign_elements:
        foreign = ", ".join(summary.foreign_elements)
        notes.append(f"Not among the usual atom types: {foreign}; name all elements in atoms.types of the recipe")
    notes += [f"Property {name} is left out: it {reason}" for name, reason in summary.left_out.items()]
    return [Text(note) for note in notes]


def said(result: ImportResult) -> list[str]:
    """Lines on an import: what was written, and what came of SMILES."""
    lines = [f"{result.molecules:,} molecules lie in {result.path}"]
    if result.embedded:
        n_embedded = sum(len(each.molecules) for each in result.embedded)
        lines[:0] = [f"{n_embedded:,} of {n_embedded + len(result.failures):,} SMILES were embedded"]
    repeated = sum(each.repeated for each in result.embedded)
    open_stereo = sum(each.open_stereo for each in result.embedded)
    if repeated:
        lines.append(f"Note: molecules that come again in their list, and were kept: {repeated:,}")
    if open_stereo:
        lines.append(f"Note: molecules whose SMILES leave stereochemistry open, which the seed chose: {open_stereo:,}")
    if result.failures:
        lines.append(f"{len(result.failures):,} SMILES have no coordinates; {result.failures_file} lists them:")
        lines += [f"  {count:6,}  {FAILURES[reason]}" for reason, count in counted(result.failures).items()]
    return lines
