"""Worker processes that can be killed: a hanging or dying item costs itself and one worker, nothing else.

RDKit is C++, so that no Python timeout interrupts it, and ``multiprocessing`` pools do not survive the loss of a
worker. Workers are fresh interpreters that import what the function needs, not the user's main script and not torch;
forking would copy a process that may hold torch's threads and a GPU.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from enum import Enum
from itertools import islice
from multiprocessing import Pipe
from multiprocessing.connection import wait
from subprocess import DEVNULL, Popen
from time import monotonic
from typing import Any

CHUNK = 32
"""Items that a worker receives at a time."""

START_UP = 120.0
"""Seconds in which a worker must be ready; it takes a fraction of one, unless the machine is overloaded."""

_Chunk = deque[tuple[int, Any]]  # numbers and items


class Lost(Enum):
    """Why an item has no result."""

    TIMEOUT = "timeout"
    CRASH = "crash"


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_in_workers(
    function: Callable[[Any], Any], items: Iterable[Any], *, workers: int | None = None, timeout: float
) -> Iterator[Any]:
    """Apply a function to every item in worker processes (POSIX).

    Args:
        function: can be pickled; module-level functions and partials of them can.
        items: can be pickled; they are taken from the iterable as workers need them.
        workers: most processes to start; one per available core by default. Few items start fewer.
        timeout: seconds for one item.

    Yields:
        Results in the order of the items; ``Lost`` for an item that took too long or took its worker down.

    Raises:
        RuntimeError: if the function raises, or a worker cannot start.
    """
    waiting: dict[int, Any] = {}
    following = 0
    for index, _, outcome in each_in_workers(function, items, workers=workers, timeout=timeout):
        waiting[index] = outcome
        while following in waiting:
            yield waiting.pop(following)
            following += 1


def each_in_workers(
    function: Callable[[Any], Any], items: Iterable[Any], *, workers: int | None = None, timeout: float
) -> Iterator[tuple[int, Any, Any]]:
    """Apply a function to every item, and say so as soon as it is done.

    At no time more than ``2 * CHUNK`` items for each worker are taken from the iterable and not yet done.

    Args:
        function, items, workers, timeout: as for :func:`map_in_workers`, and so are errors.

    Yields:
        ``(number of the item from 0, item, result)`` in the order in which they are done.
    """
    workers = workers or available_cores()
    source = enumerate(items)
    chunks: deque[_Chunk] = deque()
    team: list[_Worker] = []
    try:
        while True:
            while len(chunks) < workers and (chunk := deque(islice(source, CHUNK))):
                chunks.append(chunk)
            while len(team) < workers and sum(not worker.owed for worker in team) < len(chunks):
                team.append(_Worker(function))
            for worker in team:
                if chunks and worker.is_idle:
                    worker.give(chunks.popleft(), timeout)
            if not chunks and not any(worker.owed for worker in team):
                return
            yield from _collect(team, chunks, timeout)
    finally:
        for worker in team:
            worker.stop()


def _collect(team: list[_Worker], chunks: deque[_Chunk], timeout: float) -> Iterator[tuple[int, Any, Any]]:
    """Wait for the next answer, end or deadline, and deal with all that have come."""
    busy = [worker for worker in team if not worker.is_idle]
    patience = max(0.0, min(worker.deadline for worker in busy) - monotonic())
    ready = wait([worker.connection for worker in busy], patience)
    for worker in busy:
        lost = None
        if worker.connection in ready:
            try:
                yield from worker.receive(timeout)
            except (EOFError, ConnectionResetError):
                lost = Lost.CRASH
        elif monotonic() >= worker.deadline:
            lost = Lost.TIMEOUT
        if lost:
            team.remove(worker)
            worker.stop()
            if not worker.is_ready:
                raise RuntimeError(f"a worker process did not start ({lost.value}); its own message is on stderr")
            index, item = worker.owed.popleft()
            if worker.owed:
                chunks.appendleft(worker.owed)
            yield index, item, lost


class _Worker:
    """One process and the items that it still owes."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.connection, theirs = Pipe()
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),  # the function is found where this process finds it
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        self.process = Popen(
            [sys.executable, "-P", "-m", "gschnet_pyg.workers.worker", str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            stdin=DEVNULL,
            env=environment,
            process_group=0,  # Ctrl-C is for this process alone, while Python starts there too
        )
        theirs.close()
        self._send(function)
        self.is_ready = False
        self.owed: _Chunk = deque()
        self.deadline = monotonic() + START_UP

    @property
    def is_idle(self) -> bool:
        return self.is_ready and not self.owed

    def give(self, chunk: _Chunk, timeout: float) -> None:
        self.owed = chunk
        self.deadline = monotonic() + timeout
        self._send([item for _, item in chunk])

    def _send(self, message: Any) -> None:
        """Where the worker has died, the next wait finds the end of the connection."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(message)

    def receive(self, timeout: float) -> Iterator[tuple[int, Any, Any]]:
        answer = self.connection.recv()
        self.deadline = monotonic() + timeout
        if not self.is_ready:
            self.is_ready = True
            return
        result, error = answer
        index, item = self.owed.popleft()
        if error is not None:
            raise RuntimeError(f"item {index} failed in a worker process:\n{error}")
        yield index, item, result

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.connection.close()
