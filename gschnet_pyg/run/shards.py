"""What each of several processes has generated, in files of their own until the first process has merged them."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from gschnet_pyg.generation.sampler import Attempt
from gschnet_pyg.processes import Processes

_INTERVAL = 0.1  # seconds between looks for a file


@dataclass
class Shard:
    """The share of one process.

    Attributes:
        attempts: that have ended.
        lines: that its traced steps have to say.
        traces: files of traced steps.
    """

    attempts: list[Attempt] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    traces: list[Path] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Write ``.npz``, whole or not at all."""
        sizes = [len(attempt.z) for attempt in self.attempts]
        part = path.with_name(f".{path.name}")
        with part.open("wb") as file:
            np.savez(
                file,
                allow_pickle=False,
                number=np.array([attempt.number for attempt in self.attempts], dtype=np.int64),
                start=np.array([attempt.start for attempt in self.attempts], dtype=np.int64),
                is_finished=np.array([attempt.is_finished for attempt in self.attempts], dtype=bool),
                offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
                z=np.concatenate([np.zeros(0, dtype=np.int64), *(attempt.z for attempt in self.attempts)]),
                pos=np.concatenate([np.zeros((0, 3)), *(attempt.pos for attempt in self.attempts)]),
                lines=np.array(self.lines, dtype=np.str_),
                traces=np.array([str(path) for path in self.traces], dtype=np.str_),
            )
        os.replace(part, path)

    @classmethod
    def load(cls, path: Path) -> Shard:
        """Read what :meth:`save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            content = {name: file[name] for name in file.files}
        pieces = [slice(*ends) for ends in pairwise(content["offsets"].tolist())]
        rows = zip(
            content["number"].tolist(), pieces, content["is_finished"].tolist(), content["start"].tolist(), strict=True
        )
        attempts = [
            Attempt(n, content["z"][piece], content["pos"][piece], done, start) for n, piece, done, start in rows
        ]
        return cls(attempts, content["lines"].tolist(), [Path(trace) for trace in content["traces"].tolist()])


@dataclass(frozen=True)
class ShardFolder:
    """Where the shares lie until they are gathered, on storage that all machines see.

    Args:
        output: file that the molecules will be written to.
        path: of the folder; none for a process alone.
        processes: that generate together.
    """

    output: Path
    path: Path | None
    processes: Processes

    @property
    def is_stopped(self) -> bool:
        """Whether some process was interrupted; all of them then stop."""
        return self.path is not None and _stop(self.path).exists()

    def store(self, own: Shard) -> None:
        """Write the share of this process."""
        assert self.path is not None
        own.save(self.path / f"{self.processes.rank}.npz")

    def gathered(self, own: Shard) -> Shard:
        """All shares, for the first process; the others store theirs."""
        if self.path is None:
            return own
        whole = Shard([*own.attempts], [*own.lines], [*own.traces])
        for rank in range(1, self.processes.size):
            path = self.path / f"{rank}.npz"
            while not path.is_file():  # a collective operation would not hear interrupts while it waits
                time.sleep(_INTERVAL)
            shard = Shard.load(path)
            whole.attempts.extend(shard.attempts)
            whole.lines.extend(shard.lines)
            whole.traces.extend(shard.traces)
        return whole

    @contextmanager
    def stopping_on_interrupt(self) -> Iterator[None]:
        """Where there are several processes, an interrupt of one stops all of them when they next look."""
        if self.path is None:
            yield
            return
        stop = _stop(self.path)
        before = signal.signal(signal.SIGINT, lambda *_: stop.touch())
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


@contextmanager
def shard_folder(output: Path | None, processes: Processes) -> Iterator[ShardFolder]:
    """The folder of shares, made by the first process, which removes it in the end; the others wait for it.

    Args:
        output: where molecules will be written, in the first process.
        processes: that generate together.
    """
    path = None
    if output is not None and processes.size > 1:
        path = Path(tempfile.mkdtemp(dir=output.parent, prefix=".generating-"))
    try:
        output, shared_path = processes.shared((output, path))
        assert output is not None
        yield ShardFolder(output, shared_path, processes)
    finally:
        if path is not None:
            shutil.rmtree(path)


def _stop(folder: Path) -> Path:
    return folder / "stop"
