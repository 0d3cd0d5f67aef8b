"""Very many molecules generated and judged: what they take of memory does not grow with their number.

20,000 of them, which takes minutes; ``GSCHNET_SOAK=100000`` is the full soak.
"""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path
from sqlite3 import connect

import pytest

from tests.faults.memory import Watched, watched
from tests.integration.conftest import NO_WORKERS, TINY

N_MOLECULES = int(os.environ.get("GSCHNET_SOAK", "20000"))

PER_MOLECULE = {"generate": 100, "report": 1000}
"""Bytes; a report holds a verdict on each."""

ROOM = 16 << 20
"""Bytes that have nothing to do with the number of molecules: buffers that are filled and emptied."""


@pytest.fixture(scope="module")
def soaked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Watched, Watched]:
    """Folder, and the two commands."""
    folder = tmp_path_factory.mktemp("soak")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        split = "split={train: 1000, validation: 32, test: 0, hold_out: [], file: null}"
        more = ("training.max_steps=300", "training.optimizer={kind: adam, learning_rate: 5e-3}", "run.id=soak")
        trained = watched("train", "demo", *TINY, *NO_WORKERS, split, *more, cwd=folder)
        assert trained.code == 0, trained.err
        limits = ("-n", N_MOLECULES, "--max-atoms", 12, "--batch-size", 128)
        made = watched("generate", "runs/soak", *limits, "-o", "molecules.db", cwd=folder)
        judged = watched("report", "molecules.db", "--sample", 0, "--json", "report.json", cwd=folder)
    return folder, made, judged


@pytest.mark.slow
def test_all_of_them_are_there_and_counted(soaked):
    folder, made, judged = soaked
    assert made.code == 0, made.err
    assert judged.code == 0, judged.err
    with closing(connect(folder / "molecules.db")) as database:
        ((n_rows,),) = database.execute("SELECT COUNT(*) FROM systems")
    report = json.loads((folder / "report.json").read_text())
    assert report["requested"] == N_MOLECULES
    assert 0 < report["finished"] == n_rows == len(report["verdicts"])
    assert report["rdkit"]["failures"].get("unfinished", 0) == N_MOLECULES - n_rows
    assert report["rdkit"]["valid"]["of"] == N_MOLECULES


@pytest.mark.slow
@pytest.mark.parametrize("name", ["generate", "report"])
def test_memory_does_not_grow_with_their_number(soaked, name):
    """From a quarter of the time on, when everything is imported and warm, to the end."""
    outcome = soaked[1 if name == "generate" else 2]
    parent = outcome.parent
    early, late = parent[len(parent) // 4 : len(parent) // 2], parent[len(parent) // 2 :]
    assert max(late) - max(early) < ROOM + PER_MOLECULE[name] * N_MOLECULES
    half = len(outcome.worker) // 2
    assert max(outcome.worker[half:]) - outcome.worker_peak < ROOM
