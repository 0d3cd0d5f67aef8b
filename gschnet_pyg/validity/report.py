"""A validity report as tables on the terminal and as a JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from rich.console import Group, RenderableType
from rich.text import Text

from gschnet_pyg.contracts import ValidityReport
from gschnet_pyg.errors import DataError
from gschnet_pyg.files import replace_file
from gschnet_pyg.validity.content_tables import (
    content_table,
    frequent_table,
    group_table,
    ring_table,
    similarity_table,
)
from gschnet_pyg.validity.geometry_tables import geometry_table, relaxation_tables
from gschnet_pyg.validity.rate_tables import edm_table, failure_table, rdkit_table
from gschnet_pyg.validity.target_tables import target_tables

_FORMAT = 1


def save_report(report: ValidityReport, path: Path) -> None:
    """Write the JSON of a report; the file is whole or not there at all."""
    _save(report.to_json(), path)


def save_comparison(reports: Mapping[str, ValidityReport], path: Path) -> None:
    """Write the JSON of several reports by the name of their file, ``{"format": 1, "reports": {name: report}}``."""
    _save(comparison_to_json(reports), path)


def comparison_to_json(reports: Mapping[str, ValidityReport]) -> dict[str, Any]:
    """Content of what :func:`save_comparison` writes."""
    return {"format": _FORMAT, "reports": {name: report.to_json() for name, report in reports.items()}}


def _save(content: Any, path: Path) -> None:
    """The file is whole or not there at all."""
    with replace_file(path) as temporary, temporary.open("w", encoding="utf-8") as stream:
        json.dump(content, stream, indent=1)  # piece by piece
        stream.write("\n")


def load_report(path: Path) -> ValidityReport:
    """Read a report that was written by :func:`save_report`.

    Raises:
        DataError: if the file is missing, or holds no report of this format.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != _FORMAT:
            raise DataError(f"{path}: a report of format {content['format']}; this version reads {_FORMAT}")
        rdkit = dict(content["rdkit"])
        failures = rdkit.pop("failures")
        return TypeAdapter(ValidityReport).validate_python({**content, "rdkit": rdkit, "failures": failures})
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
        raise DataError(f"{path}: holds no report ({str(error).splitlines()[0]}); write one with --json") from error


def render(report: ValidityReport) -> Group:
    """Tables for a ``rich`` console: every rate with its denominator, and the options that were in force."""
    parts: tuple[RenderableType | None, ...] = (
        Text(f"{report.requested:,} molecules requested, {report.finished:,} finished", style="bold"),
        rdkit_table(report),
        failure_table(report),
        edm_table(report),
        content_table(report),
        ring_table(report),
        geometry_table(report),
        relaxation_tables(report),
        group_table(report),
        frequent_table(report),
        similarity_table(report),
        target_tables(report.targets),
        notes(report),
    )
    return Group(*(part for part in parts if part is not None))


def notes(report: ValidityReport) -> Text:
    """Options in force, and the reference."""
    options = ", ".join(f"{name} {_plain(value)}" for name, value in report.options.items())
    lines = [f"\nOptions: {options}."]
    if report.reference:
        seen = report.reference.seen
        split = "split unknown: all count as seen" if seen is None else f"{seen:,} in training or validation data"
        valid = report.reference.valid
        lines.append(
            f"Reference: {report.reference.molecules:,} molecules ({split}); "
            f"{100 * valid.value:.1f} % of them ({valid.count:,}) valid by the same rules."
        )
    return Text("\n".join(lines), style="dim")


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(str(entry) for entry in value) if isinstance(value, list) else str(value)
