"""Molecule -> Trajectory: a random order in which its atoms could have been placed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch_geometric.data import Data

from gschnet_pyg.contracts import Cutoffs, Growth, NextAtom, Trajectory, Vocabulary
from gschnet_pyg.errors import DisconnectedMolecule
from gschnet_pyg.neighbors import Pairs, neighbors


def sample_trajectory(
    molecule: Data,
    cutoffs: Cutoffs,
    generator: torch.Generator,
    vocabulary: Vocabulary | None = None,
    growth: Growth = Growth(),  # noqa: B008 (frozen)
) -> Trajectory:
    """Draw a random order in which the atoms of a molecule could have been placed.

    The first atom is the one closest to the centre of mass, unless a random fragment is in place from the start. Each
    later step picks its focus uniformly among the unfinished atoms in place; the unplaced placement neighbour of the
    focus that is closest to the centre of mass comes next, or that of another rule; where there is none, the step is a
    *stop* and the focus is finished.

    Args:
        molecule: complete molecule; ``z [N]`` long, ``pos [N, 3]`` Å, centred.
        cutoffs: Å; a pair counts when its distance is strictly smaller.
        generator: source of randomness; the same state gives the same trajectory.
        vocabulary: says which type stands for *stop*.
        growth: what is there from the start, and which neighbour comes next.

    Returns:
        Trajectory with a placement of every atom that is not there from the start, and a stop of every atom that is
        not finished from the start: N of both where it grows from nothing.

    Raises:
        DisconnectedMolecule: if some atom cannot be reached through placement neighbours.

    Source:
        Gebauer et al., Nat. Commun. 13, 973 (2022), Methods. Ties in the distance to the centre of mass
        go to the lower index of the source file.
    """
    ptr = torch.tensor([0, len(molecule.z)])
    placement = neighbors(molecule.z, molecule.pos, ptr, cutoffs).placement
    z, pos = molecule.z.numpy(), molecule.pos.numpy()
    ranked = ranked_neighbors(placement, pos, growth.next_atom)
    return draw_trajectory(ranked, z, pos, generator, vocabulary or Vocabulary(), growth)


def ranked_neighbors(placement: Pairs, pos: np.ndarray, next_atom: NextAtom) -> list[list[int]]:
    """Placement neighbours of every atom, those that come first by the rule first; of equal ones the lower index.

    Args:
        placement: pairs of atom numbers of one molecule or of several, numbered through.
        pos: ``[N, 3]`` Å, float64, each molecule centred.
        next_atom: the rule; *random* leaves them in the order of the file, to be shuffled for each trajectory.
    """
    a, b = placement.first.numpy(), placement.second.numpy()
    atom, neighbor = np.concatenate([a, b]), np.concatenate([b, a])
    match next_atom:
        case "center":
            rank = np.linalg.norm(pos, axis=1)[neighbor]
        case "focus":
            rank = np.tile(placement.distance.numpy(), 2)
        case _:
            rank = neighbor
    order = np.lexsort((neighbor, rank, atom))
    counts = np.bincount(atom, minlength=len(pos))
    flat, ends = neighbor[order].tolist(), np.cumsum(counts).tolist()
    return [flat[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def draw_trajectory(
    ranked: Sequence[Sequence[int]],
    z: np.ndarray,
    pos: np.ndarray,
    generator: torch.Generator,
    vocabulary: Vocabulary,
    growth: Growth,
) -> Trajectory:
    """As :func:`sample_trajectory`, for one molecule whose placement neighbours are ranked already."""
    if growth.next_atom == "random":
        ranked = _shuffled(ranked, generator)
    if growth.fragment_share is None:
        first = closest_atom(pos)
        focus, placed = random_walk(ranked, [first], [first], generator)
        return as_trajectory([-1, *focus], [first, *placed], [], z, vocabulary)
    fragment = random_fragment(ranked, growth.fragment_share, generator)
    unfinished = _open_atoms(ranked, fragment) if growth.finished_fragment else fragment
    focus, placed = random_walk(ranked, fragment, unfinished, generator)
    return as_trajectory(focus, placed, fragment, z, vocabulary)


def closest_atom(pos: np.ndarray) -> int:
    """Atom closest to the centre of mass; of equally close ones the first."""
    return int(np.argmin(np.linalg.norm(pos, axis=1)))


def random_fragment(ranked: Sequence[Sequence[int]], share: float, generator: torch.Generator) -> list[int]:
    """A random connected fragment, atoms in the order in which they join.

    It begins with any atom; any of the neighbours of those chosen joins, until the size is reached, which is drawn
    uniformly from 1 to the share of all atoms, at least 1. The established implementation takes a fixed share of the
    atoms instead, connected or not; here fragments are as those that molecules are grown from.
    """
    largest = max(1, int(share * len(ranked) + 1e-9))  # a product just below a whole number is meant to be that number
    uniform = iter(torch.rand(largest + 1, generator=generator, dtype=torch.float64).tolist())
    size = 1 + int(next(uniform) * largest)
    fragment = [int(next(uniform) * len(ranked))]
    seen, border = set(fragment), []
    while len(fragment) < size:
        new = [atom for atom in ranked[fragment[-1]] if atom not in seen]
        seen.update(new)
        border += new
        if not border:  # the molecule is in pieces
            break
        fragment.append(border.pop(int(next(uniform) * len(border))))
    return fragment


def _open_atoms(ranked: Sequence[Sequence[int]], fragment: Sequence[int]) -> Sequence[int]:
    """Atoms of a fragment with a neighbour outside; all of them where it is the whole molecule."""
    inside = set(fragment)
    return [atom for atom in fragment if not inside.issuperset(ranked[atom])] or fragment


def _shuffled(ranked: Sequence[Sequence[int]], generator: torch.Generator) -> list[list[int]]:
    """The neighbours of every atom in random order; the first of them that are left then is any of those left."""
    n_pairs = sum(len(atoms) for atoms in ranked)
    key = iter(torch.rand(n_pairs, generator=generator, dtype=torch.float64).tolist())
    return [sorted(atoms, key=lambda _: next(key)) for atoms in ranked]


def random_walk(
    ranked: Sequence[Sequence[int]], fragment: Sequence[int], unfinished: Sequence[int], generator: torch.Generator
) -> tuple[list[int], list[int]]:
    """Place the atoms that can be reached from the unfinished ones: focus and placed atom (-1 = stop) of every step."""
    focus, placed = [], []
    unfinished, is_placed = list(unfinished), set(fragment)
    uniform = iter(torch.rand(2 * len(ranked), generator=generator, dtype=torch.float64).tolist())
    while unfinished:
        choice = int(next(uniform) * len(unfinished))
        atom = unfinished[choice]
        next_atom = next((candidate for candidate in ranked[atom] if candidate not in is_placed), -1)
        focus.append(atom)
        placed.append(next_atom)
        if next_atom < 0:
            del unfinished[choice]
        else:
            unfinished.append(next_atom)
            is_placed.add(next_atom)
    return focus, placed


def as_trajectory(
    focus: Sequence[int], placed: Sequence[int], fragment: Sequence[int], z: np.ndarray, vocabulary: Vocabulary
) -> Trajectory:
    """Trajectory of a walk over one molecule, from the atoms of a fragment.

    Raises:
        DisconnectedMolecule: if the walk has not reached every atom.
    """
    next_atom = np.array(placed)
    is_placement = next_atom >= 0
    order = np.concatenate([np.array(fragment, dtype=np.int64), next_atom[is_placement]])
    if len(order) < len(z):
        raise DisconnectedMolecule(
            f"{len(z) - len(order)} of {len(z)} atoms cannot be reached through placement neighbours; "
            "leave the molecule out or enlarge the placement cutoff"
        )
    next_z = np.where(is_placement, z[next_atom], vocabulary.stop)
    n_placed = len(fragment) + np.cumsum(is_placement) - is_placement
    return Trajectory(order, np.array(focus), next_z, n_placed)


def draw_steps(n_steps: int, n_drawn: int | None, generator: torch.Generator) -> np.ndarray:
    """Draw steps without replacement, in ascending order; all of them where ``n_drawn`` is none or too many."""
    if n_drawn is None or n_drawn >= n_steps:
        return np.arange(n_steps)
    return np.sort(torch.randperm(n_steps, generator=generator)[:n_drawn].numpy())
