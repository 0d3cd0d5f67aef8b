"""Commands in processes of their own, and the memory that they allocate."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

_INTERVAL = 0.05  # seconds between looks
_LASTING = 4  # looks


@dataclass
class Watched:
    """A command that has ended.

    Attributes:
        code: its exit status.
        out, err: what it said.
        parent: bytes of anonymous memory that the command's own process had at each look; mapped files do not count.
        worker: the same of the largest of the processes that it had started.
    """

    code: int
    out: str
    err: str
    parent: list[int] = field(default_factory=list)
    worker: list[int] = field(default_factory=list)

    @property
    def peak(self) -> int:
        return max(self.parent)

    @property
    def worker_peak(self) -> int:
        """What lasted: a process that is being started is a copy of its parent for a moment."""
        return max((min(self.worker[first : first + _LASTING]) for first in range(len(self.worker))), default=0)


def watched(*arguments: object, cwd: Path) -> Watched:
    """``gschnet-pyg`` with arguments, watched."""
    command = [sys.executable, "-c", "from gschnet_pyg.cli import main; main()", *map(str, arguments)]
    paths = os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]))
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    with (cwd / "out.txt").open("w+") as out, (cwd / "err.txt").open("w+") as err:
        process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=out, stderr=err, stdin=subprocess.DEVNULL)
        found = Watched(0, "", "")
        while process.poll() is None:
            found.parent.append(anonymous(process.pid))
            found.worker.append(max(map(anonymous, descendants(process.pid)), default=0))
            time.sleep(_INTERVAL)
        found.code = process.returncode
        out.seek(0), err.seek(0)
        found.out, found.err = out.read(), err.read()
    return found


def anonymous(pid: int) -> int:
    """Bytes that a process has allocated and touched; 0 once it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon:")), 0)


def descendants(pid: int) -> list[int]:
    """Processes that a process has started, and that these have started, as far as they are there."""
    try:
        texts = [task.joinpath("children").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return []
    children = [int(child) for text in texts for child in text.split()]
    return [each for child in children for each in (child, *descendants(child))]
