"""Batches of prediction steps for Lightning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader, Dataset, Sampler
from torch_geometric.data import Data

from gschnet_pyg.contracts import Cutoffs, Growth, Noise, PlacementSteps, Vocabulary
from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.data.splits import Split
from gschnet_pyg.trajectory.collate import PlacementCollate

FILLER = "is_filler"
"""Mark of a batch that counts for nothing: this process has no share of it, but takes part with all others."""


class Visit(NamedTuple):
    """One molecule in one pass: its row, the seed of its trajectory, and whether it only fills an empty share."""

    row: int
    seed: int
    is_filler: bool = False


class SeededMolecules(Dataset[Data]):
    """Molecules that carry the seed of their next trajectory; asked for by visit."""

    def __init__(self, molecules: MoleculeDataset) -> None:
        self.molecules = molecules

    def __len__(self) -> int:
        return len(self.molecules)

    def __getitem__(self, visit: Visit) -> Data:
        molecule = self.molecules[visit.row]
        molecule.seed = visit.seed
        if visit.is_filler:
            molecule[FILLER] = True
        return molecule


class _MarkingCollate:
    """A collate that says which molecules a batch is made of, and marks that of a filler."""

    def __init__(self, collate: PlacementCollate) -> None:
        self.collate = collate

    def __call__(self, molecules: Sequence[Data]) -> PlacementSteps:
        steps = self.collate(molecules)
        steps.ids = np.array([int(molecule.id) for molecule in molecules])
        steps.seeds = np.array([int(molecule.seed) for molecule in molecules])
        if FILLER in molecules[0]:
            steps[FILLER] = True
        return steps


@dataclass(frozen=True)
class Share:
    """What one process of several takes of every batch.

    Args:
        batch_size: molecules of a batch, of all processes; a multiple of their number.
        rank: number of this process.
        n_processes: how many share a batch.
    """

    batch_size: int = 1
    rank: int = 0
    n_processes: int = 1

    def of(self, batch: np.ndarray) -> np.ndarray:
        """Every n-th molecule, so that the shares of a last, smaller batch differ by one at most."""
        return batch[self.rank :: self.n_processes]


class TrajectorySampler(Sampler[Visit]):
    """Positions and trajectory seeds of one pass over the data.

    A seed depends on the run's seed, the epoch and the molecule, and so on neither the batch nor the
    worker or process that happens to expand it. Batches consist of the same molecules however many processes share
    them, and every process sees all batches: where the last one is too small for all, some get a filler.

    Args:
        n_molecules: size of the dataset.
        seed: of the run.
        fixed: keep order and seeds the same in every epoch, as validation needs.
        share: of this process.
    """

    def __init__(
        self,
        n_molecules: int,
        seed: int,
        fixed: bool = False,
        share: Share = Share(),
    ) -> None:
        self.n_molecules, self.seed, self.fixed, self.share = n_molecules, seed, fixed, share
        self.epoch = 0
        self.done = (0, 0)  # epoch that was interrupted, and the molecules of it that were seen

    def __len__(self) -> int:
        n_whole, rest = divmod(self.n_molecules, self.share.batch_size)
        last = max(1, len(self.share.of(np.arange(rest)))) if rest else 0
        return n_whole * (self.share.batch_size // self.share.n_processes) + last

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before every pass."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[Visit]:
        entropy = np.random.SeedSequence((self.seed, 0 if self.fixed else self.epoch + 1))
        for_seeds, for_order = entropy.spawn(2)
        seeds = for_seeds.generate_state(self.n_molecules, np.uint64) >> np.uint64(1)
        order = np.arange(self.n_molecules)
        if not self.fixed:
            np.random.default_rng(for_order).shuffle(order)
        first = self.done[1] if self.epoch == self.done[0] else 0
        for start in range(first, self.n_molecules, self.share.batch_size):
            batch = order[start : start + self.share.batch_size]
            mine = self.share.of(batch)
            rows = mine if len(mine) else batch[:1]
            for row, seed in zip(rows.tolist(), seeds[rows].tolist(), strict=True):
                yield Visit(row, seed, is_filler=len(mine) == 0)


@dataclass(frozen=True)
class Loading:
    """How batches are made.

    Args:
        batch_size: molecules per batch, of all processes.
        steps_drawn: steps drawn per molecule and epoch; none takes all.
        train_workers, validation_workers, test_workers: processes that build batches; 0 builds them in
            the training process.
        rank, n_processes: number of this process among those that share every batch, and how many these are.
        dtype: of distances and conditions, that of the model.
    """

    batch_size: int
    steps_drawn: int | None = None
    train_workers: int = 0
    validation_workers: int = 0
    test_workers: int = 0
    rank: int = 0
    n_processes: int = 1
    dtype: torch.dtype = torch.float32


class MoleculeDataModule(LightningDataModule):
    """Loaders over the parts of a split.

    Args:
        dataset: all molecules.
        split: which of them train, validate and test.
        vocabulary, cutoffs: of the model.
        loading: how batches are made.
        conditions: properties that the model is conditioned on.
        seed: of the run.
        growth: how the trajectories grow.
        noise: on what the model sees in training; validation and test are without.
    """

    def __init__(
        self,
        dataset: MoleculeDataset,
        split: Split,
        vocabulary: Vocabulary,
        cutoffs: Cutoffs,
        loading: Loading,
        conditions: Sequence[str] = (),
        seed: int = 0,
        growth: Growth = Growth(),  # noqa: B008 (frozen)
        noise: Noise = Noise(),  # noqa: B008 (frozen)
    ) -> None:
        super().__init__()
        self.dataset, self.split, self.loading, self.seed = dataset, split, loading, seed
        self.collate, self.noisy_collate = (
            PlacementCollate(vocabulary, cutoffs, loading.steps_drawn, conditions, growth, of_positions, loading.dtype)
            for of_positions in (Noise(), noise)
        )
        self._done = (0, 0)

    def state_dict(self) -> dict[str, int]:
        """Where in an epoch a checkpoint was written, so that a resumed run goes on with the molecules not yet seen."""
        assert self.trainer is not None
        # a batch counts as completed only when all callbacks have seen it, that which writes the checkpoint too
        batches = self.trainer.fit_loop.epoch_loop.batch_progress.current.processed  # type: ignore[attr-defined]
        return {"epoch": self.trainer.current_epoch, "molecules": batches * self.loading.batch_size}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Called by Lightning before a resumed run asks for its loaders."""
        self._done = (state_dict["epoch"], state_dict["molecules"])

    def train_dataloader(self) -> DataLoader[PlacementSteps]:
        """Shuffled anew, with new trajectories, in every epoch."""
        loader = self._loader(self.split.train, self.loading.train_workers, fixed=False)
        loader.sampler.done = self._done  # type: ignore[attr-defined]
        # workers fetch the first molecules when the loader is asked, before Lightning has named the epoch
        loader.sampler.set_epoch(self._done[0])  # type: ignore[attr-defined]
        return loader

    def val_dataloader(self) -> DataLoader[PlacementSteps]:
        """The same trajectories in every epoch."""
        return self._loader(self.split.validation, self.loading.validation_workers, fixed=True)

    def test_dataloader(self) -> DataLoader[PlacementSteps]:
        """The same trajectories whenever it is asked."""
        return self._loader(self.split.test, self.loading.test_workers, fixed=True)

    def _loader(self, rows: np.ndarray, n_workers: int, fixed: bool) -> DataLoader[PlacementSteps]:
        molecules, loading = SeededMolecules(self.dataset.subset(rows)), self.loading
        share = Share(loading.batch_size, loading.rank, loading.n_processes)
        return DataLoader(
            molecules,  # type: ignore[arg-type]
            batch_size=loading.batch_size // loading.n_processes,
            sampler=TrajectorySampler(len(molecules), self.seed, fixed, share),  # type: ignore[arg-type]
            collate_fn=_MarkingCollate(self.collate if fixed else self.noisy_collate),
            num_workers=n_workers,
            persistent_workers=n_workers > 0,
            pin_memory=self.trainer is not None and self.trainer.strategy.root_device.type == "cuda",
        )
