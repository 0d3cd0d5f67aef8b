"""What valid molecules are made of, and which ones they are, as tables on the terminal."""

from __future__ import annotations

from rich.console import RenderableType
from rich.table import Table

from gschnet_pyg.contracts import Comparison, Histogram, Rate, ValidityReport
from gschnet_pyg.validity.tables import divergence_text, numbers_text, plain_table, rate_text, with_note

MAX_GROUPS, MAX_MOLECULES = 10, 6
"""Rows that are printed; the JSON holds all."""


def content_table(report: ValidityReport) -> RenderableType | None:
    """Sizes, elements and rings beside the reference."""
    found = report.distributions
    if not found.molecules:
        return None
    of = (found.molecules, found.reference_molecules)
    table = plain_table("\nMade of (valid molecules)", "", "these", "reference", "divergence")
    table.add_row("molecules", *("" if number is None else f"{number:,}" for number in of), "")
    atoms, rings = found.atom_counts, found.ring_sizes
    table.add_row("atoms per molecule", *_means(atoms, of, is_sum_of_keys=True), divergence_text(atoms.divergence))
    table.add_row("rings per molecule", *_means(rings, of, is_sum_of_keys=False), "")
    for label, comparison in (("atoms", found.atom_types), ("rings of size", rings)):
        sides = (comparison.generated, comparison.reference)
        table.add_row(label, *map(_total, sides), divergence_text(comparison.divergence))
        for key in _keys(comparison):
            table.add_row(f"  {key}", *(_share(side, key) for side in sides), "")
    return with_note(table, "divergence: Jensen-Shannon, bits; 0 the same, 1 nothing in common")


def ring_table(report: ValidityReport) -> Table | None:
    """Molecules that have a ring of some size."""
    found = {size: entry for size, entry in report.rings.items() if entry.rings}
    if not found:
        return None
    table = plain_table("\nRings (valid molecules)", "size", "rings", "a molecule", "molecules with one", "reference")
    for size, entry in found.items():
        theirs = entry.reference_molecules
        table.add_row(
            size,
            f"{entry.rings:,}",
            f"{entry.per_molecule:.2f}",
            rate_text(entry.molecules),
            "" if theirs is None else f"{100 * theirs.value:.1f} %",
        )
    return table


def group_table(report: ValidityReport) -> Table | None:
    """The most frequent functional groups."""
    groups = list(report.chemistry.functional_groups.items())
    if not groups:
        return None
    table = plain_table("\nFunctional groups (valid molecules)", "", "molecules with one", "reference")
    for name, group in groups[:MAX_GROUPS]:
        label = name if len(name) <= 40 else f"{name[:37]}..."
        theirs = "" if group.reference is None else f"{100 * group.reference.value:.1f} %"
        table.add_row(label, rate_text(group.molecules), theirs)
    if len(groups) > MAX_GROUPS:
        table.add_row(f"and {len(groups) - MAX_GROUPS} rarer ones", style="dim")
    return table


def frequent_table(report: ValidityReport) -> Table | None:
    """Molecules that came more than once."""
    frequent = [each for each in report.chemistry.frequent if each.count > 1][:MAX_MOLECULES]
    if not frequent:
        return None
    table = plain_table("\nMost frequent (valid molecules)", "SMILES", "these", "in the reference")
    for each in frequent:
        theirs = "" if each.reference is None else f"{each.reference:,}"
        table.add_row(each.smiles, rate_text(Rate(each.count, report.distributions.molecules)), theirs)
    return table


def similarity_table(report: ValidityReport) -> RenderableType | None:
    """How near the next training molecule is."""
    found = report.chemistry.similarity
    if found is None or found.unique is None:
        return None
    table = plain_table("\nMost similar training molecule (Tanimoto)", "", "molecules", "median (5 to 95 %)")
    for label, numbers in (
        ("different valid molecules", found.unique),
        ("those not seen in training", found.unseen),
        ("molecules kept for the test", found.test),
    ):
        if numbers is not None:
            table.add_row(label, f"{numbers.n:,}", numbers_text(numbers, 2))
    return with_note(table, f"Morgan fingerprints without stereochemistry; among {found.trained:,} different ones")


def _keys(comparison: Comparison) -> list[str]:
    keys = comparison.generated.keys() | (comparison.reference or {}).keys()
    return sorted(keys, key=lambda key: (int(key), "") if key.isdecimal() else (0, key))


def _means(comparison: Comparison, of: tuple[int | None, ...], *, is_sum_of_keys: bool) -> list[str]:
    """Mean number in a molecule, from a histogram of numbers or of things."""
    texts = []
    for histogram, number in zip((comparison.generated, comparison.reference), of, strict=True):
        counted = (int(key) * count if is_sum_of_keys else count for key, count in (histogram or {}).items())
        texts.append(f"{sum(counted) / number:.2f}" if number else "")
    return texts


def _total(histogram: Histogram | None) -> str:
    return f"of {sum(histogram.values()):,}" if histogram else ""


def _share(histogram: Histogram | None, key: str) -> str:
    return f"{100 * histogram.get(key, 0) / sum(histogram.values()):.1f} %" if histogram else ""
