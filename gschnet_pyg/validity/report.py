"""A validity report as a table on the terminal and as a JSON file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gschnet_pyg.contracts import Comparison, Histogram, Rate, ValidityReport
from gschnet_pyg.files import replace_file
from gschnet_pyg.validity.tables import plain_table, rate_text
from gschnet_pyg.validity.target_tables import target_tables

PUBLISHED_EDM: dict[str, tuple[float, float, float, float]] = {
    "QM9 itself": (99.0, 95.2, 97.7, 97.7),
    "G-SchNet": (95.7, 68.1, 85.5, 80.3),
    "EDM": (98.7, 82.0, 91.9, 90.7),
}
"""% of 10,000 samples each: atom stable, molecule stable, valid, valid and unique (Hoogeboom et al., ICML 2022)."""

_RDKIT = {
    "valid": "valid",
    "valid_unique": "and unique",
    "unseen": "and unseen",
    "novel": "and novel",
}
_EDM = ("atom_stable", "molecule_stable", "valid", "valid_unique")


def save_report(report: ValidityReport, path: Path) -> None:
    """Write the JSON of a report; the file is whole or not there at all."""
    with replace_file(path) as temporary:
        temporary.write_text(json.dumps(report.to_json(), indent=1) + "\n", encoding="utf-8")


def render(report: ValidityReport) -> Group:
    """Tables for a ``rich`` console: every rate with its denominator, and the options that were in force."""
    parts: tuple[RenderableType | None, ...] = (
        Text(f"{report.requested:,} molecules requested, {report.finished:,} finished", style="bold"),
        _rdkit_table(report),
        _failure_table(report),
        _edm_table(report),
        _divergence_table(report),
        _ring_table(report),
        target_tables(report.targets),
        _notes(report),
    )
    return Group(*(part for part in parts if part is not None))


def _rdkit_table(report: ValidityReport) -> Table:
    table = plain_table("\nValid by RDKit", "", "of requested", "of finished")
    for name, label in _RDKIT.items():
        rate = report.rdkit[name]
        if rate is None:
            table.add_row(label, "no reference", "")
        else:
            table.add_row(label, rate_text(rate), rate_text(Rate(rate.count, report.finished)))
    table.caption = "unseen: not in training or validation data; novel: not in the reference at all"
    return table


def _failure_table(report: ValidityReport) -> Table | None:
    if not report.failures:
        return None
    table = plain_table("\nNot valid, because", "", "of requested")
    for reason, count in report.failures.items():
        table.add_row(reason.replace("_", " "), rate_text(Rate(count, report.requested)))
    return table


def _edm_table(report: ValidityReport) -> Table:
    table = plain_table("\nStable by EDM's rules, %", "", "atom", "molecule", "valid", "and unique")
    rates = [report.edm[name] for name in _EDM]
    table.add_row("these molecules", *(f"{100 * rate.value:.1f}" for rate in rates), style="bold")
    table.add_row("  of", *(f"{rate.of:,}" for rate in rates))
    if report.finished != report.requested:
        finished = [rates[0], *(Rate(rate.count, report.finished) for rate in rates[1:])]
        table.add_row("of finished ones", *(f"{100 * rate.value:.1f}" for rate in finished))
        table.add_row("  of", *(f"{rate.of:,}" for rate in finished))
    if report.reference:
        theirs = [report.reference.edm[name] for name in _EDM]
        table.add_row("reference", *(f"{100 * rate.value:.1f}" for rate in theirs))
        table.add_row("  of", *(f"{rate.of:,}" for rate in theirs))
    for name, values in PUBLISHED_EDM.items():
        table.add_row(f"{name} (published)", *(f"{value:.1f}" for value in values), style="dim")
    return table


def _divergence_table(report: ValidityReport) -> Table:
    """Family 3: what the valid molecules are made of."""
    found = report.distributions
    of = (found.molecules, found.reference_molecules)
    table = plain_table("\nMade of (valid molecules)", "", "these", "reference", "divergence")
    table.add_row("molecules", *("" if number is None else f"{number:,}" for number in of), "")
    atoms, rings = _sides(found.atom_counts), _sides(found.ring_sizes)
    means = [_mean(_sum_of_keys(side), number) for side, number in zip(atoms, of, strict=True)]
    table.add_row("atoms per molecule", *means, _divergence(found.atom_counts.divergence))
    means = [_mean(_sum_of_counts(side), number) for side, number in zip(rings, of, strict=True)]
    table.add_row("rings per molecule", *means, "")
    for label, entry in (("atoms", found.atom_types), ("rings", found.ring_sizes)):
        table.add_row(label, *(_of(side) for side in _sides(entry)), _divergence(entry.divergence))
        for key in _keys(entry):
            table.add_row(f"  {key}", *(_share(side, key) for side in _sides(entry)), "")
    table.add_row("bonds, mean length", "", "", _divergence(found.bond_lengths.divergence))
    for pair, entry in found.bond_lengths.types.items():
        lengths = (_length(side, found.bond_lengths.bin_width) for side in _sides(entry))
        table.add_row(f"  {pair}", *lengths, _divergence(entry.divergence))
    for label, typed in (("angles", found.angles), ("dihedrals", found.dihedrals)):
        table.add_row(label, "", "", _divergence(typed.divergence))
    table.caption = "divergence: Jensen-Shannon, bits; 0 the same, 1 nothing in common"
    return table


def _ring_table(report: ValidityReport) -> Table | None:
    found = {size: entry for size, entry in report.rings.items() if entry.rings}
    if not found:
        return None
    table = plain_table("\nRings (valid molecules)", "size", "rings", "per molecule", "molecules that have one")
    for size, entry in found.items():
        table.add_row(size, f"{entry.rings:,}", f"{entry.per_molecule:.2f}", rate_text(entry.molecules))
    return table


def _sides(entry: Comparison) -> tuple[Histogram, Histogram | None]:
    return entry.generated, entry.reference


def _keys(entry: Comparison) -> list[str]:
    keys = entry.generated.keys() | (entry.reference or {}).keys()
    return sorted(keys, key=lambda key: (int(key), "") if key.isdecimal() else (0, key))


def _sum_of_keys(histogram: Histogram | None) -> int:
    return sum(int(key) * count for key, count in (histogram or {}).items())


def _sum_of_counts(histogram: Histogram | None) -> int:
    return sum((histogram or {}).values())


def _mean(total: int, number: int | None) -> str:
    return f"{total / number:.2f}" if number else ""


def _of(histogram: Histogram | None) -> str:
    return f"of {_sum_of_counts(histogram):,}" if histogram else ""


def _share(histogram: Histogram | None, key: str) -> str:
    return f"{100 * histogram.get(key, 0) / _sum_of_counts(histogram):.1f} %" if histogram else ""


def _length(histogram: Histogram | None, width: float) -> str:
    """Mean bond length and number of bonds."""
    if not histogram:
        return ""
    number = _sum_of_counts(histogram)
    mean = sum((float(edge) + width / 2) * count for edge, count in histogram.items()) / number
    return f"{mean:.2f} Å  of {number:,}"


def _divergence(divergence: float | None) -> str:
    return "" if divergence is None else f"{divergence:.3f}"


def _notes(report: ValidityReport) -> Text:
    options = ", ".join(f"{name} {_plain(value)}" for name, value in report.options.items())
    lines = [f"\nOptions: {options}."]
    if report.reference:
        seen = report.reference.seen
        split = "split unknown: all count as seen" if seen is None else f"{seen:,} in training or validation data"
        valid = report.reference.valid
        lines.append(
            f"Reference: {report.reference.molecules:,} molecules ({split}); "
            f"{100 * valid.value:.1f} % of them ({valid.count:,}) valid by the same rules."
        )
    return Text("\n".join(lines), style="dim")


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(str(entry) for entry in value) if isinstance(value, list) else str(value)
