"""A validity report as a table on the terminal and as a JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gschnet_pyg.contracts import Rate, ValidityReport
from gschnet_pyg.files import replace_file
from gschnet_pyg.validity.published import PUBLISHED_EDM
from gschnet_pyg.validity.tables import plain_table, rate_text
from gschnet_pyg.validity.target_tables import target_tables

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
        theirs = [report.reference["edm"][name] for name in _EDM]
        table.add_row("reference", *(f"{100 * rate['value']:.1f}" for rate in theirs))
        table.add_row("  of", *(f"{rate['of']:,}" for rate in theirs))
    for name, values in PUBLISHED_EDM.items():
        table.add_row(f"{name} (published)", *(f"{value:.1f}" for value in values), style="dim")
    return table


def _divergence_table(report: ValidityReport) -> Table | None:
    """Family 3: what the valid molecules are made of."""
    found = report.distributions
    if not found:
        return None
    of = found["molecules"]
    table = plain_table("\nMade of (valid molecules)", "", "these", "reference", "divergence")
    sides = ("generated", "reference")
    table.add_row("molecules", *("" if of[side] is None else f"{of[side]:,}" for side in sides), "")
    atoms, rings = found["atom_counts"], found["ring_sizes"]
    table.add_row("atoms per molecule", *(_mean(_sum_of_keys(atoms[s]), of[s]) for s in sides), _divergence(atoms))
    table.add_row("rings per molecule", *(_mean(_sum_of_counts(rings[s]), of[s]) for s in sides), "")
    for label, entry in (("atoms", found["atom_types"]), ("rings", rings)):
        table.add_row(label, *(_of(entry[side]) for side in sides), _divergence(entry))
        for key in _keys(entry):
            table.add_row(f"  {key}", *(_share(entry[side], key) for side in sides), "")
    table.add_row("bonds, mean length", "", "", "")
    width = found["bin_width_angstrom"]
    for pair, entry in found["bond_lengths"].items():
        table.add_row(f"  {pair}", *(_length(entry[side], width) for side in sides), _divergence(entry))
    table.caption = "divergence: Jensen-Shannon, bits; 0 the same, 1 nothing in common"
    return table


def _ring_table(report: ValidityReport) -> Table | None:
    found = {size: entry for size, entry in report.rings.items() if entry["rings"]}
    if not found:
        return None
    table = plain_table("\nRings (valid molecules)", "size", "rings", "per molecule", "molecules that have one")
    for size, entry in found.items():
        having = Rate(entry["molecules"]["count"], entry["molecules"]["of"])
        table.add_row(size, f"{entry['rings']:,}", f"{entry['per_molecule']:.2f}", rate_text(having))
    return table


def _keys(entry: Mapping[str, Any]) -> list[str]:
    keys = entry["generated"].keys() | (entry["reference"] or {}).keys()
    return sorted(keys, key=lambda key: (int(key), "") if key.isdecimal() else (0, key))


def _sum_of_keys(histogram: Mapping[str, int] | None) -> int:
    return sum(int(key) * count for key, count in (histogram or {}).items())


def _sum_of_counts(histogram: Mapping[str, int] | None) -> int:
    return sum((histogram or {}).values())


def _mean(total: int, number: int | None) -> str:
    return f"{total / number:.2f}" if number else ""


def _of(histogram: Mapping[str, int] | None) -> str:
    return f"of {_sum_of_counts(histogram):,}" if histogram else ""


def _share(histogram: Mapping[str, int] | None, key: str) -> str:
    return f"{100 * histogram.get(key, 0) / _sum_of_counts(histogram):.1f} %" if histogram else ""


def _length(histogram: Mapping[str, int] | None, width: float) -> str:
    """Mean bond length and number of bonds."""
    if not histogram:
        return ""
    number = _sum_of_counts(histogram)
    mean = sum((float(edge) + width / 2) * count for edge, count in histogram.items()) / number
    return f"{mean:.2f} Å  of {number:,}"


def _divergence(entry: Mapping[str, Any]) -> str:
    return "" if entry["divergence"] is None else f"{entry['divergence']:.3f}"


def _notes(report: ValidityReport) -> Text:
    options = ", ".join(f"{name} {_plain(value)}" for name, value in report.options.items())
    lines = [f"\nOptions: {options}."]
    if report.reference:
        seen = report.reference["seen"]
        split = "split unknown: all count as seen" if seen is None else f"{seen:,} in training or validation data"
        valid = report.reference["valid"]
        lines.append(
            f"Reference: {report.reference['molecules']:,} molecules ({split}); "
            f"{100 * valid['value']:.1f} % of them ({valid['count']:,}) valid by the same rules."
        )
    return Text("\n".join(lines), style="dim")


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(str(entry) for entry in value) if isinstance(value, list) else str(value)
