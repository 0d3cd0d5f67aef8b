"""Validity, its failures and EDM's stability as tables on the terminal."""

from __future__ import annotations

from rich.console import RenderableType
from rich.table import Table

from gschnet_pyg.contracts import Rate, ValidityReport
from gschnet_pyg.validity.published import PUBLISHED_EDM
from gschnet_pyg.validity.tables import interval_text, plain_table, rate_text, with_note

RDKIT = {"valid": "valid", "valid_unique": "and unique", "unseen": "and unseen", "novel": "and novel"}
EDM = {"atom_stable": "atom", "molecule_stable": "molecule", "valid": "valid", "valid_unique": "and unique"}


def rdkit_table(report: ValidityReport) -> RenderableType:
    """Shares of requested and of finished molecules, with their confidence intervals."""
    is_whole = report.finished == report.requested
    columns = ["of requested", "95 % interval", *([] if is_whole else ["of finished"])]
    table = plain_table("\nValid by RDKit", "", *columns)
    for name, label in RDKIT.items():
        rate = report.rdkit[name]
        if rate is None:
            table.add_row(label, "no reference", "")
            continue
        of_finished = [] if is_whole else [rate_text(Rate(rate.count, report.finished))]
        table.add_row(label, rate_text(rate), interval_text(rate), *of_finished)
    return with_note(table, "unseen: not in training or validation data; novel: not in the reference at all")


def failure_table(report: ValidityReport) -> Table | None:
    """Why molecules are not valid."""
    if not report.failures:
        return None
    table = plain_table("\nNot valid, because", "", "of requested")
    for reason, count in report.failures.items():
        table.add_row(reason.replace("_", " "), rate_text(Rate(count, report.requested)))
    return table


def edm_table(report: ValidityReport) -> Table:
    """The four columns of published tables."""
    table = plain_table("\nStable by EDM's rules, %", "", *EDM.values())
    rates = [report.edm[name] for name in EDM]
    table.add_row("these molecules", *(f"{100 * rate.value:.1f}" for rate in rates), style="bold")
    table.add_row("  of", *(f"{rate.of:,}" for rate in rates))
    table.add_row("  95 % interval", *(interval_text(rate, "–").removesuffix(" %") for rate in rates))
    if report.finished != report.requested:
        finished = [rates[0], *(Rate(rate.count, report.finished) for rate in rates[1:])]
        table.add_row("of finished ones", *(f"{100 * rate.value:.1f}" for rate in finished))
        table.add_row("  of", *(f"{rate.of:,}" for rate in finished))
    if report.reference:
        theirs = [report.reference.edm[name] for name in EDM]
        table.add_row("reference", *(f"{100 * rate.value:.1f}" for rate in theirs))
        table.add_row("  of", *(f"{rate.of:,}" for rate in theirs))
    for name, values in PUBLISHED_EDM.items():
        table.add_row(f"{name} (published)", *(f"{value:.1f}" for value in values), style="dim")
    return table
