"""Loaders: what is random, and what must not be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gschnet_pyg.contracts import Cutoffs, Growth, Noise, PlacementSteps, Vocabulary
from gschnet_pyg.data.datamodule import FILLER, Loading, MoleculeDataModule, Share, TrajectorySampler, Visit
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
        gap=np.linspace(4.0, 9.0, len(molecules)),
        dipole=np.random.default_rng(0).normal(size=(len(molecules), 3)),
    )
    return open_dataset(tmp_path / "molecules.npz")


def datamodule(dataset: MoleculeDataset, workers: int = 0, steps: int | None = 3, **settings) -> MoleculeDataModule:
    split = draw_split(np.ones(len(dataset), dtype=bool), 5, 3, 0)
    loading = Loading(2, steps, workers, workers, workers)
    return MoleculeDataModule(dataset, split, Vocabulary(), Cutoffs(), loading, seed=11, **settings)


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
    indices, seeds, fills = zip(*sampler, strict=True)
    assert sorted(indices) == list(range(50))
    assert len(set(seeds)) == 50
    assert list(indices) != sorted(indices)
    assert not any(fills)


@pytest.mark.parametrize("n_molecules", [0, 2, 8, 13, 16])
@pytest.mark.parametrize("n_processes", [2, 4])
def test_processes_share_the_batches_of_one(n_molecules: int, n_processes: int) -> None:
    """The same molecules with the same seeds, each once; everybody has a part in every batch."""
    size = 4

    def batches(rank: int, n: int, done: int = 0) -> list[list[Visit]]:
        sampler = TrajectorySampler(n_molecules, seed=3, share=Share(size, rank, n))
        visits = list(sampler)
        assert len(visits) == len(sampler)
        sampler.done = (0, done)
        visits = list(sampler)
        return [visits[start : start + size // n] for start in range(0, len(visits), size // n)]

    for done in (0, 4):
        together = [
            sorted(visit for batch in shares for visit in batch if not visit.is_filler)
            for shares in zip(*(batches(rank, n_processes, done) for rank in range(n_processes)), strict=True)
        ]
        assert together == [sorted(batch) for batch in batches(0, 1, done)]


def test_an_empty_share_is_marked(dataset: MoleculeDataset) -> None:
    split = draw_split(np.ones(len(dataset), dtype=bool), 5, 3, 0)
    loaders = [
        MoleculeDataModule(dataset, split, Vocabulary(), Cutoffs(), Loading(4, rank=rank, n_processes=2))
        for rank in (0, 1)
    ]
    marks = [[FILLER in batch for batch in module.train_dataloader()] for module in loaders]
    assert marks == [[False, False], [False, True]]
    n_steps = [sum(b.n_steps for b in module.val_dataloader() if FILLER not in b) for module in loaders]
    assert sum(n_steps) == 2 * sum(len(dataset[row].z) for row in split.validation.tolist())


def test_batches_move_between_devices_as_one(dataset: MoleculeDataset) -> None:
    batch = next(iter(datamodule(dataset).train_dataloader()))
    assert isinstance(batch, PlacementSteps)
    moved = batch.to("meta")
    assert moved.pair_distance.device.type == "meta"
    assert {part.device.type for part in moved.pairs if isinstance(part, torch.Tensor)} == {"meta"}
    assert moved.n_steps == 6
    with pytest.raises(TypeError, match="collate molecules"):
        batch.__inc__("next_class", None)


def test_conditions_travel_with_their_molecules(dataset: MoleculeDataset) -> None:
    module = datamodule(dataset, conditions=("dipole", "gap"))
    rows = module.split.validation
    for name in ("gap", "dipole"):
        batches = [batch.conditions[name] for batch in module.val_dataloader()]
        assert {batch.dtype for batch in batches} == {torch.float32}
        np.testing.assert_allclose(torch.cat(batches), dataset.properties[name].values[rows], rtol=1e-6)
    # shuffled, they stay with their atoms
    gap_of = {len(dataset[row].z): float(dataset[row].gap) for row in module.split.train.tolist()}
    for batch in datamodule(dataset, steps=None, conditions=("gap",)).train_dataloader():
        n_atoms = torch.bincount(batch.step_molecule) // 2  # every atom is placed once and stopped once
        assert [gap_of[n] for n in n_atoms.tolist()] == pytest.approx(batch.conditions["gap"][:, 0].tolist())


def test_a_batch_carries_no_more_than_the_model_reads(dataset: MoleculeDataset) -> None:
    for wanted in ((), ("gap",)):
        batch = next(iter(datamodule(dataset, conditions=wanted).train_dataloader()))
        assert tuple(batch.conditions) == wanted
    with pytest.raises(KeyError, match="homo"):
        next(iter(datamodule(dataset, conditions=("homo",)).train_dataloader()))


def test_molecules_grow_as_they_are_told(dataset: MoleculeDataset) -> None:
    """From nothing in 2N steps; from a fragment in fewer, and without the origin token if so wanted."""

    def n_steps(**settings) -> int:
        return sum(batch.n_steps for batch in datamodule(dataset, steps=None, **settings).val_dataloader())

    n_atoms = sum(len(dataset[row].z) for row in datamodule(dataset).split.validation.tolist())
    assert n_steps() == 2 * n_atoms
    fragment = Growth(has_origin=False, fragment_share=0.9, finished_fragment=True)
    assert n_steps(growth=fragment) < 2 * n_atoms
    for growth in (Growth(), fragment):
        for batch in datamodule(dataset, growth=growth).val_dataloader():
            predicts = batch.predictor_node[batch.predictor_node < len(batch.node_type)]
            asks_origin = batch.node_type[predicts] == Vocabulary().origin_node
            assert bool(asks_origin.any()) == growth.has_origin


def test_only_training_sees_noise(dataset: MoleculeDataset) -> None:
    plain, noisy = (datamodule(dataset, noise=noise) for noise in (Noise(), Noise(0.1, 0.1)))
    assert len(noisy.split.validation) == 3
    assert equal(content(plain.val_dataloader()), content(noisy.val_dataloader()))
    assert not equal(content(plain.train_dataloader()), content(noisy.train_dataloader()))
    first, second = ([batch.next_class for batch in module.train_dataloader()] for module in (plain, noisy))
    assert equal(first, second)  # the molecules grow as they would
    assert equal(
        content(noisy.train_dataloader()), content(datamodule(dataset, 2, noise=Noise(0.1, 0.1)).train_dataloader())
    )
    tested = [
        MoleculeDataModule(
            dataset, draw_split(np.ones(8, dtype=bool), 3, 2, 3), Vocabulary(), Cutoffs(), Loading(2), noise=noise
        )
        for noise in (Noise(), Noise(0.1, 0.1))
    ]
    assert equal(*(content(module.test_dataloader()) for module in tested))
