"""Worker processes that can be killed: a hanging or dying item costs itself and one worker, nothing else.

RDKit is C++, so that no Python timeout interrupts it, and ``multiprocessing`` pools do not survive the loss of a
worker. Workers are fresh interpreters that import what the function needs, not the user's main script and not torch;
forking would copy a process that may hold torch's threads and a GPU.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from enum import Enum
from multiprocessing import Pipe
from multiprocessing.connection import wait
from subprocess import DEVNULL, Popen
from time import monotonic
from typing import Any

CHUNK = 32
"""Items that a worker receives at a time."""

START_UP = 120.0
"""Seconds in which a worker must be ready; it takes a fraction of one, unless the machine is overloaded."""


class Lost(Enum):
    """Why an item has no result."""

    TIMEOUT = "timeout"
    CRASH = "crash"


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_in_workers(
    function: Callable[[Any], Any], items: Sequence[Any], *, workers: int | None = None, timeout: float
) -> Iterator[Any]:
    """Apply a function to every item in worker processes (POSIX).

    Args:
        function: can be pickled; module-level functions and partials of them can.
        items: can be pickled.
        workers: most processes to start; one per available core by default. Few items start fewer.
        timeout: seconds for one item.

    Yields:
        Results in the order of the items; ``Lost`` for an item that took too long or took its worker down.

    Raises:
        RuntimeError: if the function raises, or a worker cannot start.
    """
    workers = workers or available_cores()
    chunks = deque(range(start, min(start + CHUNK, len(items))) for start in range(0, len(items), CHUNK))
    team: list[_Worker] = []
    outcomes: dict[int, Any] = {}
    try:
        for index in range(len(items)):
            while index not in outcomes:
                while len(team) < workers and sum(not worker.owed for worker in team) < len(chunks):
                    team.append(_Worker(function))
                for worker in team:
                    if chunks and worker.is_idle:
                        worker.give(chunks.popleft(), items, timeout)
                _collect(team, chunks, outcomes, timeout)
            yield outcomes.pop(index)
    finally:
        for worker in team:
            worker.stop()


def _collect(team: list[_Worker], chunks: deque[range], outcomes: dict[int, Any], timeout: float) -> None:
    """Wait for the next answer, end or deadline, and deal with all that have come."""
    busy = [worker for worker in team if not worker.is_idle]
    patience = max(0.0, min(worker.deadline for worker in busy) - monotonic())
    ready = wait([worker.connection for worker in busy], patience)
    for worker in busy:
        lost = None
        if worker.connection in ready:
            try:
                worker.receive(outcomes, timeout)
            except (EOFError, ConnectionResetError):
                lost = Lost.CRASH
        elif monotonic() >= worker.deadline:
            lost = Lost.TIMEOUT
        if lost:
            team.remove(worker)
            worker.stop()
            if not worker.is_ready:
                raise RuntimeError(f"a worker process did not start ({lost.value}); its own message is on stderr")
            outcomes[worker.owed[0]] = lost
            if rest := worker.owed[1:]:
                chunks.appendleft(rest)


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
            [sys.executable, "-P", "-m", "gschnet_pyg.validity.worker", str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            stdin=DEVNULL,
            env=environment,
        )
        theirs.close()
        self._send(function)
        self.is_ready = False
        self.owed = range(0)
        self.deadline = monotonic() + START_UP

    @property
    def is_idle(self) -> bool:
        return self.is_ready and not self.owed

    def give(self, chunk: range, items: Sequence[Any], timeout: float) -> None:
        self.owed = chunk
        self.deadline = monotonic() + timeout
        self._send([items[i] for i in chunk])

    def _send(self, message: Any) -> None:
        """Where the worker has died, the next wait finds the end of the connection."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(message)

    def receive(self, outcomes: dict[int, Any], timeout: float) -> None:
        answer = self.connection.recv()
        self.deadline = monotonic() + timeout
        if not self.is_ready:
            self.is_ready = True
            return
        result, error = answer
        if error is not None:
            raise RuntimeError(f"item {self.owed[0]} failed in a worker process:\n{error}")
        outcomes[self.owed[0]] = result
        self.owed = self.owed[1:]

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.connection.close()
