"""Reports on several files, side by side in one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from gschnet_pyg.contracts import Numbers, Rate, ValidityReport
from gschnet_pyg.validity.comparison import differing_settings, setting_text
from gschnet_pyg.validity.rate_tables import EDM, RDKIT
from gschnet_pyg.validity.tables import divergence_text, interval_text, plain_table, with_note

_LABEL, _COLUMN = 34, 12  # characters, for the width of the table

Cell = Callable[[ValidityReport], str]


def comparison_console(n_files: int) -> Console:
    """A console that is wide enough for all of them."""
    console = Console()
    return Console(width=max(console.width, _LABEL + _COLUMN * n_files))


def render_comparison(reports: Mapping[str, ValidityReport]) -> Group:
    """One column for each file, one row for each number.

    Args:
        reports: by the name of the file.
    """
    legend = [f"{number}  {name}" for number, name in enumerate(reports, start=1)]
    table = plain_table("", "", *(str(number) for number in range(1, len(reports) + 1)))
    every = list(reports.values())
    for name in differing_settings(every):
        table.add_row(name, *(_setting(report, name) for report in every), style="italic")
    table.add_row("molecules requested", *(f"{report.requested:,}" for report in every))
    table.add_row("finished", *(f"{report.finished:,}" for report in every))
    _rate_rows(table, "\nvalid by RDKit, % of requested", every)
    _rows(table, "\nquality (valid molecules)", _quality(every), every)
    note = (
        "\natoms: of those of finished molecules; divergences: Jensen-Shannon, bits;\n"
        "strain, RMSD and similarity are medians, of the molecules that were relaxed and of unseen ones"
    )
    return Group(Text("\n".join(legend), style="bold"), with_note(table, note))


def _setting(report: ValidityReport, name: str) -> str:
    text = setting_text(report, name)
    return text if len(text) < _COLUMN else f"...{text[4 - _COLUMN :]}"


def _rate_rows(table: Table, title: str, reports: Sequence[ValidityReport]) -> None:
    table.add_row(title, style="dim")
    for name, label in RDKIT.items():
        rates = [report.rdkit[name] for report in reports]
        table.add_row(label, *map(_percent, rates))
        if name == "valid":
            table.add_row("  95 % interval", *map(_interval, rates), style="dim")
    table.add_row("\nnot valid, % of requested", style="dim")
    reasons = dict.fromkeys(reason for report in reports for reason in report.failures)
    for reason in sorted(reasons, key=lambda each: -sum(report.failures.get(each, 0) for report in reports)):
        shares = (Rate(report.failures.get(reason, 0), report.requested) for report in reports)
        table.add_row(reason.replace("_", " "), *map(_percent, shares))
    table.add_row("\nstable by EDM's rules, %", style="dim")
    for name, label in EDM.items():
        edm = [report.edm[name] for report in reports]
        table.add_row(label, *map(_percent, edm))
        if name == "molecule_stable":
            table.add_row("  95 % interval", *map(_interval, edm), style="dim")


def _rows(table: Table, title: str, cells: Mapping[str, Cell], reports: Sequence[ValidityReport]) -> None:
    """Rows that say something of at least one file."""
    rows = {label: [cell(report) for report in reports] for label, cell in cells.items()}
    if any(any(row) for row in rows.values()):
        table.add_row(title, style="dim")
    for label, row in rows.items():
        if any(row):
            table.add_row(label, *row)


def _quality(reports: Sequence[ValidityReport]) -> dict[str, Cell]:
    cells: dict[str, Cell] = {
        "valid molecules": lambda report: f"{report.distributions.molecules:,}",
        "divergence of sizes": lambda report: divergence_text(report.distributions.atom_counts.divergence),
        "of elements": lambda report: divergence_text(report.distributions.atom_types.divergence),
        "of ring sizes": lambda report: divergence_text(report.distributions.ring_sizes.divergence),
        "of bond lengths": lambda report: divergence_text(report.distributions.bond_lengths.divergence),
        "of angles": lambda report: divergence_text(report.distributions.angles.divergence),
        "of dihedrals": lambda report: divergence_text(report.distributions.dihedrals.divergence),
        "with a clash, %": lambda report: _percent(report.geometry.clashes),
        "relaxed by MMFF94": lambda report: _count(report.geometry.strain, "relaxed"),
        "strain, kcal/mol": lambda report: _median(report.geometry.strain, "energy", 1),
        "RMSD to the relaxed, Å": lambda report: _median(report.geometry.strain, "rmsd", 3),
        "checked by PoseBusters": lambda report: _count(_part(report.geometry.pose_checks, "all_passed"), "of"),
        "all checks passed, %": lambda report: _percent(_part(report.geometry.pose_checks, "all_passed")),
        "similarity, unseen ones": lambda report: _median(report.chemistry.similarity, "unseen", 2),
    }
    for name in dict.fromkeys(target.name for report in reports for target in report.targets):
        cells[f"{name}: mean error"] = lambda report, name=name: _error(report, name)  # type: ignore[misc]
        cells[f"{name}: exact, % of valid"] = lambda report, name=name: _exact(report, name)  # type: ignore[misc]
    return cells


def _percent(rate: Rate | None) -> str:
    return "" if rate is None or not rate.of else f"{100 * rate.value:.1f}"


def _interval(rate: Rate | None) -> str:
    return "" if rate is None or not rate.of else interval_text(rate, "–").removesuffix(" %")


def _part(whole: object | None, name: str) -> Any:
    """A part of something that may not be there."""
    return None if whole is None else getattr(whole, name)


def _count(whole: object | None, name: str) -> str:
    return "" if whole is None else f"{getattr(whole, name):,}"


def _median(whole: object | None, name: str, digits: int) -> str:
    numbers: Numbers | None = _part(whole, name)
    return "" if numbers is None else f"{numbers.quantiles[2]:.{digits}f}"


def _error(report: ValidityReport, name: str) -> str:
    errors = [target.overall.error for target in report.targets if target.name == name and target.overall is not None]
    return "" if not errors or errors[0] is None else f"{errors[0]:.3g}"


def _exact(report: ValidityReport, name: str) -> str:
    rates = [target.overall.exact for target in report.targets if target.name == name and target.overall is not None]
    return _percent(rates[0]) if rates else ""
