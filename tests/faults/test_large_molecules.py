"""Molecules of 500 atoms: as many as fit at a time, whatever would fit of small ones."""

from __future__ import annotations

import math
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms

from gschnet_pyg.contracts import Cutoffs
from gschnet_pyg.data.connectivity import connected
from gschnet_pyg.data.sources import open_dataset, read_as_is
from gschnet_pyg.run_directory import RunDirectory
from tests.faults.memory import watched
from tests.integration.conftest import NO_WORKERS, TINY

N_ATOMS = 500
BOUND = 1 << 30
"""Bytes for everything; half of them are PyTorch's and Lightning's own."""


def chain(n_carbons: int, random: np.random.Generator) -> Atoms:
    """An alkane, stretched: 3 n + 2 atoms."""
    along = np.arange(n_carbons)
    side = np.where(along % 2, 0.44, -0.44)
    carbons = np.stack([1.25 * along, side, 0 * side], axis=1)
    out = np.stack([0 * side, np.sign(side) * 0.63, 0.89 + 0 * side], axis=1)
    ends = np.array([carbons[0] + [-0.9, 0.62, 0], carbons[-1] + [0.9, -0.62 * np.sign(side[-1]), 0]])
    pos = np.concatenate([carbons, carbons + out, carbons + out * [1, 1, -1], ends])
    return Atoms("C" * n_carbons + "H" * (len(pos) - n_carbons), pos + random.normal(scale=0.01, size=pos.shape))


def blob(n_atoms: int, random: np.random.Generator) -> Atoms:
    """The densest: a lump of carbon."""
    points = np.argwhere(np.ones((9, 9, 9))) - 4.0
    order = np.argsort((points**2).sum(axis=1), kind="stable")[:n_atoms]
    return Atoms("C" * n_atoms, 1.5 * points[order] + random.normal(scale=0.01, size=(n_atoms, 3)))


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Path:
    """A run that has learnt from lumps and chains of 500 atoms, with a memory that was watched."""
    folder, random = tmp_path_factory.mktemp("large"), np.random.default_rng(0)
    molecules = [make for _ in range(12) for make in (chain(166, random), blob(N_ATOMS, random))]
    ase.io.write(folder / "large.xyz", molecules)
    ase.io.write(folder / "start.xyz", blob(N_ATOMS - 4, random))
    data = open_dataset(folder / "large.xyz", progress=False)
    assert (data.n_atoms == N_ATOMS).all()
    assert connected(data, Cutoffs(), progress=False).all()
    sizes = ("split={train: 16, validation: 4, test: 4, hold_out: [], file: null}", "training.batch_size=4")
    more = ("training.steps_drawn=5", "training.max_steps=6", "training.model_summary=false", "run.id=large")
    outcome = watched(
        "train", "qm9_fast", "data.kind=file", "data.path=large.xyz", *TINY, *NO_WORKERS, *sizes, *more, cwd=folder
    )
    assert outcome.code == 0, outcome.err
    assert "16 molecules" in outcome.out
    assert outcome.peak < BOUND
    return folder


@pytest.mark.slow
def test_they_train_with_some_steps_drawn(large):
    run = RunDirectory(large / "runs" / "large")
    assert run.recipe().training.steps_drawn == 5
    rows = run.metrics_file.read_text().splitlines()
    header = rows[0].split(",")
    losses = [value for row in rows[1:] for name, value in zip(header, row.split(","), strict=True) if "loss" in name]
    assert any(losses)
    assert all(math.isfinite(float(value)) for value in losses if value)


@pytest.mark.slow
def test_they_grow_to_the_largest_number_of_atoms_with_little_memory_for_filters(large):
    outcome = watched(
        *("generate", "runs/large", "-n", 6, "--max-atoms", N_ATOMS, "--start", "start.xyz", "-o", "grown.xyz"),
        "filter_memory=0.01",
        cwd=large,
    )
    assert outcome.code == 0, outcome.err
    assert outcome.peak < BOUND
    nothing = watched(
        "generate", "runs/large", "-n", 4, "--max-atoms", N_ATOMS, "-o", "new.xyz", "filter_memory=0.01", cwd=large
    )
    assert nothing.code == 0, nothing.err
    for name in ("grown.xyz", "new.xyz"):
        if (large / name).stat().st_size:
            n_atoms = np.diff(read_as_is(large / name, progress=False).offsets)
            assert n_atoms.max() <= N_ATOMS
            assert name == "new.xyz" or n_atoms.min() >= N_ATOMS - 4


@pytest.mark.slow
def test_a_start_beyond_the_largest_number_of_atoms_is_refused(large):
    limits = ("-n", 1, "--max-atoms", N_ATOMS - 5, "--start", "start.xyz", "-o", "refused.xyz")
    outcome = watched("generate", "runs/large", *limits, cwd=large)
    assert outcome.code == 2
    assert outcome.err.startswith("error: ")
    assert "max_atoms" in outcome.err
    assert outcome.err.count("\n") == 1
    assert not (large / "refused.xyz").exists()
