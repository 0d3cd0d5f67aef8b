"""What wandb has written in offline mode, read back without wandb's own programs.

A ``.wandb`` file is a log of records in LevelDB's format: blocks of 32 kB, in which each piece of a record has a header
of a checksum (4 bytes), a length (2) and a kind (1): whole, first, middle or last.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import wandb
from wandb.proto.wandb_internal_pb2 import Record

_BLOCK = 2**15
_WHOLE, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_IDENT = 7  # bytes before the first record


def records(path: Path) -> Iterator[Record]:
    """All records of a ``.wandb`` file."""
    content, at, parts = path.read_bytes(), _IDENT, []
    assert content[:4] == b":W&B"
    while at + 7 <= len(content):
        if _BLOCK - at % _BLOCK < 7:  # too small for a header
            at += _BLOCK - at % _BLOCK
            continue
        length, kind = struct.unpack("<HB", content[at + 4 : at + 7])
        assert kind in (_WHOLE, _FIRST, _MIDDLE, _LAST)
        parts.append(content[at + 7 : at + 7 + length])
        at += 7 + length
        if kind in (_WHOLE, _LAST):
            record = Record()
            record.ParseFromString(b"".join(parts))
            parts.clear()
            yield record
    assert not parts


@dataclass
class OfflineRun:
    """One offline run."""

    folder: Path
    id: str = ""
    project: str = ""
    name: str = ""
    group: str = ""
    job_type: str = ""
    tags: list[str] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    artifacts: list[tuple[str, str, dict[str, Path]]] = field(default_factory=list)
    exit_code: int | None = None

    def column(self, name: str) -> dict[int, Any]:
        """Values by step."""
        return {row["_step"]: row[name] for row in self.history if name in row}

    def artifact(self, kind: str) -> tuple[str, dict[str, Path]]:
        """Name and files of the last one of a kind."""
        return [(name, files) for a_kind, name, files in self.artifacts if a_kind == kind][-1]

    def table(self, name: str, step: int) -> list[dict[str, Any]]:
        """Rows of a table."""
        content = json.loads((self.folder / "files" / self.column(f"{name}.path")[step]).read_text())
        return [dict(zip(content["columns"], row, strict=True)) for row in content["data"]]


def read(folder: Path) -> OfflineRun:
    """Read the folder of an offline run."""
    (file,) = folder.glob("*.wandb")
    run = OfflineRun(folder)
    for record in records(file):
        match record.WhichOneof("record_type"):
            case "run":
                ours = record.run  # later ones hold changes alone
                run.id, run.project = ours.run_id or run.id, ours.project or run.project
                run.name, run.group = ours.display_name or run.name, ours.run_group or run.group
                run.job_type, run.tags = ours.job_type or run.job_type, list(ours.tags) or run.tags
                run.config |= _items(record.run.config.update)
            case "config":
                run.config |= _items(record.config.update)
            case "history":
                run.history.append({"_step": record.history.step.num, **_items(record.history.item)})
            case "summary":
                run.summary |= _items(record.summary.update)
            case "artifact":
                files = {entry.path: Path(entry.local_path) for entry in record.artifact.manifest.contents}
                run.artifacts.append((record.artifact.type, record.artifact.name, files))
            case "exit":
                run.exit_code = record.exit.exit_code
    return run


def offline_runs(folder: Path) -> list[OfflineRun]:
    """All runs of a ``wandb`` folder, in the order of their begin, once its service has written everything."""
    wandb.teardown()
    return [read(path) for path in sorted(folder.glob("offline-run-*"))]


def _items(items: Any) -> dict[str, Any]:
    """Keys may be nested; those of one level are enough here, joined by a dot."""
    return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}
