"""What valid molecules are made of, beside the reference."""

from __future__ import annotations

from collections.abc import Mapping

from gschnet_pyg.contracts import Comparison, Rate, RingStatistics, ValidityReport
from gschnet_pyg.page.blocks import BOTH, GENERATED, Bar, Bars, Block, Cell, Legend, Plot, Section, Table, scale
from gschnet_pyg.page.figures import Series, histograms
from gschnet_pyg.page.words import interval, percent

_NONE = Rate(0, 0)


def composition_section(report: ValidityReport) -> Section | None:
    """Numbers of atoms, elements and rings; none without valid molecules."""
    found = report.distributions
    if not found.molecules:
        return None
    blocks: list[Block] = [
        Plot(
            "Atoms per molecule",
            "Share of valid molecules by their number of atoms, hydrogens included.",
            "divergence",
            found.atom_counts.divergence,
            legend_of(found.atom_counts),
            svg=histograms(series_of(found.atom_counts), 1.0, "atoms", centred=True),
        ),
        _bars("Elements", "Share of the atoms of all valid molecules.", found.atom_types),
    ]
    if found.ring_sizes.generated:
        blocks.append(_bars("Ring sizes", "Share of all rings (symmetric SSSR), by number of atoms.", found.ring_sizes))
    if any(ring.rings for ring in report.rings.values()):
        blocks.append(_ring_table(report.rings))
    return Section("composition", "Composition", blocks)


def legend_of(comparison: Comparison) -> Legend:
    """Of generated molecules alone, or beside the reference."""
    return BOTH if comparison.reference else GENERATED


def series_of(comparison: Comparison) -> list[Series]:
    """The reference last, so that its line lies on top."""
    found = [Series("generated", "generated", comparison.generated)]
    return [*found, Series("reference", "reference", comparison.reference)] if comparison.reference else found


def _bars(title: str, caption: str, comparison: Comparison) -> Bars:
    theirs = comparison.reference or {}
    of, of_theirs = sum(comparison.generated.values()), sum(theirs.values())
    names = comparison.generated.keys() | theirs.keys()
    if all(name.isdecimal() for name in names):
        keys = sorted(names, key=int)
    else:  # the most frequent ones first
        keys = sorted(
            names, key=lambda name: -comparison.generated.get(name, 0) * max(of_theirs, 1) - theirs.get(name, 0) * of
        )
    bars = [
        Bar(
            key,
            Rate(comparison.generated.get(key, 0), of),
            Rate(theirs.get(key, 0), of_theirs) if comparison.reference else None,
        )
        for key in keys
    ]
    return Bars(title, caption, None, comparison.divergence, legend_of(comparison), bars=bars, full=scale(bars))


def _ring_table(rings: Mapping[str, RingStatistics]) -> Table:
    found = {size: each for size, each in rings.items() if each.rings or (each.reference_molecules or _NONE).count}
    compared = any(each.reference_molecules is not None for each in found.values())
    head = ["atoms", "rings", "per molecule", "molecules with one, %", *(["reference, %"] if compared else [])]
    rows = [
        (
            size,
            [
                Cell(f"{each.rings:,}"),
                Cell(f"{each.per_molecule:.2f}"),
                rate_cell(each.molecules),
                *([rate_cell(each.reference_molecules)] if compared else []),
            ],
        )
        for size, each in found.items()
    ]
    return Table("Rings in molecules", "Valid molecules that have a ring of a size.", wide=True, head=head, rows=rows)


def rate_cell(rate: Rate | None) -> Cell:
    """A share in percent, its counts and its interval."""
    if rate is None or not rate.of:
        return Cell("–", () if rate is None else ("0/0",), sort=-1.0)
    return Cell(percent(rate.value), (f"{rate.count:,}/{rate.of:,}", interval(rate)), rate.value)
