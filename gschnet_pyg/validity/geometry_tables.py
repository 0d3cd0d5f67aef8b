"""Quality of the coordinates, as tables on the terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType

from gschnet_pyg.contracts import Histogram, Relaxation, TypedComparison, ValidityReport
from gschnet_pyg.validity.tables import divergence_text, numbers_text, plain_table, rate_text, with_note

MAX_TYPES = 5
"""Kinds of bonds, angles and dihedrals that are printed; the JSON holds all."""


def geometry_table(report: ValidityReport) -> RenderableType | None:
    """Lengths and angles, clashes and the distance from the origin."""
    found, geometry = report.distributions, report.geometry
    if not found.molecules:
        return None
    table = plain_table("\nGeometry (valid molecules)", "", "these", "reference", "divergence")
    for label, comparison, digits in (
        ("bond lengths, Å", found.bond_lengths, 2),
        ("angles, degrees", found.angles, 0),
        ("dihedrals", found.dihedrals, None),
    ):
        table.add_row(label, "", "", divergence_text(comparison.divergence))
        for name in _most_frequent(comparison):
            entry = comparison.types[name]
            sides = (_mean(side, comparison.bin_width, digits) for side in (entry.generated, entry.reference))
            table.add_row(f"  {name}", *sides, divergence_text(entry.divergence))
        if len(comparison.types) > MAX_TYPES:
            table.add_row(f"  and {len(comparison.types) - MAX_TYPES} other types", style="dim")
    table.add_row("with a clash", rate_text(geometry.clashes), rate_text(geometry.reference_clashes), "")
    note = (
        "means of the bins, and how many; divergence of all types: each has its\n"
        "weight in the reference, one that was not generated counts as 1"
    )
    return with_note(table, note)


def relaxation_tables(report: ValidityReport) -> Group | None:
    """Strain, other relaxation, PoseBusters' checks and the distance from the origin; none without any of them."""
    geometry = report.geometry
    parts = [_relaxation_table(each) for each in (geometry.strain, geometry.relaxation) if each is not None]
    if (checks := geometry.pose_checks) is not None:
        table = plain_table(f"\nPoseBusters {checks.version} (valid molecules)", "", "pass")
        for name, rate in checks.checks.items():
            table.add_row(name, rate_text(rate))
        table.add_row("all checks", rate_text(checks.all_passed), style="bold")
        parts.append(with_note(table, _failures(checks.failures)))
    if (distance := geometry.origin_distance) is not None:
        table = plain_table("\nDistance from the origin token", "", "finished", "median (5 to 95 %)")
        table.add_row("centre of mass, Å", f"{distance.n:,}", numbers_text(distance, 2))
        parts.append(table)
    return Group(*parts) if parts else None


def _relaxation_table(relaxation: Relaxation) -> RenderableType:
    sides = [relaxation, *([relaxation.reference] if relaxation.reference else [])]
    table = plain_table(f"\nRelaxed by {relaxation.method}", "median (5 to 95 %)", "these", "reference")
    table.add_row("molecules", *(f"{side.relaxed:,} of {side.asked:,}" for side in sides))
    digits = 3 if relaxation.unit == "eV" else 1
    table.add_row(f"strain, {relaxation.unit}", *(numbers_text(side.energy, digits) for side in sides))
    table.add_row("RMSD, Å", *(numbers_text(side.rmsd, 3) for side in sides))
    table.add_row("kept their bonds", *(rate_text(side.same_bonds) for side in sides))
    return with_note(table, _failures(relaxation.failures))


def _failures(failures: Histogram) -> str:
    reasons = ", ".join(f"{reason.replace('_', ' ')} {count:,}" for reason, count in failures.items())
    return f"could not be done: {reasons}" if reasons else ""


def _most_frequent(comparison: TypedComparison) -> list[str]:
    """Types that most of the generated or else of the reference have."""

    def number(name: str) -> int:
        entry = comparison.types[name]
        return sum((entry.reference or entry.generated).values())

    return sorted(comparison.types, key=number, reverse=True)[:MAX_TYPES]


def _mean(histogram: Histogram | None, width: float, digits: int | None) -> str:
    """Mean and number; the mean of dihedrals, which have several places to be, would say nothing."""
    if not histogram:
        return ""
    number = sum(histogram.values())
    if digits is None:
        return f"{number:,}"
    mean = sum((float(edge) + width / 2) * count for edge, count in histogram.items()) / number
    return f"{mean:.{digits}f}  of {number:,}"
