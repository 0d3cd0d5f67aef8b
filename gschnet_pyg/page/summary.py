"""The numbers that come first: shares with their counts and intervals, reasons of failure, published figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gschnet_pyg.contracts import Rate, ValidityReport
from gschnet_pyg.page.blocks import Bar, Bars, Block, Cell, Section, Table, scale
from gschnet_pyg.page.composition import rate_cell
from gschnet_pyg.page.words import EXPLANATIONS, failure_words, number, percent
from gschnet_pyg.validity.comparison import differing_settings, setting_text
from gschnet_pyg.validity.published import PUBLISHED_EDM

_EDM = ("atom_stable", "molecule_stable", "valid", "valid_unique")


@dataclass(frozen=True)
class Headline:
    """One share.

    Attributes:
        label: a word or two.
        term: of ``words.TERMS``.
        rate: none where there is no reference to tell.
        of: what is counted.
        of_finished: the same over the molecules that are there, where that differs.
    """

    label: str
    term: str
    rate: Rate | None
    of: str
    of_finished: Rate | None = None


def headlines(report: ValidityReport) -> list[Headline]:
    """The six shares that molecules are compared by."""
    differs = report.finished != report.requested

    def over_finished(rate: Rate | None) -> Rate | None:
        return Rate(rate.count, report.finished) if differs and rate is not None else None

    found = [
        Headline(label, term, report.rdkit[name], "requested", over_finished(report.rdkit[name]))
        for name, label, term in (
            ("valid", "Valid", "valid"),
            ("valid_unique", "Unique", "unique"),
            ("unseen", "Unseen", "unseen"),
            ("novel", "Novel", "novel"),
        )
    ]
    stable = report.edm["molecule_stable"]
    return [
        *found,
        Headline("Stable molecules", "stable", stable, "requested", over_finished(stable)),
        Headline("Stable atoms", "stable", report.edm["atom_stable"], "atoms"),
    ]


def validity_section(report: ValidityReport) -> Section:
    """Why molecules are not valid, and EDM's table."""
    blocks: list[Block] = []
    if report.failures:
        bars = [
            Bar(failure_words(reason), Rate(number, report.requested), hint=EXPLANATIONS.get(reason, reason))
            for reason, number in report.failures.items()
        ]
        failed = sum(report.failures.values())
        caption = (
            f"Reasons why {failed:,} of {report.requested:,} requested molecules are not valid by RDKit; "
            f"{report.timeouts:,} of them are timeouts."
        )
        blocks.append(Bars("Why not valid", caption, "valid", bars=bars, full=scale(bars)))
    blocks.append(_edm_table(report))
    return Section("validity", "Validity", blocks)


def _edm_table(report: ValidityReport) -> Table:
    head = ["", "atoms stable", "molecules stable", "valid", "valid, unique"]
    rows = [("these molecules", [rate_cell(report.edm[name]) for name in _EDM])]
    if report.finished != report.requested:
        finished = [Rate(report.edm[name].count, report.finished) for name in _EDM[1:]]
        rows.append(("of finished ones", [rate_cell(rate) for rate in (report.edm["atom_stable"], *finished)]))
    if report.reference is not None:
        rows.append(("reference", [rate_cell(report.reference.edm[name]) for name in _EDM]))
    rows.extend((name, [Cell(f"{value:.1f}") for value in values]) for name, values in PUBLISHED_EDM.items())
    caption = "In percent, by EDM's rules. The last rows are published, of 10,000 samples of models trained on QM9."
    return Table("Beside published models", caption, "stable", head=head, rows=rows, strong=1, faint=len(PUBLISHED_EDM))


@dataclass(frozen=True)
class Column:
    """Of the comparison: a title, and a cell for every file."""

    title: str
    cells: Sequence[Cell]


def comparison_columns(reports: Sequence[ValidityReport]) -> list[Column]:
    """Settings that differ and headline numbers of several files; without columns that no file has."""
    found = [
        Column(name.replace("_", " "), [Cell(setting_text(each, name) or "–") for each in reports])
        for name in differing_settings(reports)
    ]
    for row, label in enumerate(headline.label for headline in headlines(reports[0])):
        rates = [headlines(each)[row].rate for each in reports]
        if any(rate is not None for rate in rates):
            found.append(Column(f"{label.lower()}, %", [rate_cell(rate) for rate in rates]))
    found.append(Column("clashes, %", [rate_cell(each.geometry.clashes) for each in reports]))
    strains = [each.geometry.strain and each.geometry.strain.energy for each in reports]
    if any(strains):
        cells = [
            Cell(number(each.quantiles[2]), (f"of {each.n:,}",), each.quantiles[2]) if each else Cell("–", sort=-1.0)
            for each in strains
        ]
        found.append(Column("median strain, kcal/mol", cells))
    for label, name in (("bond lengths", "bond_lengths"), ("angles", "angles")):
        values = [getattr(each.distributions, name).divergence for each in reports]
        if any(value is not None for value in values):
            cells = [Cell("–", sort=-1.0) if value is None else Cell(f"{value:.3f}", sort=value) for value in values]
            found.append(Column(f"{label}, divergence in bits", cells))
    return found


def subtitle(report: ValidityReport) -> str:
    """What was judged and what it was compared with, in a sentence."""
    text = f"{report.requested:,} molecules requested, {report.finished:,} finished"
    if report.reference is None:
        return f"{text}; no reference to compare with."
    valid = report.reference.valid
    return (
        f"{text}; compared with {report.reference.molecules:,} reference molecules, {percent(valid.value)}\u00a0% of "
        f"which ({valid.count:,}/{valid.of:,}) are valid by the same rules."
    )
