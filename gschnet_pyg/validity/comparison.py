"""What distinguishes files that are compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gschnet_pyg.contracts import ValidityReport


def differing_settings(reports: Sequence[ValidityReport]) -> list[str]:
    """Settings of generation that are not the same for all files, such as the temperature."""
    settings = [_settings(report) for report in reports]
    names = dict.fromkeys(name for each in settings for name in each)
    return [name for name in names if any(each.get(name) != settings[0].get(name) for each in settings[1:])]


def setting_text(report: ValidityReport, name: str) -> str:
    """A setting of generation; empty where the file does not say."""
    value: Any = _settings(report).get(name)
    return "" if value is None else str(value)


def _settings(report: ValidityReport) -> dict[str, Any]:
    return dict(report.source.get("generation") or {})
