"""Quality of the coordinates."""

from __future__ import annotations

from gschnet_pyg.contracts import Comparison, Geometry, Numbers, Rate, Relaxation, TypedComparison, ValidityReport
from gschnet_pyg.page.blocks import BOTH, GENERATED, Bar, Bars, Block, Cell, Panel, Panels, Plot, Section, Table
from gschnet_pyg.page.composition import rate_cell, series_of
from gschnet_pyg.page.figures import SMALL, Series, histograms
from gschnet_pyg.page.words import number, spread

_PANELS = 6


def geometry_section(report: ValidityReport) -> Section | None:
    """Bond lengths, angles and dihedrals, clashes, relaxation and PoseBusters; none without valid molecules."""
    if not report.distributions.molecules:
        return None
    found = report.distributions
    blocks: list[Block] = []
    for name, title, caption in (
        ("bond_lengths", "Bond lengths", "by the two elements, whatever the order of the bond"),
        ("angles", "Bond angles", "by their three elements, hydrogens included"),
        ("dihedrals", "Dihedral angles", "without sign, of chains of four heavy atoms"),
    ):
        comparison: TypedComparison = getattr(found, name)
        if any(each.generated for each in comparison.types.values()):
            blocks.append(_panels(title, caption, comparison))
    blocks.append(_quality(report.geometry))
    for relaxation, title in ((report.geometry.strain, "Strain"), (report.geometry.relaxation, "Relaxation")):
        if relaxation is not None:
            blocks.extend(_relaxation(relaxation, title))
    if (distance := report.geometry.origin_distance) is not None:
        blocks.append(
            Plot(
                "Distance from the origin",
                f"Centre of mass of finished molecules from the origin token, {spread(distance, 'Å')}; "
                f"{distance.n:,} molecules.",
                "origin",
                legend=GENERATED,
                svg=histograms([Series("generated", "", distance.histogram)], distance.bin_width, "distance, Å"),
            )
        )
    if (checks := report.geometry.pose_checks) is not None:
        bars = [
            Bar("all checks", checks.all_passed),
            *(Bar(name.replace("_", " "), rate) for name, rate in checks.checks.items()),
        ]
        lost = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in checks.failures.items())
        blocks.append(
            Bars(
                "PoseBusters",
                f"Valid molecules that pass each check of PoseBusters {checks.version}; {checks.asked:,} were asked for"
                + (f", not checked: {lost}." if lost else "."),
                "pose",
                legend=GENERATED,
                wide=True,
                bars=bars,
            )
        )
    return Section("geometry", "Geometry", blocks)


def _panels(title: str, caption: str, comparison: TypedComparison) -> Panels:
    """The types that are most frequent in generated and reference molecules together."""

    def frequency(each: Comparison) -> float:
        return sum(each.generated.values()) / of + sum((each.reference or {}).values()) / of_theirs

    types = comparison.types
    of = sum(sum(each.generated.values()) for each in types.values()) or 1
    of_theirs = sum(sum((each.reference or {}).values()) for each in types.values()) or 1
    chosen = sorted(types, key=lambda name: -frequency(types[name]))[:_PANELS]
    angle = comparison.unit != "Å"
    unit = "degrees" if angle else comparison.unit
    compared = any(types[name].reference for name in chosen)
    panels = [
        Panel(
            name.replace("-", "–"),
            types[name].divergence,
            histograms(series_of(types[name]), comparison.bin_width, size=SMALL),
        )
        for name in chosen
    ]
    rest = f" The {len(panels)} most frequent of {len(types)} types." if len(types) > len(panels) else ""
    return Panels(
        title,
        f"Share of each type, {caption}, in valid molecules, in {unit}.{rest}",
        "divergence",
        comparison.divergence,
        BOTH if compared else GENERATED,
        True,
        panels=panels,
    )


def _quality(geometry: Geometry) -> Table:
    """What is one number for each, in one table."""
    compared = geometry.reference_clashes is not None
    rows: list[tuple[str, list[Cell]]] = [
        ("molecules with a clash, %", _both(geometry.clashes, geometry.reference_clashes))
    ]
    for relaxation in (geometry.strain, geometry.relaxation):
        if relaxation is None:
            continue
        theirs = relaxation.reference
        compared = compared or theirs is not None
        name = relaxation.method
        mine = relaxation
        rows.append(
            (f"{name}: strain, {relaxation.unit}", [_numbers(mine.energy), _numbers(theirs.energy if theirs else None)])
        )
        rows.append((f"{name}: RMSD, Å", [_numbers(mine.rmsd), _numbers(theirs.rmsd if theirs else None)]))
        rows.append((f"{name}: bonds kept, %", _both(mine.same_bonds, theirs.same_bonds if theirs else None)))
    if not compared:
        rows = [(label, cells[:1]) for label, cells in rows]
    head = ["", "generated", *(["reference"] if compared else [])]
    caption = "Shares with their counts and 95 % intervals; of numbers the median, and below it where 90 % of them lie."
    return Table("In numbers", caption, "clashes", wide=True, head=head, rows=rows)


def _both(mine: Rate, theirs: Rate | None) -> list[Cell]:
    return [rate_cell(mine), rate_cell(theirs)]


def _numbers(found: Numbers | None) -> Cell:
    if found is None:
        return Cell("–")
    low, _, median, _, high = found.quantiles
    return Cell(number(median), (f"{number(low)} to {number(high)}", f"{found.n:,} molecules"), median)


def _relaxation(found: Relaxation, title: str) -> list[Block]:
    """Energies and RMSD, of those that could be relaxed."""
    lost = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in found.failures.items())
    of = f"{found.relaxed:,} of {found.asked:,} molecules" + (f" (not relaxed: {lost})" if lost else "")
    theirs = found.reference
    blocks: list[Block] = []
    for name, what, unit, numbers, other in (
        (title, "energy", found.unit, found.energy, theirs.energy if theirs else None),
        ("RMSD", "RMSD", "Å", found.rmsd, theirs.rmsd if theirs else None),
    ):
        if numbers is None:
            continue
        series = [Series("generated", "", numbers.histogram)]
        if other is not None:
            series.append(Series("reference", "", other.histogram))
        blocks.append(
            Plot(
                f"{name} by {found.method}",
                f"{'Energy' if what == 'energy' else 'Distance of atoms'} between the generated and the relaxed "
                f"geometry, {spread(numbers, unit)}; {of}.",
                "strain",
                legend=BOTH if other else GENERATED,
                svg=histograms(series, numbers.bin_width, f"{what}, {unit}"),
            )
        )
    return blocks
