"""What generation has written about a file of molecules."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from gschnet_pyg.data.readers import database_metadata


def stored_metadata(path: Path) -> dict[str, Any]:
    """Version, settings, counts and conditions that were stored with generated molecules; empty for any other file."""
    beside = Path(f"{path}.json")
    metadata: Any = {}
    if path.suffix.lower() == ".db" and path.is_file():
        metadata = database_metadata(path)
    elif beside.is_file():
        with suppress(ValueError):  # not ours
            metadata = json.loads(beside.read_text(encoding="utf-8"))
    ours = metadata.get("gschnet_pyg") if isinstance(metadata, dict) else None
    return dict(ours) if isinstance(ours, dict) else {}


def stored_counts(path: Path) -> dict[str, int]:
    """``requested`` and ``finished`` of a file of generated molecules; empty for any other file."""
    ours = stored_metadata(path)
    return {name: int(ours[name]) for name in ("requested", "finished") if name in ours}
