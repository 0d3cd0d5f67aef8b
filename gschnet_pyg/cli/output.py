"""What commands say, and where: results on standard output; warnings, errors and bars on standard error."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console


class Output:
    """The voice of one command.

    Args:
        quiet: nothing but the essential result is printed.
        as_json: nothing but one JSON object is printed on standard output.
        stdout: standard output, whatever becomes of ``sys.stdout`` meanwhile.
    """

    def __init__(self, quiet: bool, as_json: bool, stdout: TextIO) -> None:
        self.quiet, self.as_json, self._stdout = quiet, as_json, stdout

    @property
    def progress(self) -> bool:
        """Whether bars are shown."""
        return not self.quiet

    def say(self, line: str = "") -> None:
        """Tell a person something on the way, or what to do next."""
        if not self.quiet:
            print(line, file=sys.stderr if line.startswith(("Warning:", "Note:")) else sys.stdout, flush=True)

    def listen(self) -> None:
        """Hear an interrupt that was lost while something was imported: torch's C code, for one, drops it.

        Raises:
            KeyboardInterrupt: if there was one.
        """
        if getattr(signal.getsignal(signal.SIGINT), "received", None) is not None:
            raise KeyboardInterrupt

    def show(self, renderable: Any, console: Console | None = None) -> None:
        """Print a table of ``rich`` that is itself the result."""
        if not self.as_json:
            from rich.console import Console

            console = console or Console()
            console.file = self._stdout
            console.print(renderable)

    def result(self, brief: object | None, **facts: Any) -> None:
        """Give the result, once: where nothing else is printed, a script reads it.

        Args:
            brief: what ``--quiet`` prints, such as the path of the file that was written; nothing if the exit code
                says it all.
            facts: the object that ``--json`` prints; paths become text.
        """
        if self.as_json:
            print(json.dumps(facts, default=str), file=self._stdout, flush=True)
        elif self.quiet and brief is not None:
            print(brief, file=self._stdout, flush=True)


@contextmanager
def talking(quiet: bool = False, as_json: bool = False, *, if_interrupted: str = "") -> Iterator[Output]:
    """Keep ``--quiet`` and ``--json``, whoever prints inside the block.

    Args:
        quiet: print nothing but errors and the essential result.
        as_json: print one JSON object on standard output, and all else on standard error.
        if_interrupted: what then has become of the work, and how to go on; a sentence.

    Raises:
        KeyboardInterrupt: with those words, unless the work had better ones.
    """
    stdout, before = sys.stdout, logging.root.manager.disable
    with ExitStack() as stack:
        if quiet:
            stack.enter_context(redirect_stdout(stack.enter_context(open(os.devnull, "w"))))
            stack.enter_context(redirect_stderr(_NoTerminal(sys.stderr)))
            logging.disable(logging.WARNING)
            stack.callback(logging.disable, before)
        elif as_json:
            stack.enter_context(redirect_stdout(sys.stderr))
        try:
            yield Output(quiet, as_json, stdout)
        except KeyboardInterrupt as interrupt:
            raise (interrupt if interrupt.args else KeyboardInterrupt(if_interrupted)) from None


def is_colorful(stream: TextIO) -> bool:
    """Whether colours do any good: on a terminal that has some, unless the user wants none (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class _NoTerminal:
    """A stream on which no bars are drawn."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def isatty(self) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
