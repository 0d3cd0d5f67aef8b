"""What a section of the page is made of; each kind has a macro of the same name in ``templates/blocks.html``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from markupsafe import Markup

from gschnet_pyg.contracts import Rate

Legend = tuple[tuple[str, str], ...]
"""Kind and label of each series of a plot."""

GENERATED: Legend = (("generated", "generated"),)
BOTH: Legend = (*GENERATED, ("reference", "reference"))


@dataclass(frozen=True)
class Block:
    """Common to all kinds.

    Attributes:
        title: a few words.
        caption: a sentence that says what one looks at.
        term: of ``words.TERMS``, whose definition can be opened.
        divergence: bits, from the reference.
        legend: of the plot.
        wide: over the whole width of the page.
    """

    macro: ClassVar[str] = ""

    title: str
    caption: str = ""
    term: str | None = None
    divergence: float | None = None
    legend: Legend = ()
    wide: bool = False


@dataclass(frozen=True)
class Plot(Block):
    """One plot."""

    macro = "plot"

    svg: Markup = field(default_factory=Markup)


@dataclass(frozen=True)
class Panel:
    """One small plot."""

    label: str
    divergence: float | None
    svg: Markup


@dataclass(frozen=True)
class Panels(Block):
    """Small plots of one kind."""

    macro = "panels"

    panels: Sequence[Panel] = ()


@dataclass(frozen=True)
class Bar:
    """A share, and that of the reference as a mark on the same scale; ``hint`` is a sentence on it."""

    label: str
    share: Rate
    reference: Rate | None = None
    hint: str = ""


@dataclass(frozen=True)
class Bars(Block):
    """A list of shares; ``full`` is the share that fills the width. Long ones take two columns."""

    macro = "bars"

    bars: Sequence[Bar] = ()
    full: float = 1.0


@dataclass(frozen=True)
class Facts(Block):
    """Names and values."""

    macro = "facts"

    rows: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Cell:
    """Of a table: a text, smaller what it rests on, and what it is sorted by."""

    text: str
    small: tuple[str, ...] = ()
    sort: float | str | None = None


@dataclass(frozen=True)
class Table(Block):
    """Rows with a heading each; the ``strong`` first ones stand out, the ``faint`` last ones are to compare with."""

    macro = "table"

    head: Sequence[str] = ()
    rows: Sequence[tuple[str, Sequence[Cell]]] = ()
    strong: int = 0
    faint: int = 0


@dataclass(frozen=True)
class Frequent:
    """A molecule that was generated often."""

    svg: Markup
    smiles: str
    formula: str
    share: Rate
    reference: int | None


@dataclass(frozen=True)
class Molecules(Block):
    """Molecules that were generated often."""

    macro = "molecules"

    molecules: Sequence[Frequent] = ()


@dataclass(frozen=True)
class Section:
    """A part of the page; ``key`` is the anchor."""

    key: str
    title: str
    blocks: Sequence[Block]

    @property
    def anchor(self) -> tuple[str, str]:
        """For the page's navigation."""
        return self.key, self.title


def scale(bars: Sequence[Bar]) -> float:
    """Share that fills the width, so that the longest bar does."""
    shares = [rate.value for bar in bars for rate in (bar.share, bar.reference) if rate is not None]
    return max(shares, default=0.0) or 1.0
