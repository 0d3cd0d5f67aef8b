"""Molecules while they grow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gschnet_pyg.generation.starts import FROM_NOTHING, Start


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
        slot: where its geometry is kept.
    """

    number: int
    random: np.random.Generator
    start: int = 0
    conditions: Mapping[str, np.ndarray] = field(default_factory=dict)
    z: list[int] = field(default_factory=list)
    pos: list[np.ndarray] = field(default_factory=list)
    unfinished: list[int] = field(default_factory=list)
    slot: int = 0

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

    def end(self, is_finished: bool) -> Attempt:
        """The molecule as it is."""
        z, pos = np.array(self.z, dtype=np.int64), np.array(self.pos).reshape(-1, 3)
        return Attempt(self.number, z, pos, is_finished, self.start)


@dataclass(frozen=True)
class Attempt:
    """A molecule that is finished, or was abandoned on the way.

    Attributes:
        number: of the molecule in the request, from 0.
        z: ``[N]`` atomic numbers in placement order.
        pos: ``[N, 3]`` Å, relative to the origin token.
        is_finished: every atom is finished; otherwise the molecule outgrew the maximum, stopped before its first
            atom, or no place was possible for the next one.
        start: which of the starts it began with.
    """

    number: int
    z: np.ndarray
    pos: np.ndarray
    is_finished: bool
    start: int = 0


@dataclass(frozen=True)
class StepView:
    """One step of one molecule, for observers.

    Attributes:
        molecule: before the step is taken.
        focus: focused atom, ``-1`` for the origin.
        type_logp: ``[T + 1]`` log-probabilities of the next types and of *stop*.
        next_z: type drawn; the stop token's type for *stop*.
    """

    molecule: PartialMolecule
    focus: int
    type_logp: np.ndarray
    next_z: int
