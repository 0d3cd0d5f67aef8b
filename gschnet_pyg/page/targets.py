"""How well the targets of conditional generation are reached."""

from __future__ import annotations

from gschnet_pyg.contracts import TargetComparison, TargetGroup, ValidityReport
from gschnet_pyg.page.blocks import GENERATED, Block, Cell, Facts, Plot, Section, Table
from gschnet_pyg.page.composition import rate_cell
from gschnet_pyg.page.figures import Series, histograms, scatter
from gschnet_pyg.page.words import number
from gschnet_pyg.validity.numbers import SIMILARITY_BIN, numbers_of
from gschnet_pyg.validity.trained_ranges import far_note

_ROWS = 20


def target_section(report: ValidityReport) -> Section | None:
    """A plot and a table for every condition that could be measured, and why the others could not."""
    blocks: list[Block] = []
    for each in report.targets:
        if each.overall is None:
            continue
        if (plot := _plot(each)) is not None:
            blocks.append(plot)
        blocks.append(_table(each, each.overall))
    if missing := [(each.name, each.reason or "") for each in report.targets if each.overall is None]:
        blocks.append(Facts("Not measured", "Targets that the molecules cannot be compared with.", rows=missing))
    return Section("targets", "Targets", blocks) if blocks else None


def _plot(found: TargetComparison) -> Plot | None:
    unit = f", {found.unit}" if found.unit else ""
    if found.kind == "scalar":
        pairs = [(float(target), float(reached)) for target, reached in found.pairs]
        means = [
            (group.target, group.mean, group.deviation or 0.0)
            for group in found.groups
            if group.target is not None and group.mean is not None
        ]
        return Plot(
            f"{found.name}: asked and reached",
            " ".join(_remarks(found)),
            legend=(("generated", "molecule"), ("ink", "mean ± deviation"), ("reference", "as asked for")),
            svg=scatter(pairs, means, f"{found.name} asked for{unit}", f"{found.name} reached{unit}"),
        )
    numbers = (
        numbers_of([float(reached) for _, reached in found.pairs], SIMILARITY_BIN)
        if found.kind == "fingerprint"
        else None
    )
    if numbers is None:
        return None
    return Plot(
        f"{found.name}: similarity to what was asked for",
        " ".join(_remarks(found)),
        legend=GENERATED,
        svg=histograms([Series("generated", "", numbers.histogram)], SIMILARITY_BIN, "Tanimoto similarity"),
    )


def _table(found: TargetComparison, overall: TargetGroup) -> Table:
    unit = f", {found.unit}" if found.unit else ""
    match found.kind:
        case "scalar":
            head = ["asked for", "mean", "deviation", "MAE", "measured", "finished"]
        case "fingerprint":
            head = ["asked for", "similarity", "equal, % of valid", "% of finished"]
        case _:
            head = ["asked for", "exact, % of valid", "% of finished"]
    groups = list(found.groups[:_ROWS])
    rows = [(group.label, _cells(found.kind, group)) for group in groups]
    if len(found.groups) != 1:
        rows.append(("all", _cells(found.kind, overall)))
    left = len(found.groups) - len(groups)
    caption = f"{left:,} more targets are not shown. " if left > 0 else ""
    if found.kind not in ("scalar", "fingerprint"):
        caption += " ".join(_remarks(found))
    return Table(
        f"{found.name}{unit}",
        caption or "What was reached, by what was asked for; MAE: mean absolute error.",
        head=head,
        rows=rows,
    )


def _cells(kind: str, group: TargetGroup) -> list[Cell]:
    match kind:
        case "scalar":
            numbers = [Cell("–" if x is None else f"{x:.4g}") for x in (group.mean, group.deviation, group.error)]
            return [*numbers, Cell(f"{group.measured:,}"), Cell(f"{group.finished:,}")]
        case "fingerprint":
            first = [Cell("–" if group.mean is None else f"{group.mean:.3f}")]
        case _:
            first = []
    return [*first, rate_cell(group.exact), rate_cell(group.exact_of_finished)]


def _remarks(found: TargetComparison) -> list[str]:
    overall = found.overall
    by = f" by {found.calculator}" if found.calculator else ""
    remarks = [f"{found.measured:,} molecules measured{by}."]
    if overall is not None and overall.error is not None:
        remarks.append(f"Mean absolute error {number(overall.error)}{' ' + found.unit if found.unit else ''}.")
    if found.correlation is not None:
        remarks.append(f"Correlation {found.correlation:.2f}.")
    if (note := far_note(found)) is not None:
        remarks.append(f"{note[0].upper()}{note[1:]}.")
    if found.failed:
        remarks.append(f"The calculator failed for {found.failed:,}; first: {found.failure}.")
    return remarks
