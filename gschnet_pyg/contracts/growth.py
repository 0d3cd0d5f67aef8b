"""What decides how molecules grow, and the trajectories that it gives: cutoffs, classes, starts. Units: Å."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from gschnet_pyg.limits import LONGEST_CUTOFF, TOKENS, check_number, check_types, check_whole

NextAtom = Literal["center", "focus", "random", "index"]
"""Rules by which the next neighbour of the focus is chosen."""

FOCUS, FINISHED = 1, 2
"""Tags of the focused atom and of finished atoms in the frames of a trace; all others have 0."""


@dataclass(frozen=True)
class Cutoffs:
    """The three cutoffs of G-SchNet in Å; a pair counts when its distance is strictly smaller.

    Args:
        model: atoms exchange messages within it.
        prediction: placed atoms within it of the focus take part in the prediction.
        placement: a new atom lies within it of its focus.
        covalent_factor: where given, placement neighbours must also be closer than
            ``covalent_factor * (r_i + r_j)`` with the covalent radii of ASE.

    Raises:
        ValueError: if one is no number above 0, or beyond all molecules.
    """

    model: float = 10.0
    prediction: float = 5.0
    placement: float = 1.7
    covalent_factor: float | None = 1.1

    def __post_init__(self) -> None:
        for name in ("model", "prediction", "placement"):
            check_number(f"cutoffs.{name}", getattr(self, name), LONGEST_CUTOFF)
        if self.covalent_factor is not None:
            check_number("cutoffs.covalent_factor", self.covalent_factor)

    @property
    def max_distance(self) -> float:
        """Largest distance that a placement can ask for: prediction plus placement cutoff, Å."""
        return self.prediction + self.placement


@dataclass(frozen=True)
class DistanceBins:
    """Bins of the distance distributions: centres from 0 to ``maximum`` Å, evenly spaced."""

    maximum: float
    number: int

    @classmethod
    def for_cutoffs(cls, cutoffs: Cutoffs) -> DistanceBins:
        """The established choice: bins up to prediction + placement cutoff."""
        return cls.up_to(cutoffs.max_distance)

    @classmethod
    def up_to(cls, maximum: float) -> DistanceBins:
        """The established spacing, 30 bins per Å."""
        return cls(maximum, math.ceil(30 * maximum) + 1)

    @property
    def width(self) -> float:
        """Distance between neighbouring centres, Å."""
        return self.maximum / (self.number - 1)


@dataclass(frozen=True)
class Vocabulary:
    """Atom types a model can place and the token types that stand beside them.

    Classes of the type head: ``0 .. T-1`` for the atom types in their given order, ``T`` for *stop*.
    Node types of the model input: ``0 .. T-1`` likewise, ``T`` for *origin*, ``T + 1`` for *focus*.

    Raises:
        ValueError: if the types are no different atomic numbers, or a token has no number of its own.
    """

    atom_types: tuple[int, ...] = (1, 6, 7, 8, 9)
    origin: int = 121
    focus: int = 122
    stop: int = 123

    def __post_init__(self) -> None:
        check_types("atom_types", self.atom_types)
        tokens = (self.origin, self.focus, self.stop)
        for name, token in zip(("origin", "focus", "stop"), tokens, strict=True):
            check_whole(name, token, TOKENS[0], TOKENS[-1])
        if len({*self.atom_types, *tokens}) < len(self.atom_types) + len(tokens):
            raise ValueError(f"atom types and tokens must differ, got {[*self.atom_types, *tokens]}")

    @property
    def n_types(self) -> int:
        """Number of atom types, T."""
        return len(self.atom_types)

    @property
    def stop_class(self) -> int:
        """Class of *stop* in the type distribution."""
        return self.n_types

    @property
    def origin_node(self) -> int:
        """Node type of the origin token."""
        return self.n_types

    @property
    def n_node_types(self) -> int:
        """Number of node types; the last one is the focus token."""
        return self.n_types + 2

    @cached_property
    def class_of(self) -> np.ndarray:
        """Class for every atomic number (and *stop*), ``-1`` where there is none."""
        table = np.full(max(*self.atom_types, self.stop) + 1, -1, dtype=np.int64)
        table[list(self.atom_types)] = np.arange(self.n_types)
        table[self.stop] = self.stop_class
        return table

    @cached_property
    def z_of(self) -> np.ndarray:
        """Atomic number of every class; the stop token's type for *stop*."""
        return np.array([*self.atom_types, self.stop], dtype=np.int64)


@dataclass(frozen=True)
class Growth:
    """How the trajectories of a model grow.

    Args:
        has_origin: the origin token is there.
        fragment_share: largest share of a molecule's atoms, above 0 and up to 1, that a random connected fragment may
            hold; the fragment is in place from the start. Its size is drawn uniformly from one atom to that share, at
            least one atom. None grows from nothing.
        finished_fragment: atoms whose placement neighbours are all in the fragment are finished from the start, and no
            stop is learnt for them; those of a fragment that is the whole molecule are not.
        next_atom: which unplaced placement neighbour of the focus comes next: the closest to the centre of mass, the
            closest to the focus, any, or the first in the file. Ties go to the lower index of the source file.

    Raises:
        ValueError: if the share or the rule does not exist, or there is nothing to start from.
    """

    has_origin: bool = True
    fragment_share: float | None = None
    finished_fragment: bool = False
    next_atom: NextAtom = "center"

    def __post_init__(self) -> None:
        if self.fragment_share is None:
            if not self.has_origin:
                raise ValueError("without the origin, growth needs a fragment_share: something must be there to start")
        elif not 0 < self.fragment_share <= 1:
            raise ValueError(f"fragment_share is {self.fragment_share}; it must be above 0 and at most 1")
        if self.next_atom not in get_args(NextAtom):
            raise ValueError(f"next_atom is {self.next_atom!r}; it must be one of {', '.join(get_args(NextAtom))}")


@dataclass(frozen=True)
class Noise:
    """Normal noise on what a model sees of a molecule in training.

    The geometry of a finished molecule gives away what is missing from a part of it; noise makes the model look at
    types and conditions instead. Labels remain the distances to the true place of the next atom.

    Args:
        positions: standard deviation of every coordinate of the atoms in place, Å.
        origin: standard deviation of every coordinate of the origin token, Å.
    """

    positions: float = 0.0
    origin: float = 0.0


@dataclass(frozen=True)
class Trajectory:
    """One order in which the atoms of a molecule could have been placed.

    A molecule that grows from nothing has S = 2N steps, N placements and N stops. Where n atoms are in place from the
    start, n placements fall away, and the stops of those that are finished.

    Attributes:
        order: ``[N]`` atoms in the order of placement, those in place from the start first.
        focus: ``[S]`` focused atom of every prediction step, ``-1`` for the origin (first step).
        next_z: ``[S]`` atomic number that is placed, or the stop token's type.
        n_placed: ``[S]`` number of atoms in place when a step begins.
    """

    order: np.ndarray
    focus: np.ndarray
    next_z: np.ndarray
    n_placed: np.ndarray
