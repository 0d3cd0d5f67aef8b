"""Change the code of trajectories, neighbours and validity in small ways, and see whether a test notices.

mutmut makes the mutants, and runs the tests that reach each of them. Those of the first two rooms are all run, of
validity's a random sample. Mutants that no test kills are printed, but for those that ``tests/survivors.toml``
explains. What was run is kept in ``mutants/``: a second call goes on with the rest, a change of the code runs again.

    python tests/mutation.py --minutes 30 --sample 300 --seed 0
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
MUTMUT = Path(sys.executable).with_name("mutmut")
ENTIRE = ("gschnet_pyg.neighbors.*", "gschnet_pyg.trajectory.*")
SAMPLED = "gschnet_pyg.validity.*"
EXPLAINED = Path(__file__).with_name("survivors.toml")
LIVING = ("survived", "no tests")


class Mutant(NamedTuple):
    """A change that no test notices: its name, and the lines that came instead."""

    name: str
    diff: str

    @property
    def added(self) -> tuple[str, ...]:
        return tuple(line[1:].strip() for line in self.diff.splitlines() if line.startswith("+"))

    @property
    def module(self) -> str:
        return self.name.rsplit(".", 1)[0].removeprefix("gschnet_pyg.")


def explained(mutant: Mutant, reasons: Sequence[dict]) -> str | None:
    """Why a mutant may live, if that is known."""
    for reason in reasons:
        beginnings = tuple(reason["lines"])
        if mutant.module == reason["module"] and all(line.startswith(beginnings) for line in mutant.added):
            return str(reason["why"])
    return None


def run(names: Sequence[str], deadline: float, children: int) -> None:
    """Run mutants until the time is over; what was run is stored."""
    command = [MUTMUT, "run", "--max-children", str(children), *names]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CI": "true"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
    try:
        code = process.wait(max(1.0, deadline - time.monotonic()))
    except (subprocess.TimeoutExpired, KeyboardInterrupt) as error:
        os.killpg(process.pid, signal.SIGKILL)  # its workers too
        process.wait()
        if isinstance(error, KeyboardInterrupt):
            raise
    else:
        if code:
            raise SystemExit(f"mutmut ended with exit code {code}")


def all_names() -> list[str]:
    """Of every mutant that was made."""
    described = (json.loads(path.read_text()) for path in sorted((ROOT / "mutants").rglob("*.meta")))
    return [name for each in described for name in each["exit_code_by_key"]]


def lot(name: str, seed: int) -> bytes:
    """That decides whether a mutant is in the sample, whatever becomes of the others."""
    return hashlib.blake2b(f"{seed} {name}".encode()).digest()


def outcomes() -> Iterator[tuple[str, str]]:
    """Name and outcome of every mutant."""
    listed = subprocess.run([MUTMUT, "results", "--all", "true"], cwd=ROOT, capture_output=True, text=True, check=True)
    for line in listed.stdout.splitlines():
        name, _, outcome = line.strip().rpartition(": ")
        if name:
            yield name, outcome


def shown(name: str) -> Mutant:
    """A mutant with what it changes."""
    text = subprocess.run([MUTMUT, "show", name], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    lines = (line for line in text.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---"))
    return Mutant(name, "\n".join(lines))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the mutants, and list those that live; 0 if all were run, and each that lives is explained."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0, help="in all")
    parser.add_argument("--sample", type=int, default=300, help="mutants of validity")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--children", type=int, default=os.cpu_count(), help="mutants that are run at a time")
    options = parser.parse_args(arguments)
    deadline = time.monotonic() + 60 * options.minutes
    run(ENTIRE, deadline, options.children)
    of_validity = [name for name in all_names() if fnmatch(name, SAMPLED)]
    sample = sorted(of_validity, key=lambda name: lot(name, options.seed))[: options.sample]
    run(sample, deadline, options.children)

    chosen = {name for name in all_names() if any(fnmatch(name, pattern) for pattern in ENTIRE)} | set(sample)
    found = {name: outcome for name, outcome in outcomes() if name in chosen}
    reasons = tomllib.loads(EXPLAINED.read_text(encoding="utf-8"))["explained"]
    living = [shown(name) for name, outcome in found.items() if outcome in LIVING]
    unexplained = [mutant for mutant in living if explained(mutant, reasons) is None]
    for mutant in unexplained:
        print(f"\n{mutant.name}\n{mutant.diff}")
    counts = Counter(found.values())
    print(f"\n{len(found):,} mutants: " + ", ".join(f"{n:,} {outcome}" for outcome, n in counts.most_common()))
    print(f"{len(living):,} live: {len(living) - len(unexplained):,} explained, {len(unexplained):,} to be killed")
    if n_left := counts["not checked"]:
        print(f"The time was over with {n_left:,} still to be run; call it again to go on.")
    return int(bool(unexplained) or n_left > 0)


if __name__ == "__main__":
    sys.exit(main())
