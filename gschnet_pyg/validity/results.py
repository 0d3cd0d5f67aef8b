"""Verdicts kept beside the file that was judged, so that it is judged once."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from gschnet_pyg.contracts import Verdict
from gschnet_pyg.data.cache import short_hash
from gschnet_pyg.files import replace_file
from gschnet_pyg.validity.checks import ValidityOptions

_FORMAT = 1  # another one whenever a molecule would be judged otherwise
_FIELDS = tuple(field.name for field in fields(Verdict))
_log = logging.getLogger(__name__)


def verdict_key(content: str, options: ValidityOptions) -> str:
    """Short hash of everything that decides verdicts: molecules, options, RDKit's version and the rules here.

    Args:
        content: hash of atoms and positions, ``MoleculeArrays.hash_content``.
        options: in force.
    """
    return short_hash([_FORMAT, content, options.in_force()])


def results_file(path: Path) -> Path:
    """Where the verdicts on the molecules of a file are kept: ``<file>.verdicts.json``."""
    return path.with_name(f"{path.name}.verdicts.json")


def load_verdicts(path: Path, key: str) -> list[Verdict] | None:
    """Verdicts on the molecules of a file, if they are still the ones that judging would give.

    Args:
        path: the judged file.
        key: of what would be judged, see ``verdict_key``.

    Returns:
        Verdicts in the order of the file; none where there are none, they are of another key, or they are damaged,
        which is logged.
    """
    results = results_file(path)
    if not results.is_file():
        return None
    try:
        content = json.loads(results.read_text(encoding="utf-8"))
        if content["key"] != key:
            return None
        columns = [content["verdicts"][name] for name in _FIELDS]
        return [_verdict(dict(zip(_FIELDS, values, strict=True))) for values in zip(*columns, strict=True)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        _log.warning("%s: damaged results (%s), judged again", results, error)
        return None


def save_verdicts(path: Path, key: str, verdicts: Sequence[Verdict]) -> None:
    """Keep verdicts beside the file that was judged; where that cannot be written, a note is logged.

    Args:
        path: the judged file.
        key: of what was judged, see ``verdict_key``.
        verdicts: in the order of the file, timeouts and crashes among them.
    """
    columns = {name: [getattr(verdict, name) for verdict in verdicts] for name in _FIELDS}
    results = results_file(path)
    try:
        with replace_file(results) as temporary:
            temporary.write_text(json.dumps({"key": key, "verdicts": columns}, separators=(",", ":")), encoding="utf-8")
    except OSError as error:
        _log.info("%s: not written (%s); the molecules are judged again next time", results, error)


def _verdict(found: dict[str, Any]) -> Verdict:
    """JSON has no tuples."""
    found["ring_sizes"] = tuple(found["ring_sizes"])
    found["bond_lengths"] = {pair: tuple(lengths) for pair, lengths in found["bond_lengths"].items()}
    return Verdict(**found)
