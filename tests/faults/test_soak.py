"""Very many molecules generated and judged: what they take of memory does not grow with their number.

100,000 of them, which takes about ten minutes; ``GSCHNET_SOAK=5000`` is a short one.
"""

from __future__ import annotations

import json
import os
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import connect

import pytest

from tests.faults.memory import Watched, watched
from tests.faults.test_many_judged import WORKERS
from tests.integration.conftest import NO_WORKERS, TINY

N_MOLECULES = int(os.environ.get("GSCHNET_SOAK", "100000"))

RECIPE = """
kind: generate
run: runs/soak
batch_size: 128
max_atoms: 12
grid_spacing: 0.3  # Å: a model this young is unsure where atoms belong, and a fine grid takes it five times as long
temperature: 0.02
"""

PER_MOLECULE = {"generate": 300, "report": 1000}
"""Bytes by which the peak may grow; a report holds a verdict on each."""

ROOM = 4 << 20
"""Bytes of buffers that fill up, and then are emptied."""


@dataclass
class Soak:
    """What was made of a number of molecules, and what it took."""

    output: Path
    generate: Watched
    report: Watched


@pytest.fixture(scope="module")
def soaks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Soak, Soak]:
    """A quarter of the molecules, and all of them."""
    folder = tmp_path_factory.mktemp("soak")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        split = "split={train: 1000, validation: 32, test: 0, hold_out: [], file: null}"
        more = ("training.max_steps=300", "training.optimizer={kind: adam, learning_rate: 5e-3}", "run.id=soak")
        trained = watched("train", "demo", *TINY, *NO_WORKERS, split, *more, cwd=folder)
        assert trained.code == 0, trained.err
        (folder / "soak.yaml").write_text(RECIPE)
        return _soak(folder, N_MOLECULES // 4), _soak(folder, N_MOLECULES)


def _soak(folder: Path, n_molecules: int) -> Soak:
    output = folder / f"{n_molecules}.db"
    made = watched("generate", "soak.yaml", "-n", n_molecules, "-o", output, cwd=folder)
    assert made.code == 0, made.err
    judged = watched("report", output, "--sample", 0, cwd=folder)
    assert judged.code == 0, judged.err
    return Soak(output, made, judged)


@pytest.mark.slow
def test_all_of_them_are_there_and_counted(soaks):
    folder, output = soaks[1].output.parent, soaks[1].output
    assert watched("report", output, "--sample", 0, "--json", "report.json", cwd=folder).code == 0
    with closing(connect(output)) as database:
        ((n_rows,),) = database.execute("SELECT COUNT(*) FROM systems")
    report = json.loads((folder / "report.json").read_text())
    assert report["requested"] == N_MOLECULES
    assert 0 < report["finished"] == n_rows == len(report["verdicts"])
    assert report["rdkit"]["failures"].get("unfinished", 0) == N_MOLECULES - n_rows
    assert report["rdkit"]["valid"]["of"] == N_MOLECULES


@pytest.mark.slow
@pytest.mark.parametrize("name", ["generate", "report"])
def test_memory_hardly_grows_with_their_number(soaks, name):
    few, many = (getattr(soak, name) for soak in soaks)
    assert many.peak - few.peak < ROOM + PER_MOLECULE[name] * (N_MOLECULES - N_MOLECULES // 4)
    assert many.worker_peak - few.worker_peak < WORKERS
