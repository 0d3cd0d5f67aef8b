"""Loaders: what is random, and what must not be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gschnet_pyg.contracts import Cutoffs, PlacementSteps, Vocabulary
from gschnet_pyg.data.datamodule import Loading, MoleculeDataModule, TrajectorySampler
from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.data.sources import open_dataset
from gschnet_pyg.data.splits import draw_split
from tests.molecules import SMILES, coordinates


@pytest.fixture
def dataset(tmp_path: Path) -> MoleculeDataset:
    molecules = [coordinates(smiles) for smiles in SMILES]
    np.savez(
        tmp_path / "molecules.npz",
        n_atoms=[len(z) for z, _ in molecules],
        z=np.concatenate([z for z, _ in molecules]),
        pos=np.concatenate([pos for _, pos in molecules]),
    )
    return open_dataset(tmp_path / "molecules.npz")


def datamodule(dataset: MoleculeDataset, workers: int = 0) -> MoleculeDataModule:
    split = draw_split(np.ones(len(dataset), dtype=bool), 5, 3, 0)
    loading = Loading(2, 3, workers, workers, workers)
    return MoleculeDataModule(dataset, split, Vocabulary(), Cutoffs(), loading, seed=11)


def content(loader) -> list[torch.Tensor]:
    return [torch.cat([batch.next_class, batch.labelled_distance]) for batch in loader]


def equal(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_validation_trajectories_do_not_change_between_epochs(dataset: MoleculeDataset) -> None:
    loader = datamodule(dataset).val_dataloader()
    first = content(loader)
    loader.sampler.set_epoch(7)
    assert equal(first, content(loader))


def test_training_trajectories_change_between_epochs_and_come_back(dataset: MoleculeDataset) -> None:
    loader = datamodule(dataset).train_dataloader()
    first = content(loader)
    loader.sampler.set_epoch(1)
    second = content(loader)
    loader.sampler.set_epoch(0)
    assert not equal(first, second)
    assert equal(first, content(loader))


def test_the_number_of_workers_does_not_matter(dataset: MoleculeDataset) -> None:
    assert equal(content(datamodule(dataset).train_dataloader()), content(datamodule(dataset, 2).train_dataloader()))


def test_every_molecule_is_visited_once_per_epoch() -> None:
    sampler = TrajectorySampler(50, seed=3)
    indices, seeds = zip(*sampler, strict=True)
    assert sorted(indices) == list(range(50))
    assert len(set(seeds)) == 50
    assert list(indices) != sorted(indices)


def test_batches_move_between_devices_as_one(dataset: MoleculeDataset) -> None:
    batch = next(iter(datamodule(dataset).train_dataloader()))
    assert isinstance(batch, PlacementSteps)
    moved = batch.to("meta")
    assert moved.filter_row.device.type == "meta"
    assert moved.n_steps == 6
    with pytest.raises(TypeError, match="collate molecules"):
        batch.__inc__("next_class", None)
