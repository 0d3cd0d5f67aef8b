"""What a worker process runs: ``python -m gschnet_pyg.workers.worker FD``."""

from __future__ import annotations

import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

MEMORY_LIMIT = 4 << 30
"""Bytes of address space; a molecule that needs more counts as a crash."""


def serve(connection: Connection) -> None:
    """Receive a function, then lists of items; answer every item with ``(result, None)`` or ``(None, traceback)``."""
    try:
        function = connection.recv()
        connection.send("ready")
        while True:
            for item in connection.recv():
                connection.send(_answer(function, item))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent has gone


def _answer(function: Callable[[Any], Any], item: Any) -> tuple[Any, str | None]:
    try:
        return function(item), None
    except MemoryError:
        os._exit(1)
    except Exception:  # the parent raises it
        return None, traceback.format_exc()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash is a verdict, not a file
    if sys.platform == "linux":
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        limit = MEMORY_LIMIT if hard == resource.RLIM_INFINITY else min(MEMORY_LIMIT, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    serve(Connection(int(sys.argv[1])))
