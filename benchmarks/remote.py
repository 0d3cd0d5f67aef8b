"""Work in a process of its own, asked through a pipe."""

from __future__ import annotations

import os
import signal
import traceback
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.cases import GenerationCase, TrainingCase
from benchmarks.work import Setting, begin


class RemoteError(RuntimeError):
    """The work failed; carries the traceback of its process."""


class MemoryEndedError(RemoteError):
    """The device has no memory left for the work."""


class Remote:
    """One case in one formulation.

    Args:
        case: what to do.
        name: of the formulation.
        setting: where and with what.
        blocking: kernels of a GPU end before the next one starts, so that time on the CPU is theirs.
    """

    def __init__(
        self, case: TrainingCase | GenerationCase, name: str, setting: Setting, blocking: bool = False
    ) -> None:
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, case, name, setting, blocking), daemon=True)
        self.process.start()
        theirs.close()
        self._receive()

    def __enter__(self) -> Remote:
        return self

    def __exit__(self, *_: object) -> None:
        self.pipe.close()
        self.process.join()

    def call(self, method: str, *args: Any) -> Any:
        """What a method of the work returns."""
        self.pipe.send((method, args))
        return self._receive()

    def _receive(self) -> Any:
        try:
            kind, answer = self.pipe.recv()
        except EOFError:
            self.process.join()
            ended = MemoryEndedError if self.process.exitcode == -signal.SIGKILL else RemoteError  # as the system does
            raise ended(f"the process of the work is gone (exit code {self.process.exitcode})") from None
        if kind == "OutOfMemoryError":
            raise MemoryEndedError(answer)
        if kind != "answer":
            raise RemoteError(answer)
        return answer


def _serve(pipe: Connection, case: TrainingCase | GenerationCase, name: str, setting: Setting, blocking: bool) -> None:
    if blocking:
        os.environ["CUDA_LAUNCH_BLOCKING"] = "1"
    try:
        work = begin(case, name, setting)
        pipe.send(("answer", None))
        while True:
            method, args = pipe.recv()
            pipe.send(("answer", getattr(work, method)(*args)))
    except EOFError:  # the parent has closed the pipe: done
        return
    except Exception as error:
        pipe.send((type(error).__name__, traceback.format_exc()))
