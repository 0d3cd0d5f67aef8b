"""What molecules begin with: the conditions they shall meet, and atoms that are in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from ase.data import chemical_symbols
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gschnet_pyg.data.checks import MIN_DISTANCE
from gschnet_pyg.errors import DataError, RecipeError
from gschnet_pyg.model.gschnet import GSchNet
from gschnet_pyg.neighbors import neighbors, pairs_within


@dataclass(frozen=True)
class Fragment:
    """A substructure that molecules grow from; its atoms stay where they are.

    Attributes:
        z: ``[n]`` atomic numbers.
        pos: ``[n, 3]`` Å, relative to the origin token; in any frame for a model without origin.
        finished: atoms, numbered from 0, that get no further neighbours.
        name: for messages.
    """

    z: np.ndarray
    pos: np.ndarray
    finished: tuple[int, ...] = ()
    name: str = "substructure"

    @property
    def unfinished(self) -> list[int]:
        """Atoms that may get neighbours."""
        return [atom for atom in range(len(self.z)) if atom not in self.finished]


@dataclass(frozen=True)
class Start:
    """What a molecule begins with.

    Attributes:
        conditions: name -> ``[k]`` values in internal units, for all conditions of the model.
        fragment: that is in place; none starts from nothing.
    """

    conditions: Mapping[str, np.ndarray] = field(default_factory=dict)
    fragment: Fragment | None = None


FROM_NOTHING = (Start(),)
"""Unconditional, without any atom."""


def check_starts(starts: Sequence[Start], model: GSchNet, max_atoms: int) -> None:
    """Refuse starts that the model cannot go on from.

    Args:
        starts: at least one.
        model: that molecules are generated with.
        max_atoms: largest molecule that is asked for.

    Raises:
        RecipeError: if there is none, a condition is missing, unknown or no ``[k]`` finite numbers, a model without
            origin has no substructure, or a substructure is too large, or finished all over.
        DataError: if a substructure has no atoms, an element that the model does not know, atoms at one place, or
            pieces.
    """
    if not starts:
        raise RecipeError("there is nothing to start from; give at least one start, an empty one for an empty molecule")
    for start in starts:
        _check_conditions(start.conditions, model)
        if start.fragment is None and (model.settings.needs_fragment or not model.settings.has_origin):
            raise RecipeError(
                "start: the model has only learnt to complete substructures and cannot place a first atom; "
                "name a file of them (--start)"
            )
    for fragment in {id(start.fragment): start.fragment for start in starts if start.fragment is not None}.values():
        _check_fragment(fragment, model, max_atoms)


def _check_conditions(conditions: Mapping[str, np.ndarray], model: GSchNet) -> None:
    sizes = {} if model.conditions is None else {each.name: each.n_values for each in model.conditions.conditions}
    known = ", ".join(sizes) or "none"
    for name in sizes:
        if name not in conditions:
            raise RecipeError(f"conditions: {name} is missing; the model was trained with: {known}")
    for name, values in conditions.items():
        if name not in sizes:
            raise RecipeError(f"conditions: the model does not know {name}; it was trained with: {known}")
        if np.shape(values) != (sizes[name],):
            raise RecipeError(
                f"conditions: {name} has values of shape {list(np.shape(values))}, but the model reads "
                f"{sizes[name]} in a row"
            )
        if not np.isfinite(values).all():
            raise RecipeError(f"conditions: {name} holds a value that is not a finite number")


def _check_fragment(fragment: Fragment, model: GSchNet, max_atoms: int) -> None:
    name, n_atoms = fragment.name, len(fragment.z)
    if n_atoms == 0 or fragment.pos.shape != (n_atoms, 3) or not np.isfinite(fragment.pos).all():
        raise DataError(f"{name}: needs at least one atom, and three finite coordinates for each")
    if n_atoms > max_atoms:
        raise RecipeError(f"max_atoms: {name} has {n_atoms} atoms, more than {max_atoms}; raise it")
    strange = sorted(set(fragment.z.tolist()).difference(model.vocabulary.atom_types))
    if strange:
        known = ", ".join(chemical_symbols[z] for z in model.vocabulary.atom_types)
        raise DataError(f"{name}: holds {chemical_symbols[strange[0]]}, but the model only knows {known}; leave it out")
    for atom in fragment.finished:
        if not 0 <= atom < n_atoms:
            raise RecipeError(f"{name}: there is no atom {atom} to be finished; atoms are 0 to {n_atoms - 1}")
    if not fragment.unfinished:
        raise RecipeError(f"{name}: all its atoms are finished, so nothing could grow; leave one unfinished")
    _check_bonds(fragment, model)


def _check_bonds(fragment: Fragment, model: GSchNet) -> None:
    """Atoms that are apart from each other, yet hang together."""
    z, pos, ptr = torch.as_tensor(fragment.z), torch.as_tensor(fragment.pos), torch.tensor([0, len(fragment.z)])
    if len(coincident := pairs_within(pos, ptr, MIN_DISTANCE)):
        a, b = int(coincident.first[0]), int(coincident.second[0])
        raise DataError(f"{fragment.name}: atoms {a} and {b} (counted from 0) are at one place; remove one of them")
    bonds = neighbors(z, pos, ptr, model.cutoffs).placement
    graph = coo_array((np.ones(len(bonds)), (bonds.first.numpy(), bonds.second.numpy())), [len(z)] * 2)
    _, piece = connected_components(graph, directed=False)
    if piece.any():
        raise DataError(
            f"{fragment.name}: atom {int(np.argmax(piece))} (counted from 0) cannot be reached from atom 0 through "
            "placement neighbours; take atoms that hang together"
        )
