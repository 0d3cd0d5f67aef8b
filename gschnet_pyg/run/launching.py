"""Start the processes of this machine, and speak for them.

The caller is none of them, so that it can be a notebook, a test, or a program that goes on afterwards.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any, TextIO

import torch
from lightning.fabric.plugins.environments.lightning import find_free_network_port

from gschnet_pyg.errors import GschnetError
from gschnet_pyg.processes import Layout
from gschnet_pyg.recipe_sections.base import Section

_GRACE = 10.0  # seconds in which processes may end by themselves


@dataclass(frozen=True)
class _Peer:
    """A process, and the connection to it."""

    process: subprocess.Popen
    connection: Connection


def in_processes(verb: str, recipe: Section, layout: Layout, say: Callable[[str], None], **options: Any) -> Any:
    """Call a verb in one process for each device of this machine.

    An interrupt goes to the first process, which stops all in order; a second one ends them at once.

    Args:
        verb: ``train`` or ``generate``.
        recipe: what to do.
        layout: of the processes.
        say: takes the lines of the first process.
        options: of the verb.

    Returns:
        What the verb gives back in the first process.

    Raises:
        KeyboardInterrupt: as the verb, if the first process was interrupted.
        RuntimeError: if a process has failed unexpectedly, with its traceback.
        GschnetError: as the verb, and if a process was killed.
    """
    with _started(layout) as peers, _passing_interrupts_to(peers[0].process):
        for peer in peers:
            peer.connection.send((verb, recipe, options))
        return _result(peers, say)


def _result(peers: Sequence[_Peer], say: Callable[[str], None]) -> Any:
    """Listen to processes until all have ended."""
    result, first = None, peers[0].connection
    open_: set[Connection] = {peer.connection for peer in peers}
    while open_:
        for connection in wait(list(open_)):
            assert isinstance(connection, Connection)
            try:
                kind, content = connection.recv()
            except (EOFError, OSError):
                raise GschnetError("a process has ended without a word; was it killed, or out of memory?") from None
            if kind == "line":
                say(content)
            elif kind == "error":
                raise content
            elif kind == "crash":
                raise RuntimeError(f"a process has failed:\n{content}")
            elif kind == "interrupted" and connection is first:
                raise KeyboardInterrupt(*content)
            else:
                open_.discard(connection)
                result = content if connection is first else result
    return result


@contextmanager
def _started(layout: Layout) -> Iterator[list[_Peer]]:
    """The processes of this machine; none of them is left when the block ends."""
    # without a share of the cores each, processes of a machine wait for each other's threads
    n_threads = max(1, torch.get_num_threads() // layout.devices)
    environment = {"OMP_NUM_THREADS": str(n_threads), **os.environ, "WORLD_SIZE": str(layout.size)}
    if layout.nodes == 1:  # whatever stands there is of another run
        environment |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(find_free_network_port()), "NODE_RANK": "0"}
    peers: list[_Peer] = []
    is_done = False
    try:
        for local_rank in range(layout.devices):
            peers.append(_start({**environment, "LOCAL_RANK": str(local_rank)}, is_first=local_rank == 0))
        yield peers
        is_done = True
    finally:
        _end(peers, is_done)


def _start(environment: dict[str, str], is_first: bool) -> _Peer:
    """One process, with modules from where this one has them."""
    code = f"import sys; sys.path[:] = {sys.path!r}; from gschnet_pyg.run.peer import main; main()"
    here, there = Pipe()
    is_relayed = is_first and not _is_standard(sys.stdout)
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", code, str(there.fileno())],
        env=environment,
        pass_fds=[there.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if is_relayed else None,
        process_group=0,  # interrupts of the terminal reach this process alone, which passes them on
    )
    there.close()
    if process.stdout is not None:
        threading.Thread(target=_relay, args=(process.stdout, sys.stdout), daemon=True).start()
    return _Peer(process, here)


def _is_standard(stream: TextIO) -> bool:
    """Whether text goes to the standard output of the operating system: a notebook's, or a test's, does not."""
    try:
        return stream.fileno() == 1
    except (OSError, AttributeError):
        return False


def _relay(source: Any, target: TextIO) -> None:
    for line in source:
        target.write(line.decode(errors="replace"))


def _end(peers: Sequence[_Peer], is_done: bool) -> None:
    """Wait for processes that have done their work, and end others; the first may have something to tidy up."""
    for peer in peers:
        if not is_done:
            peer.process.terminate()
    for peer in peers:
        try:
            peer.process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            peer.process.kill()
            peer.process.wait()
        peer.connection.close()


@contextmanager
def _passing_interrupts_to(process: subprocess.Popen) -> Iterator[None]:
    """The first interrupt goes to a process, the next ones are this one's."""
    if threading.current_thread() is not threading.main_thread():  # which never sees one
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def pass_on(*args: Any) -> None:
        signal.signal(signal.SIGINT, before)
        process.send_signal(signal.SIGINT)

    signal.signal(signal.SIGINT, pass_on)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
