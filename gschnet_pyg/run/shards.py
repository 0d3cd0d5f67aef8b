"""What each of several processes has generated, in files of their own until the first process has merged them."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np

from gschnet_pyg.generation.sampler import Attempt
from gschnet_pyg.processes import Processes
from gschnet_pyg.run.entries import Ranges

_INTERVAL = 0.1  # seconds between looks for a file


class InOrder:
    """Attempts of which those can be handed over whose predecessors are there too, though they end in another order.

    Args:
        numbers: of the attempts, in the order of their beginning.
    """

    def __init__(self, numbers: Iterable[int]) -> None:
        self._expected, self._waiting = iter(numbers), dict[int, Attempt]()
        self._next = next(self._expected, None)
        self._ready: list[Attempt] = []

    def add(self, attempt: Attempt) -> None:
        """One that has ended."""
        self._waiting[attempt.number] = attempt
        while self._next in self._waiting:
            self._ready.append(self._waiting.pop(self._next))
            self._next = next(self._expected, None)

    def hand_over(self, take: Callable[[Sequence[Attempt]], None]) -> None:
        """Give away what is ready; it stays here if that fails."""
        take(self._ready)
        self._ready = []

    @property
    def n_ready(self) -> int:
        """How many can be handed over."""
        return len(self._ready)

    def rest(self) -> list[Attempt]:
        """All that was not handed over, by number."""
        return [*self._ready, *(self._waiting[number] for number in sorted(self._waiting))]


@dataclass
class Shard:
    """Some of the attempts of one process, in order.

    Attributes:
        attempts: that have ended.
        lines: that its traced steps have to say.
        traces: files of traced steps.
        is_last: the process is done.
    """

    attempts: Sequence[Attempt] = ()
    lines: Sequence[str] = ()
    traces: Sequence[Path] = ()
    is_last: bool = False

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
                is_last=np.array(self.is_last),
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
        traces = [Path(trace) for trace in content["traces"].tolist()]
        return cls(attempts, content["lines"].tolist(), traces, bool(content["is_last"]))


@dataclass(frozen=True)
class ShardFolder:
    """Where the shares lie until they are gathered, on storage that all machines see.

    Args:
        output: file that the molecules will be written to.
        done: numbers of the molecules that are in it already.
        path: of the folder; none for a process alone.
        processes: that generate together.
    """

    output: Path
    done: Ranges
    path: Path | None
    processes: Processes

    @property
    def is_stopped(self) -> bool:
        """Whether some process was interrupted; all of them then stop."""
        return self.path is not None and _stop(self.path).exists()

    def file(self, rank: int, number: int) -> Path:
        """Where a process puts one of its shards, numbered from 0."""
        assert self.path is not None
        return self.path / f"{rank}-{number}.npz"

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


class Sink(Protocol):
    """Where a process puts its share."""

    def add(self, attempts: Sequence[Attempt]) -> None:
        """Attempts that have ended, in order."""

    def finish(self, last: Shard) -> Shard:
        """The last attempts, in whatever order, with lines and traces; returns those of all whose shares came here."""


class Direct:
    """Takes the share of a process alone.

    Args:
        store: takes attempts.
    """

    def __init__(self, store: Callable[[Sequence[Attempt]], None]) -> None:
        self.add = store

    def finish(self, last: Shard) -> Shard:
        """As :class:`Sink`."""
        self.add(last.attempts)
        return last


class ShardFiles:
    """Puts the share of a process that is not the first into files.

    Args:
        folder: for them.
    """

    def __init__(self, folder: ShardFolder) -> None:
        self.folder, self._n_files = folder, 0

    def add(self, attempts: Sequence[Attempt]) -> None:
        """As :class:`Sink`."""
        if attempts:
            self._save(Shard(attempts))

    def finish(self, last: Shard) -> Shard:
        """As :class:`Sink`."""
        self._save(last)
        return last

    def _save(self, shard: Shard) -> None:
        shard.save(self.folder.file(self.folder.processes.rank, self._n_files))
        self._n_files += 1


class Merging:
    """Merges the shares of all processes in the first one, in the order of the numbers, which are dealt out in turn.

    Args:
        folder: of the files of the others; they are removed once they are read.
        store: takes attempts that are in order.
    """

    def __init__(self, folder: ShardFolder, store: Callable[[Sequence[Attempt]], None]) -> None:
        self.folder, self.store = folder, store
        self._shares = [_Share() for _ in range(folder.processes.size)]
        self._turn = 0

    def add(self, attempts: Sequence[Attempt]) -> None:
        """As :class:`Sink`."""
        self._shares[0].waiting.extend(attempts)
        self._merge()

    def finish(self, last: Shard) -> Shard:
        """As :class:`Sink`; waits for the others."""
        own = self._shares[0]
        own.take(last)
        self._merge()
        while not all(share.is_done for share in self._shares):
            time.sleep(_INTERVAL)  # a collective operation would not hear interrupts while it waits
            self._merge()
            for rank in range(1, len(self._shares)):
                self._look_for(rank)
        self._merge()
        # after an interrupt there are gaps
        rest = sorted((attempt for share in self._shares for attempt in share.waiting), key=lambda each: each.number)
        self.store(rest)
        lines = [line for share in self._shares for line in share.lines]
        return Shard(rest, lines, [path for share in self._shares for path in share.traces], is_last=True)

    def _merge(self) -> None:
        ready = []
        while self._shares[self._turn].waiting or self._look_for(self._turn):
            ready.append(self._shares[self._turn].waiting.popleft())
            self._turn = (self._turn + 1) % len(self._shares)
        self.store(ready)

    def _look_for(self, rank: int) -> bool:
        """Read the next file of another process if there is one; whether that has attempts."""
        share = self._shares[rank]
        if rank == 0 or share.is_done:
            return False
        path = self.folder.file(rank, share.n_files)
        if not path.is_file():
            return False
        share.take(Shard.load(path))
        path.unlink()
        share.n_files += 1
        return bool(share.waiting)


@dataclass
class _Share:
    """What has come of one process."""

    waiting: deque[Attempt] = field(default_factory=deque)
    lines: list[str] = field(default_factory=list)
    traces: list[Path] = field(default_factory=list)
    n_files: int = 0
    is_done: bool = False

    def take(self, shard: Shard) -> None:
        self.waiting.extend(shard.attempts)
        self.lines.extend(shard.lines)
        self.traces.extend(shard.traces)
        self.is_done = shard.is_last


@contextmanager
def shard_folder(output: Path | None, done: Ranges, processes: Processes) -> Iterator[ShardFolder]:
    """The folder of shares, made by the first process, which removes it in the end; the others wait for it.

    Args:
        output: where molecules will be written, in the first process.
        done: numbers of those that are there already, in the first process.
        processes: that generate together.
    """
    path = None
    if output is not None and processes.size > 1:
        path = Path(tempfile.mkdtemp(dir=output.parent, prefix=".generating-"))
    try:
        output, done, shared_path = processes.shared((output, done, path))
        assert output is not None
        yield ShardFolder(output, done, shared_path, processes)
    finally:
        if path is not None:
            shutil.rmtree(path)


def _stop(folder: Path) -> Path:
    return folder / "stop"
