"""The seed of a recipe decides everything; nothing else does."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from gschnet_pyg.model.storage import load_model
from tests.integration.conftest import TARGETS, Command, generated, train

STEPS = (
    "training.max_steps=8",
    "training.validate_every=1",
    "training.steps_drawn=4",
    "training.position_noise=0.05",
    "sampling={every: 1, n_molecules: 4, max_atoms: 3}",
)
WORKERS = "training.workers={train: %d, validation: %d, test: %d, preprocessing: %d}"


def weights(directory: Path) -> dict[str, torch.Tensor]:
    return load_model(directory / "model.safetensors").state_dict()


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def molecules(path: str) -> dict[int, tuple[list[int], list[list[float]]]]:
    found = generated(path)
    numbers = found.properties["number"].values[:, 0].astype(int).tolist()
    pieces = (slice(*ends) for ends in pairwise(found.offsets.tolist()))
    return {
        number: (found.z[piece].tolist(), np.round(found.pos[piece], 3).tolist())
        for number, piece in zip(numbers, pieces, strict=True)
    }


def test_one_seed_decides_a_run(command: Command, database: Path) -> None:
    """Neither the state of other generators nor the number of workers does."""
    runs, splits = [], []
    for place, workers in enumerate([(0, 0, 0, 0), (2, 1, 1, 2), (1, 2, 0, 1)]):
        torch.manual_seed(place)
        np.random.seed(place)
        random.seed(place)
        directory = train(command, database, *STEPS, WORKERS % workers, name=f"run{place}")
        runs.append(weights(directory))
        splits.append((directory / "split.npz").read_bytes())
    assert equal(runs[0], runs[1])
    assert equal(runs[0], runs[2])
    assert splits[0] == splits[1] == splits[2]
    other = train(command, database, *STEPS, WORKERS % (0, 0, 0, 0), "seed=1", name="other")
    assert not equal(runs[0], weights(other))
    assert (other / "split.npz").read_bytes() != splits[0]


@pytest.mark.parametrize("batch_size", [37, 1000])
def test_molecules_do_not_depend_on_the_batch(command: Command, conditioned: Path, batch_size: int) -> None:
    arguments = ("generate", conditioned, "-n", 1000, "--max-atoms", 9, *TARGETS)
    outcomes = [
        command(*arguments, "-o", f"{size}.db", "--batch-size", size, "--device", "cpu") for size in (200, batch_size)
    ]
    assert [outcome.code for outcome in outcomes] == [0, 0]
    ours, theirs = molecules(f"{batch_size}.db"), molecules("200.db")
    assert len(theirs) > 100
    differing = [number for number in {*ours, *theirs} if ours.get(number) != theirs.get(number)]
    assert len(differing) <= 1  # by rounding
