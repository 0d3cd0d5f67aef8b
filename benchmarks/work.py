"""The work of one case in one formulation, done in a process of its own."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.agreement import equal_molecules, training_differences
from benchmarks.breakdown import generation_breakdown, training_breakdown
from benchmarks.cases import QM9, GenerationCase, TrainingCase
from benchmarks.formulations import formulation
from benchmarks.memory import PeakMemory
from benchmarks.molecules import Chains, SmallMolecules
from gschnet_pyg.contracts import Cutoffs, Vocabulary
from gschnet_pyg.model.gschnet import GSchNet
from gschnet_pyg.model.storage import load_model

PRODUCT_SIZE = 2048


@dataclass(frozen=True)
class Setting:
    """Where and with what a run measures.

    Args:
        device: of PyTorch.
        data: what ``open_dataset`` opens.
        model: file of a trained model.
    """

    device: str
    data: str
    model: Path


class Work(ABC):
    """What every kind of work tells of itself."""

    large: Product
    memory: PeakMemory

    @abstractmethod
    def round(self, number: int) -> int:
        """What is timed; returns the number of molecules or atoms."""

    def product(self) -> float:
        """Time of a large product of matrices, s: what the machine can do."""
        return self.large.seconds()

    def figures(self, number: int) -> dict[str, float]:
        """Memory so far, operations of a round, and threads."""
        peak = self.memory.read()
        with FlopCounterMode(display=False) as counter:
            self.round(number)
        return {"peak_memory": peak, "operations": counter.get_total_flops(), "threads": torch.get_num_threads()}


class TrainingWork(Work):
    """Optimisation steps with fresh molecules: batch, forward, backward, Adam."""

    def __init__(self, case: TrainingCase, name: str, setting: Setting) -> None:
        torch.manual_seed(0)
        self.case, self.device = case, torch.device(setting.device)
        self.model = GSchNet(Vocabulary(), case.cutoffs, case.settings).to(self.device)
        self.subject = formulation(name, self.model, case.precision)
        self.optimizer = self.subject.optimizer()
        self.molecules = SmallMolecules(setting.data) if case.n_atoms is None else Chains(case.n_atoms)
        # libraries, gradients, the optimiser's state and the product's matrices are there before memory is read
        self.step(1, 0, 1)
        self.large = Product(self.device)
        self.memory = PeakMemory(self.device)

    def step(self, batch_size: int, number: int, steps_drawn: int | None) -> None:
        """One optimisation step."""
        batch = self.subject.batch(self.molecules.batch(batch_size, number), steps_drawn)
        self.optimizer.zero_grad()
        self.subject.loss(batch).backward()
        self.optimizer.step()
        synchronise(self.device)

    def round(self, number: int) -> int:
        """What is timed; returns the number of molecules."""
        self.step(self.case.batch_size, number, self.case.steps_drawn)
        return self.case.batch_size

    def differences(self) -> dict[str, float]:
        """Between the formulations, on a few molecules."""
        molecules = self.molecules.batch(min(self.case.batch_size, 6), 0)
        return training_differences(self.model, molecules, self.case.steps_drawn)

    def breakdown(self) -> dict[str, float]:
        """Share of every part of the work."""
        return training_breakdown(
            self.subject,
            self.optimizer,
            lambda number: self.molecules.batch(self.case.batch_size, number),
            self.case.steps_drawn,
            self.device,
        )

    def mean_atoms(self) -> float:
        """Of the small molecules, or of the chains."""
        return float(self.case.n_atoms or self.molecules.mean_atoms())


class GenerationWork(Work):
    """Molecules generated from the same seed, over and over."""

    def __init__(self, case: GenerationCase, name: str, setting: Setting) -> None:
        torch.manual_seed(0)
        self.case, self.device = case, torch.device(setting.device)
        model = load_model(setting.model) if case.is_trained else GSchNet(Vocabulary(), Cutoffs(), QM9)
        self.model = model.eval().to(self.device)
        self.subject = formulation(name, self.model)
        self.subject.generate(replace(case.settings, n_molecules=2))
        self.large = Product(self.device)
        self.memory = PeakMemory(self.device)

    def round(self, number: int) -> int:
        """What is timed; returns the number of atoms placed."""
        n_atoms = self.subject.generate(self.case.settings)
        synchronise(self.device)
        return n_atoms

    def equal_share(self, n_molecules: int) -> float:
        """Share of molecules that both formulations generate alike."""
        settings = replace(self.case.settings, n_molecules=n_molecules, batch_size=n_molecules)
        return equal_molecules(self.model, settings) / n_molecules

    def breakdown(self) -> dict[str, float]:
        """Share of every part of the work."""
        return generation_breakdown(self.subject, self.case.settings)


Work = TrainingWork | GenerationWork


def begin(case: TrainingCase | GenerationCase, name: str, setting: Setting) -> Work:
    """The work of a case."""
    return (TrainingWork if isinstance(case, TrainingCase) else GenerationWork)(case, name, setting)


class Product:
    """A large product of matrices, what the machine can do; its memory is kept, not to be seen as that of the work."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.square = torch.rand(PRODUCT_SIZE, PRODUCT_SIZE, device=device)
        self.result = self.square @ self.square

    def seconds(self) -> float:
        """Time of one."""
        synchronise(self.device)
        start = time.perf_counter()
        torch.mm(self.square, self.square, out=self.result)
        synchronise(self.device)
        return time.perf_counter() - start


def synchronise(device: torch.device) -> None:
    """Wait for the device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
