"""Where the command line begins and ends: signals, and what an error means for the user and for the shell.

Nothing but what is quick is imported before interrupts are seen to; importing torch takes seconds.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any, NoReturn

DONE, UNEXPECTED, BAD_INPUT = 0, 1, 2
CLOSED = 128 + 13
"""Exit code where nobody reads standard output any more, as shells have it for SIGPIPE."""


class Escaped(Exception):  # noqa: N818
    """Carries an error past Typer, which would have its own words for it.

    Args:
        error: to be dealt with here.
    """

    def __init__(self, error: BaseException) -> None:
        self.error = error


def main() -> NoReturn:
    """Run the command line and exit: 0 done, 1 unexpected, 2 bad input, 130 interrupted, 143 terminated."""
    signals = _Signals()
    try:
        code = _run(signals)
    finally:
        signals.restore()
    import atexit

    atexit.register(signal.signal, signal.SIGINT, signal.SIG_DFL)  # no traceback of an interrupt while all is let go
    sys.exit(code)


def _run(signals: _Signals) -> int:
    try:
        from gschnet_pyg.cli.app import command

        code = command().main(prog_name="gschnet-pyg", standalone_mode=False)
        sys.stdout.flush()
        return int(code or DONE)
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException as error:
        return _explain(error.error if isinstance(error, Escaped) else error, signals)


def _explain(error: BaseException, signals: _Signals) -> int:
    """Tell the user in one line what has happened, and the shell by a number."""
    if signals.received is not None or isinstance(error, KeyboardInterrupt):
        # an interrupted import can come out as whatever error
        hint = str(error) if isinstance(error, KeyboardInterrupt) else ""
        _say(f"{'Terminated' if signals.received == signal.SIGTERM else 'Interrupted'}. {hint}".strip(), "33")
        return 128 + (signals.received or signal.SIGINT)
    if isinstance(error, BrokenPipeError) and _nobody_listens():
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is flushed at the very end
        return CLOSED
    from gschnet_pyg.errors import GschnetError

    if isinstance(error, (GschnetError, OSError)):
        _say(f"error: {error}")
        return BAD_INPUT
    from gschnet_pyg.cli.commands import usage_problem

    if (problem := usage_problem(error)) is not None:
        _say(f"error: {problem}")
        return BAD_INPUT
    if "OutOfMemory" in type(error).__name__ or isinstance(error, MemoryError):
        _say("error: out of memory; make batches or molecules smaller (training.batch_size, --batch-size)")
        return UNEXPECTED
    if isinstance(error, ModuleNotFoundError):
        _say(f"error: {error.name} is not installed; `gschnet-pyg doctor` says what else is missing, and what to do")
        return UNEXPECTED
    what = " ".join(f"{type(error).__name__}: {error}".split())
    _say(
        f"error: unexpected, this should not happen: {what[:300]}; `gschnet-pyg --debug` before the command, or "
        "GSCHNET_DEBUG=1, shows where, which belongs into a report of it, with the output of `gschnet-pyg doctor`"
    )
    return UNEXPECTED


def _say(line: str, color: str = "31") -> None:
    """One line on standard error, if that is still there."""
    from gschnet_pyg.cli.output import is_colorful
    from gschnet_pyg.errors import in_one_line

    line = in_one_line(line)
    try:
        print(f"\x1b[{color}m{line}\x1b[0m" if is_colorful(sys.stderr) else line, file=sys.stderr, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _nobody_listens() -> bool:
    """Whether it is standard output that has no reader any more, and not some process of ours."""
    import select

    poll = select.poll()
    poll.register(sys.stdout.fileno(), select.POLLOUT)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


class _Signals:
    """Interrupts and the request to terminate raise ``KeyboardInterrupt``, so that both are tidied up after.

    Attributes:
        received: number of the last one.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) is not signal.SIG_IGN:  # nohup and the like mean it
                    self._before[number] = signal.signal(number, self)

    def __call__(self, number: int, frame: Any) -> None:
        self.received = number
        raise KeyboardInterrupt

    def restore(self) -> None:
        """Leave them as they were."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
