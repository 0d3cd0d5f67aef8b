"""The two formulations behind one face."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from benchmarks.cases import OURS
from benchmarks.plain.data import training_graphs
from benchmarks.plain.model import PlainGSchNet, plain_loss
from benchmarks.plain.sampler import generate_plain
from gschnet_pyg.allocation import keep_freed_memory
from gschnet_pyg.generation.sampler import GenerationSettings, generate
from gschnet_pyg.model.gschnet import GSchNet
from gschnet_pyg.training.losses import placement_loss
from gschnet_pyg.training.optimisation import Optimisation, Precision
from gschnet_pyg.trajectory.collate import PlacementCollate


class Formulation(Protocol):
    """What is timed."""

    model: nn.Module

    def batch(self, molecules: Sequence[Data], steps_drawn: int | None) -> Any:
        """Training steps of molecules, on the device."""

    def loss(self, batch: Any) -> Tensor:
        """Loss of a batch."""

    def optimizer(self) -> torch.optim.Optimizer:
        """Adam over the weights."""

    def generate(self, settings: GenerationSettings) -> int:
        """Generate molecules; returns the number of atoms placed."""


class Ours:
    """This package."""

    def __init__(self, model: GSchNet, precision: Precision = "float32") -> None:
        self.model, self.precision = model, precision
        keep_freed_memory()  # as training does

    def batch(self, molecules: Sequence[Data], steps_drawn: int | None) -> Any:
        collate = PlacementCollate(self.model.vocabulary, self.model.cutoffs, steps_drawn)
        return collate(molecules).to(_device(self.model))

    def loss(self, batch: Any) -> Tensor:
        is_half = self.precision == "bfloat16"
        with torch.autocast(_device(self.model).type, torch.bfloat16, enabled=is_half):
            prediction = self.model(batch)
        return placement_loss(prediction, batch, self.model.bins).total

    def optimizer(self) -> torch.optim.Optimizer:
        return Optimisation().optimizer_of(self.model.parameters())

    def generate(self, settings: GenerationSettings) -> int:
        return sum(len(attempt.z) for attempt in generate(self.model, settings))


class Plain:
    """The plain formulation with the same weights."""

    def __init__(self, model: GSchNet) -> None:
        self.model = PlainGSchNet.with_weights_of(model).train(model.training)

    def batch(self, molecules: Sequence[Data], steps_drawn: int | None) -> Any:
        graphs = training_graphs(molecules, self.model.vocabulary, self.model.cutoffs, steps_drawn)
        return graphs.to(_device(self.model))

    def loss(self, batch: Any) -> Tensor:
        type_logp, distance_logp = self.model(batch)
        return plain_loss(type_logp, distance_logp, batch, self.model.bins)

    def optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.model.parameters(), lr=1e-4)

    def generate(self, settings: GenerationSettings) -> int:
        return sum(len(molecule.z) for molecule in generate_plain(self.model, settings))


def formulation(name: str, model: GSchNet, precision: Precision = "float32") -> Formulation:
    """One of the two by its name; the precision is that of this package's products."""
    return Ours(model, precision) if name == OURS else Plain(model)


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device
