"""Molecule -> Trajectory: a random order in which its atoms could have been placed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch_geometric.data import Data

from gschnet_pyg.contracts import Cutoffs, Trajectory, Vocabulary
from gschnet_pyg.errors import DisconnectedMolecule
from gschnet_pyg.neighbors import Pairs, neighbors


def sample_trajectory(
    molecule: Data, cutoffs: Cutoffs, generator: torch.Generator, vocabulary: Vocabulary | None = None
) -> Trajectory:
    """Draw a random order in which the atoms of a molecule could have been placed.

    The first atom is the one closest to the centre of mass. Each later step picks its focus uniformly
    among the unfinished atoms in place; the unplaced placement neighbour of the focus that is closest to
    the centre of mass comes next; where there is none, the step is a *stop* and the focus is finished.

    Args:
        molecule: complete molecule; ``z [N]`` long, ``pos [N, 3]`` Å, centred.
        cutoffs: Å; a pair counts when its distance is strictly smaller.
        generator: source of randomness; the same state gives the same trajectory.
        vocabulary: says which type stands for *stop*.

    Returns:
        Trajectory with N placements and N stops.

    Raises:
        DisconnectedMolecule: if some atom cannot be reached through placement neighbours.

    Source:
        Gebauer et al., Nat. Commun. 13, 973 (2022), Methods. Ties in the distance to the centre of mass
        go to the lower index of the source file.
    """
    ptr = torch.tensor([0, len(molecule.z)])
    placement = neighbors(molecule.z, molecule.pos, ptr, cutoffs).placement
    nearest = nearest_first(placement, molecule.pos.numpy())
    walk = random_walk(nearest, closest_atom(molecule.pos.numpy()), generator)
    return as_trajectory(walk, molecule.z.numpy(), vocabulary or Vocabulary())


def closest_atom(pos: np.ndarray) -> int:
    """Atom closest to the centre of mass; of equally close ones the first."""
    return int(np.argmin(np.linalg.norm(pos, axis=1)))


def nearest_first(placement: Pairs, pos: np.ndarray) -> list[list[int]]:
    """Placement neighbours of every atom, those closest to the centre of mass first.

    Args:
        placement: pairs of atom numbers of one molecule or of several, numbered through.
        pos: ``[N, 3]`` Å, float64, each molecule centred.
    """
    a, b = placement.first.numpy(), placement.second.numpy()
    atom, neighbor = np.concatenate([a, b]), np.concatenate([b, a])
    order = np.lexsort((neighbor, np.linalg.norm(pos, axis=1)[neighbor], atom))
    counts = np.bincount(atom, minlength=len(pos))
    flat, ends = neighbor[order].tolist(), np.cumsum(counts).tolist()
    return [flat[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def random_walk(
    nearest: Sequence[Sequence[int]], first: int, generator: torch.Generator
) -> tuple[list[int], list[int]]:
    """Place the atoms that can be reached from ``first``: focus and placed atom (-1 = stop) of every step."""
    focus, placed = [-1], [first]
    unfinished, is_placed = [first], {first}
    uniform = iter(torch.rand(2 * len(nearest), generator=generator, dtype=torch.float64).tolist())
    while unfinished:
        choice = int(next(uniform) * len(unfinished))
        atom = unfinished[choice]
        next_atom = next((candidate for candidate in nearest[atom] if candidate not in is_placed), -1)
        focus.append(atom)
        placed.append(next_atom)
        if next_atom < 0:
            del unfinished[choice]
        else:
            unfinished.append(next_atom)
            is_placed.add(next_atom)
    return focus, placed


def as_trajectory(walk: tuple[list[int], list[int]], z: np.ndarray, vocabulary: Vocabulary) -> Trajectory:
    """Trajectory of a walk over one molecule.

    Raises:
        DisconnectedMolecule: if the walk has not reached every atom.
    """
    focus, placed = np.array(walk[0]), np.array(walk[1])
    is_placement = placed >= 0
    order = placed[is_placement]
    if len(order) < len(z):
        raise DisconnectedMolecule(
            f"{len(z) - len(order)} of {len(z)} atoms cannot be reached through placement neighbours; "
            "leave the molecule out or enlarge the placement cutoff"
        )
    next_z = np.where(is_placement, z[placed], vocabulary.stop)
    return Trajectory(order, focus, next_z, np.cumsum(is_placement) - is_placement)


def draw_steps(n_steps: int, n_drawn: int | None, generator: torch.Generator) -> np.ndarray:
    """Draw steps without replacement, in ascending order; all of them where ``n_drawn`` is none or too many."""
    if n_drawn is None or n_drawn >= n_steps:
        return np.arange(n_steps)
    return np.sort(torch.randperm(n_steps, generator=generator)[:n_drawn].numpy())
