"""One of the processes that :mod:`gschnet_pyg.run.launching` starts."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from multiprocessing.connection import Connection
from typing import Any

from gschnet_pyg.errors import GschnetError


def main() -> None:
    """Do what the starter asks for, and tell it how that went.

    The only argument is the number of the open file that leads to the starter.
    """
    if os.environ["LOCAL_RANK"] == "0":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # after tidying up
    else:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first one sees to the interrupts of all
    connection = Connection(int(sys.argv[1]))
    code = 1
    try:
        verb, recipe, options = connection.recv()
        threading.Thread(target=_end_with_the_starter, args=(connection,), daemon=True).start()
        connection.send(("result", _verbs()[verb](recipe, say=lambda line: connection.send(("line", line)), **options)))
        code = 0
    except KeyboardInterrupt as interrupt:
        connection.send(("interrupted", interrupt.args))
    except (GschnetError, OSError) as error:
        connection.send(("error", error))
    except BaseException:
        connection.send(("crash", traceback.format_exc()))
    sys.exit(code)


def _verbs() -> dict[str, Any]:
    from gschnet_pyg import run  # takes seconds, in which an interrupt shall be heard already

    return {"train": run.train, "generate": run.generate}


def _end_with_the_starter(connection: Connection) -> None:
    """Nobody is left to work for when the connection breaks off."""
    try:
        connection.recv()
    except (EOFError, OSError):
        os._exit(1)
