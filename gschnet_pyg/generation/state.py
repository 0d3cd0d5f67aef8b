"""Molecules while they grow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from gschnet_pyg.contracts import Cutoffs, PlacementSteps, Vocabulary
from gschnet_pyg.generation.starts import FROM_NOTHING, Start
from gschnet_pyg.neighbors import neighbors
from gschnet_pyg.trajectory.connections import StepTable
from gschnet_pyg.trajectory.steps import PlacedAtoms, expand_steps


@dataclass
class PartialMolecule:
    """A molecule under construction.

    Attributes:
        number: of the molecule in the request.
        random: its own stream, keyed by the seed and the number.
        start: which of the starts it began with.
        conditions: name -> ``[k]``.
        z: atomic numbers in placement order.
        pos: positions in placement order, ``[3]`` Å each, relative to the origin token.
        unfinished: atoms that may still get neighbours.
    """

    number: int
    random: np.random.Generator
    start: int = 0
    conditions: Mapping[str, np.ndarray] = field(default_factory=dict)
    z: list[int] = field(default_factory=list)
    pos: list[np.ndarray] = field(default_factory=list)
    unfinished: list[int] = field(default_factory=list)

    @classmethod
    def begin(cls, seed: int, number: int, starts: Sequence[Start] = FROM_NOTHING) -> PartialMolecule:
        """A molecule as its start has it, with a stream that depends on nothing else in the batch."""
        row = number % len(starts)
        stream = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
        molecule = cls(number, stream, row, starts[row].conditions)
        if (fragment := starts[row].fragment) is not None:
            for z, pos in zip(fragment.z.tolist(), fragment.pos, strict=True):
                molecule.place(z, pos)
            molecule.unfinished = fragment.unfinished
        return molecule

    def choose_focus(self, uniform: float) -> int:
        """An unfinished atom, each with the same chance; ``-1`` (the origin) while there is no atom."""
        return self.unfinished[int(uniform * len(self.unfinished))] if self.z else -1

    def place(self, z: int, pos: np.ndarray) -> None:
        """Add an atom."""
        self.unfinished.append(len(self.z))
        self.z.append(z)
        self.pos.append(pos)

    def focus_pos(self, focus: int) -> np.ndarray:
        """Position ``[3]`` of the focus."""
        return self.pos[focus] if focus >= 0 else np.zeros(3)


def next_steps(
    molecules: Sequence[PartialMolecule],
    focus: Sequence[int],
    vocabulary: Vocabulary,
    cutoffs: Cutoffs,
    has_origin: bool = True,
) -> PlacementSteps:
    """The next step of every molecule, expanded as in training."""
    sizes = np.array([len(molecule.z) for molecule in molecules])
    ptr = np.concatenate([[0], np.cumsum(sizes)])
    z = np.array([atom for molecule in molecules for atom in molecule.z], dtype=np.int64)
    pos = np.array([atom for molecule in molecules for atom in molecule.pos]).reshape(-1, 3)
    near = neighbors(torch.as_tensor(z), torch.as_tensor(pos), torch.as_tensor(ptr), cutoffs)
    table = StepTable(np.arange(len(molecules)), sizes, np.asarray(focus))
    atoms = PlacedAtoms(z, pos, ptr, near.model, near.prediction)
    steps = expand_steps(atoms, table, vocabulary, cutoffs.model, has_origin)
    steps.conditions = {
        name: torch.as_tensor(np.stack([molecule.conditions[name] for molecule in molecules]), dtype=torch.float32)
        for name in molecules[0].conditions
    }
    return steps
