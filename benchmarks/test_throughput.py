"""Throughput of batches, optimisation steps and generation on the built-in molecules: ``make bench``."""

from __future__ import annotations

from itertools import count

import pytest
import torch

from gschnet_pyg.contracts import Cutoffs, PlacementSteps, Vocabulary
from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.data.sources import open_dataset
from gschnet_pyg.generation.sampler import GenerationSettings, generate
from gschnet_pyg.model.gschnet import GSchNet, ModelSettings
from gschnet_pyg.training.losses import placement_loss
from gschnet_pyg.trajectory.collate import PlacementCollate

SIZES = {
    "small": ModelSettings(64, 5, type_layers=4, type_width=128, distance_layers=4, distance_width=128),
    "established": ModelSettings(),
}
BATCHES = {"5 molecules, all steps": (5, None), "48 molecules, 8 steps drawn": (48, 8)}


@pytest.fixture(scope="module")
def molecules() -> MoleculeDataset:
    return open_dataset("demo", properties=())


def collate(molecules: MoleculeDataset, size: int, steps_drawn: int | None, seed: int) -> PlacementSteps:
    batch = [molecules[(seed * size + k) % len(molecules)] for k in range(size)]
    for molecule in batch:
        molecule.seed = seed
    return PlacementCollate(Vocabulary(), Cutoffs(), steps_drawn)(batch)


@pytest.mark.parametrize("batch", BATCHES)
def test_batch(benchmark, molecules: MoleculeDataset, batch: str) -> None:
    seeds = count()
    steps = benchmark(lambda: collate(molecules, *BATCHES[batch], next(seeds)))
    assert steps.n_molecules == BATCHES[batch][0]


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("size", SIZES)
def test_optimisation_step(benchmark, molecules: MoleculeDataset, size: str, batch: str) -> None:
    model = GSchNet(Vocabulary(), Cutoffs(), SIZES[size])
    optimizer = torch.optim.Adam(model.parameters())
    steps = collate(molecules, *BATCHES[batch], 0)

    def step() -> torch.Tensor:
        optimizer.zero_grad()
        loss = placement_loss(model(steps), steps, model.bins).total
        loss.backward()
        optimizer.step()
        return loss.detach()

    assert torch.isfinite(benchmark(step))


@pytest.mark.parametrize("size", SIZES)
def test_generation(benchmark, size: str) -> None:
    torch.manual_seed(0)
    model = GSchNet(Vocabulary(), Cutoffs(), SIZES[size]).eval()
    attempts = benchmark.pedantic(
        lambda: list(generate(model, GenerationSettings(16, max_atoms=10))), rounds=3, warmup_rounds=1
    )
    assert len(attempts) == 16
    benchmark.extra_info["atoms"] = sum(len(attempt.z) for attempt in attempts)
