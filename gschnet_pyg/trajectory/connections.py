"""Who hears whom in a batch of steps, in the form that makes its messages fast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from gschnet_pyg.contracts import PairList, PairTable
from gschnet_pyg.neighbors import Pairs


@dataclass(frozen=True)
class StepTable:
    """Which steps to expand, over molecules whose atoms stand in placement order.

    Attributes:
        molecule: ``[S]`` molecule of every step, ascending.
        n_placed: ``[S]`` number of atoms in place.
        focus: ``[S]`` placement number of the focused atom, ``-1`` for the origin.
    """

    molecule: np.ndarray
    n_placed: np.ndarray
    focus: np.ndarray


@dataclass(frozen=True)
class SitePairs:
    """Pairs of sites inside the model cutoff, each once, ordered by molecule and later site.

    Attributes:
        molecule: ``[P]``.
        first, second: ``[P]`` sites, the second placed later.
        distance: ``[P]`` Å.
        filter_row: ``[P]`` row of each pair's filter; their own numbers where there is none.
    """

    molecule: np.ndarray
    first: np.ndarray
    second: np.ndarray
    distance: np.ndarray
    filter_row: np.ndarray | None = None


def near_sites(pos: np.ndarray, ptr: np.ndarray, pairs: Pairs, cutoff: float, has_origin: bool) -> SitePairs:
    """Pairs of atoms, and those of the origin with the atoms inside the cutoff.

    Args:
        pos: ``[N, 3]`` Å, relative to the origin, atoms of each molecule in placement order.
        ptr: ``[M + 1]`` first atom of every molecule, and N.
        pairs: of atoms inside the model cutoff.
        cutoff: Å, of the model.
        has_origin: without it the origin has no neighbours.
    """
    molecule = np.repeat(np.arange(len(ptr) - 1), np.diff(ptr))
    site = np.arange(len(pos)) - ptr[molecule] + 1
    from_origin = np.linalg.norm(pos, axis=1)
    near_origin = np.flatnonzero((from_origin < cutoff) & has_origin)
    first, second = site[pairs.first.numpy()], site[pairs.second.numpy()]
    later = np.concatenate([np.maximum(first, second), site[near_origin]])
    earlier = np.concatenate([np.minimum(first, second), np.zeros(len(near_origin), dtype=np.int64)])
    of_pair = np.concatenate([molecule[pairs.first.numpy()], molecule[near_origin]])
    distance = np.concatenate([pairs.distance.numpy(), from_origin[near_origin]])
    order = np.lexsort((later, of_pair))
    return SitePairs(of_pair[order], earlier[order], later[order], distance[order])


def connect(
    pairs: SitePairs, table: StepTable, first_node: np.ndarray, n_molecules: int, max_sites: int
) -> PairTable | PairList:
    """Connect the nodes of steps.

    A batched product pays for every two sites of a molecule, near or not, and for the filters' way into its table;
    gathered pairs pay for every pair that a step sees.

    Args:
        pairs: of sites that are near each other; those with rows of their own are gathered.
        table: the steps.
        first_node: ``[S]`` first node of every step.
        n_molecules, max_sites: sizes of the batch.
    """
    key = pairs.molecule * max_sites + pairs.second
    start = np.searchsorted(key, table.molecule * max_sites)
    end = np.searchsorted(key, table.molecule * max_sites + table.n_placed + 1)
    n_gathered = int((end - start).sum())
    max_steps = int(np.bincount(table.molecule).max(initial=1))
    if pairs.filter_row is not None or n_gathered <= product_cost(n_molecules, max_steps, max_sites):
        return _gathered(pairs, start, end, first_node)
    return _product(pairs, table, n_molecules, max_steps, max_sites)


def product_cost(n_molecules: int, max_steps: int, max_sites: int) -> float:
    """Number of gathered pairs that take as long as a batched product, as measured on CPUs."""
    return n_molecules * max_sites * (0.4 * max_sites + 0.7 * max_steps + 0.07 * max_sites * max_steps)


def ranges(start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers ``start .. end - 1`` of every range, one range after the other, and the range that each belongs to."""
    n = end - start
    which = np.repeat(np.arange(len(n)), n)
    return which, np.arange(len(which)) + (start - np.cumsum(n) + n)[which]


def _gathered(pairs: SitePairs, start: np.ndarray, end: np.ndarray, first_node: np.ndarray) -> PairList:
    step, pair = ranges(start, end)
    row = pair if pairs.filter_row is None else pairs.filter_row[pair]
    first, second = first_node[step] + pairs.first[pair], first_node[step] + pairs.second[pair]
    return PairList(*map(torch.as_tensor, (first, second, row)))


def _product(pairs: SitePairs, table: StepTable, n_molecules: int, max_steps: int, max_sites: int) -> PairTable:
    n_pairs, n_steps = len(pairs.distance), len(table.molecule)
    filter_row = np.full(n_molecules * max_sites**2, n_pairs)
    there = (pairs.molecule * max_sites + pairs.first) * max_sites + pairs.second
    back = (pairs.molecule * max_sites + pairs.second) * max_sites + pairs.first
    filter_row[there] = filter_row[back] = np.arange(n_pairs)

    steps_per_molecule = np.bincount(table.molecule)
    rank = np.arange(n_steps) - (np.cumsum(steps_per_molecule) - steps_per_molecule)[table.molecule]
    first_slot = (table.molecule * max_steps + rank) * max_sites
    _, node_slot = ranges(first_slot, first_slot + table.n_placed + 1)
    slot_node = np.full(n_molecules * max_steps * max_sites, len(node_slot))
    slot_node[node_slot] = np.arange(len(node_slot))
    return PairTable(
        max_steps=max_steps,
        max_sites=max_sites,
        filter_row=torch.as_tensor(filter_row.reshape(n_molecules, max_sites, max_sites)),
        pair_slot=torch.as_tensor(np.stack([there, back])),
        node_slot=torch.as_tensor(node_slot),
        slot_node=torch.as_tensor(slot_node),
    )
