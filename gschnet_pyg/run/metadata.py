"""What generation has written about a file of molecules."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from gschnet_pyg.data.readers import database_metadata
from gschnet_pyg.errors import DataError, ModelError
from gschnet_pyg.model.conditions import conditions_from_json


def stored_metadata(path: Path) -> dict[str, Any]:
    """Version, settings, counts and conditions that were stored with generated molecules; empty for any other file.

    Raises:
        DataError: if they are damaged.
    """
    beside = Path(f"{path}.json")
    metadata: Any = {}
    if path.suffix.lower() == ".db" and path.is_file():
        metadata = database_metadata(path)
    elif beside.is_file():
        with suppress(ValueError, RecursionError):  # not ours
            metadata = json.loads(beside.read_text(encoding="utf-8"))
    ours = metadata.get("gschnet_pyg") if isinstance(metadata, dict) else None
    if not isinstance(ours, dict):
        return {}
    _check(path, ours)
    return dict(ours)


def _check(path: Path, ours: Mapping[str, Any]) -> None:
    """Refuse what generation never writes: it decides how molecules are judged."""
    for name in ("requested", "finished"):
        if name in ours and not (isinstance(count := ours[name], int) and 0 <= count < 2**63):
            raise DataError(f"{path}: its metadata have {name}: {count!r}, which is no count; generate the file again")
    if "finished" in ours and not ours["finished"] <= ours.get("requested", -1):
        raise DataError(f"{path}: its metadata say that more were finished than requested; generate the file again")
    try:
        conditions_from_json(ours.get("conditions", ()))
    except ModelError as error:
        raise DataError(f"{path}: {error}") from None
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise DataError(f"{path}: the conditions in its metadata are damaged ({error}); generate it again") from None


def stored_counts(path: Path) -> dict[str, int]:
    """``requested`` and ``finished`` of a file of generated molecules; empty for any other file."""
    ours = stored_metadata(path)
    return {name: int(ours[name]) for name in ("requested", "finished") if name in ours}
