"""How well targets were reached, as tables on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from gschnet_pyg.contracts import TargetComparison, TargetGroup
from gschnet_pyg.validity.tables import plain_table, rate_text, with_note
from gschnet_pyg.validity.trained_ranges import far_note

MAX_ROWS = 12
"""Groups that are printed of one condition; the JSON holds all."""


def target_tables(comparisons: Sequence[TargetComparison]) -> Group | None:
    """A table for every condition that could be measured, and why the others could not; none without conditions."""
    if not comparisons:
        return None
    parts: list[RenderableType] = [_table(each) for each in comparisons if each.overall is not None]
    if missing := [each for each in comparisons if each.overall is None]:
        parts.append(Text("\nTargets that could not be measured", style="italic"))
        parts.extend(Text(f"{each.name}: {each.reason}") for each in missing)
    return Group(*parts)


def _table(comparison: TargetComparison) -> RenderableType:
    unit = f", {comparison.unit}" if comparison.unit else ""
    title = f"\nTarget {comparison.name}{unit}"
    match comparison.kind:
        case "scalar":
            table = plain_table(title, "asked for", "mean", "deviation", "MAE", "measured", "finished")
        case "fingerprint":
            table = plain_table(title, "asked for", "similarity", "equal, of valid", "of finished")
        case _:
            table = plain_table(title, "asked for", "exact, of valid", "of finished")
    for group in comparison.groups[:MAX_ROWS]:
        table.add_row(group.label, *_cells(comparison.kind, group))
    if len(comparison.groups) > MAX_ROWS:
        table.add_row(f"and {len(comparison.groups) - MAX_ROWS:,} more", style="dim")
    if comparison.overall is not None and len(comparison.groups) > 1:
        table.add_row("all", *_cells(comparison.kind, comparison.overall), style="bold")
    return with_note(table, "\n".join(_remarks(comparison)))


def _cells(kind: str, group: TargetGroup) -> list[str]:
    """What a row says of a group."""
    rates = ["" if rate is None else rate_text(rate) for rate in (group.exact, group.exact_of_finished)]
    match kind:
        case "scalar":
            numbers = [_number(value) for value in (group.mean, group.deviation, group.error)]
            return [*numbers, f"{group.measured:,}", f"{group.finished:,}"]
        case "fingerprint":
            return ["" if group.mean is None else f"{group.mean:.3f}", *rates]
    return rates


def _remarks(comparison: TargetComparison) -> Iterator[str]:
    if comparison.calculator:
        yield f"valid molecules, measured by {comparison.calculator}; MAE: mean absolute error"
    if comparison.failed:
        yield f"failed for {comparison.failed:,} of them, first: {comparison.failure}"
    if (note := far_note(comparison)) is not None:
        yield note
    if comparison.kind == "count" and comparison.overall and comparison.overall.error is not None:
        yield f"mean absolute error, of all finished ones: {comparison.overall.error:.2f}"
    if comparison.kind == "fingerprint":
        yield "similarity: Tanimoto's, mean over valid molecules"
    if comparison.correlation is not None:
        yield f"correlation with what was asked for: {comparison.correlation:.2f}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
