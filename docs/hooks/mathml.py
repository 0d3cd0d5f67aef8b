"""Formulas as MathML, which browsers draw by themselves: no script, no font, no network."""

from __future__ import annotations

import html
import re
from typing import Any

from latex2mathml.converter import convert

FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)


def on_page_content(content: str, **kwargs: Any) -> str:
    """Replace what ``pymdownx.arithmatex`` has marked."""
    return FORMULA.sub(_as_mathml, content)


def _as_mathml(match: re.Match[str]) -> str:
    is_block = match[1] == "div"
    formula = convert(html.unescape(match[2]).strip(), display="block" if is_block else "inline")
    return f'<div class="formula">{formula}</div>' if is_block else formula
