"""Tables on the terminal, and rates and numbers in them."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gschnet_pyg.contracts import Numbers, Rate


class PlainTable(Table):
    """A table that shows text as it is: rich would take ``[nH]`` of a SMILES for a style."""

    def add_row(self, *cells: RenderableType | None, **more: Any) -> None:
        """As rich has it, without its markup."""
        super().add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in cells), **more)


def plain_table(title: str, first: str, *others: str) -> Table:
    """Columns without a frame: the first to the left, the others to the right."""
    table = PlainTable(title=Text(title, style="italic"), box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.title_justify = "left"
    table.add_column(Text(first), no_wrap=True)
    for name in others:
        table.add_column(Text(name), justify="right", no_wrap=True)
    return table


def with_note(table: RenderableType, note: str) -> RenderableType:
    """A table with lines below it, which may be wider; the table alone where there is nothing to say."""
    return Group(table, Text(note, style="dim italic")) if note else table


def rate_text(rate: Rate | None) -> str:
    """``66.7 %  4/6``; empty for none, and without a share of nothing."""
    if rate is None:
        return ""
    return f"{100 * rate.value:.1f} %  {rate.count:,}/{rate.of:,}" if rate.of else "0/0"


def interval_text(rate: Rate, to: str = " to ") -> str:
    """``30.0 to 90.3 %``."""
    low, high = rate.interval
    return f"{100 * low:.1f}{to}{100 * high:.1f} %"


def numbers_text(numbers: Numbers | None, digits: int) -> str:
    """Median, and between 5 and 95 %: ``3.2 (0.8 to 9.1)``; empty for none."""
    if numbers is None:
        return ""
    low, _, median, _, high = numbers.quantiles
    return f"{median:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def divergence_text(divergence: float | None) -> str:
    """Bits; empty for none."""
    return "" if divergence is None else f"{divergence:.3f}"
