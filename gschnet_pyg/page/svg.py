"""Matplotlib's figures as SVG that is part of the page: its font, and its CSS variables as colours."""

from __future__ import annotations

import re
from io import StringIO
from itertools import count
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

COLOURS = {
    "ink": "#010203", "muted": "#020304", "rule": "#030405", "generated": "#040506", "reference": "#050607",
    "third": "#060708",
}  # fmt: skip
"""Stand-ins that become the variables of the same name, and so follow the theme."""

STYLE: Any = {
    "svg.fonttype": "none",
    "font.size": 10.5,
    "font.family": "DejaVu Sans",
    "text.parse_math": False,
    "text.color": COLOURS["ink"],
    "axes.labelcolor": COLOURS["muted"],
    "axes.edgecolor": COLOURS["rule"],
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "grid.color": COLOURS["rule"],
    "grid.linewidth": 0.6,
    "xtick.color": COLOURS["rule"],
    "ytick.color": COLOURS["rule"],
    "xtick.labelcolor": COLOURS["muted"],
    "ytick.labelcolor": COLOURS["muted"],
    "ytick.major.size": 0,
    "xtick.major.size": 3,
    "path.simplify": False,
}
"""Of all plots of the page, for ``matplotlib.rc_context``."""

_serial = count()
_IDS = re.compile(r'<g id="[^"]*"')
_REFERENCE = re.compile(r'xlink:href="#|href="#|url\(#')
_HEADER = re.compile(r"^.*?<svg[^>]*viewBox=\"([^\"]*)\"[^>]*>\s*<metadata>.*?</metadata>", re.DOTALL)
_FONT = re.compile(r" font-family: [^;\"]*;| transform=\"rotate\(-0 [^\"]*\"")
_DIGITS = re.compile(r"-?\d+\.\d{2,}")
_STYLE_SHEET = re.compile(r"<style[^>]*>.*?</style>", re.DOTALL)


def inline_svg(figure: Figure) -> Markup:
    """No header, ids that no other plot has, colours by variable, coordinates to a hundredth of a point."""
    prefix = f"f{next(_serial)}-"
    stream = StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None})
    text = _HEADER.sub(r'<svg viewBox="\1" aria-hidden="true">', stream.getvalue())
    text = _STYLE_SHEET.sub("", text)
    text = _IDS.sub("<g", text)
    text = re.sub(r'(?<![-\w])id="', f'id="{prefix}', text)
    text = _REFERENCE.sub(lambda found: f"url(#{prefix}" if found[0].startswith("url") else f'href="#{prefix}', text)
    text = _FONT.sub("", text)
    for name, colour in COLOURS.items():
        text = text.replace(colour, f"var(--{name})")
    text = _DIGITS.sub(lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), text)
    return Markup(re.sub(r">\s+<", "><", re.sub(r"\s*\n\s*", " ", text)).strip())
