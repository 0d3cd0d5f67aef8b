"""Tables on the terminal, and rates in them."""

from __future__ import annotations

from rich.table import Table

from gschnet_pyg.contracts import Rate


def plain_table(title: str, first: str, *others: str) -> Table:
    """Columns without a frame: the first to the left, the others to the right."""
    table = Table(title=title, box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.title_justify = table.caption_justify = "left"
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def rate_text(rate: Rate) -> str:
    """``66.7 %  4/6``."""
    return f"{100 * rate.value:.1f} %  {rate.count:,}/{rate.of:,}"
