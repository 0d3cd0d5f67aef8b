"""How the molecules were made and judged."""

from __future__ import annotations

import json
import platform
from datetime import UTC, datetime

import matplotlib
import numpy as np
import rdkit
import yaml

import gschnet_pyg
from gschnet_pyg.contracts import ValidityReport, as_json
from gschnet_pyg.page.viewer import Viewer


def option_rows(report: ValidityReport) -> list[tuple[str, str]]:
    """Options that were in force."""
    return [(name.replace("_", " "), _plain(value)) for name, value in report.options.items()]


def reference_rows(report: ValidityReport) -> list[tuple[str, str]]:
    """What the molecules were compared with."""
    if report.reference is None:
        return [("reference", "none")]
    seen, valid = report.reference.seen, report.reference.valid
    return [
        ("molecules", f"{report.reference.molecules:,}"),
        ("in training or validation data", "split unknown: all count as seen" if seen is None else f"{seen:,}"),
        ("valid by the same rules", f"{valid.count:,}/{valid.of:,}"),
    ]


def source_text(report: ValidityReport) -> str:
    """The file, and what is stored of how it was made, as YAML."""
    plain = json.loads(json.dumps(as_json(report.source), default=str))
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True) if plain else ""


def version_rows(viewer: Viewer) -> list[tuple[str, str]]:
    """What wrote the page."""
    return [
        ("gschnet-pyg", gschnet_pyg.__version__),
        ("RDKit", rdkit.__version__),
        ("NumPy", np.__version__),
        ("Matplotlib", matplotlib.__version__),
        ("chemiscope, with 3Dmol.js", viewer.version),
        ("Python", platform.python_version()),
        ("written", datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")),
    ]


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(str(entry) for entry in value) if isinstance(value, list | tuple) else str(value)
