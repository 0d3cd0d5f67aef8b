"""Partial molecules -> PlacementSteps: the one road to the model's input, in training and generation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from gschnet_pyg.contracts import PlacementSteps, Vocabulary
from gschnet_pyg.neighbors import Pairs


@dataclass(frozen=True)
class PlacedAtoms:
    """The atoms of a batch of molecules, those of each molecule in placement order.

    Attributes:
        z: ``[N]`` atomic numbers.
        pos: ``[N, 3]`` Å, float64, relative to the origin token where there is one.
        ptr: ``[M + 1]`` first atom of every molecule, and N.
        model_pairs, prediction_pairs: pairs of atoms inside the two cutoffs.
    """

    z: np.ndarray
    pos: np.ndarray
    ptr: np.ndarray
    model_pairs: Pairs
    prediction_pairs: Pairs


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


def expand_steps(
    atoms: PlacedAtoms, table: StepTable, vocabulary: Vocabulary, model_cutoff: float, has_origin: bool = True
) -> PlacementSteps:
    """Expand prediction steps over the sites of their molecules.

    Distances belong to the molecule: every step only says how many of its sites it sees.

    Args:
        atoms: of the molecules.
        table: the steps.
        vocabulary: classes of the atoms.
        model_cutoff: Å; decides which atoms hear the origin.
        has_origin: without it the origin's site stays, but it is heard by none and predicts nothing, and only the
            distances between atoms count.

    Returns:
        PlacementSteps without labels, on the CPU, distances in float32.
    """
    sites = _Sites(atoms, vocabulary, has_origin)
    filter_row, pair_distance = sites.filters(atoms.model_pairs, model_cutoff)
    predicts = sites.predicts(atoms.prediction_pairs)

    n_steps, focus_site = len(table.molecule), table.focus + 1
    n_visible = table.n_placed + 1
    node_step = np.repeat(np.arange(n_steps), n_visible)
    node_site = np.arange(len(node_step)) - np.repeat(np.cumsum(n_visible) - n_visible, n_visible)
    node_molecule = table.molecule[node_step]

    steps_per_molecule = np.bincount(table.molecule, minlength=sites.n_molecules)
    rank = np.arange(n_steps) - (np.cumsum(steps_per_molecule) - steps_per_molecule)[table.molecule]
    max_steps = int(steps_per_molecule.max(initial=1))
    first_slot = (table.molecule * max_steps + rank) * sites.max_sites

    at_predictor = np.flatnonzero(predicts[node_molecule, focus_site[node_step], node_site])
    predictor_step = np.concatenate([node_step[at_predictor], np.arange(n_steps)])
    focus_pos = sites.pos[table.molecule, focus_site]
    site_pos = sites.pos[node_molecule[at_predictor], node_site[at_predictor]]
    return PlacementSteps(
        n_molecules=sites.n_molecules,
        n_steps=n_steps,
        max_steps=max_steps,
        max_sites=sites.max_sites,
        pair_distance=torch.as_tensor(pair_distance, dtype=torch.float32),
        filter_row=torch.as_tensor(filter_row),
        node_type=torch.as_tensor(sites.type[node_molecule, node_site]),
        node_slot=torch.as_tensor(first_slot[node_step] + node_site),
        focus_slot=torch.as_tensor(first_slot + focus_site),
        step_molecule=torch.as_tensor(table.molecule),
        predictor_node=torch.as_tensor(np.concatenate([at_predictor, len(node_step) + np.arange(n_steps)])),
        predictor_step=torch.as_tensor(predictor_step),
        predictor_pos=torch.as_tensor(
            np.concatenate([site_pos - focus_pos[node_step[at_predictor]], np.zeros((n_steps, 3))]),
            dtype=torch.float32,
        ),
        conditions={},
    )


class _Sites:
    """Sites of a batch of molecules, padded: site 0 is the origin, site k + 1 the k-th atom placed."""

    def __init__(self, atoms: PlacedAtoms, vocabulary: Vocabulary, has_origin: bool) -> None:
        sizes = np.diff(atoms.ptr)
        self.has_origin = has_origin
        self.n_molecules = len(sizes)
        self.max_sites = int(sizes.max(initial=0)) + 1
        self.molecule = np.repeat(np.arange(self.n_molecules), sizes)
        self.site = np.arange(len(atoms.z)) - atoms.ptr[self.molecule] + 1
        self.type = np.full((self.n_molecules, self.max_sites), vocabulary.origin_node)
        self.type[self.molecule, self.site] = vocabulary.class_of[atoms.z]
        self.pos = np.zeros((self.n_molecules, self.max_sites, 3))
        self.pos[self.molecule, self.site] = atoms.pos

    def filters(self, pairs: Pairs, cutoff: float) -> tuple[np.ndarray, np.ndarray]:
        """Filter rows of all pairs of sites, and the distances of the pairs; the origin's pairs come last."""
        first, second = pairs.first.numpy(), pairs.second.numpy()
        from_origin = np.linalg.norm(self.pos[self.molecule, self.site], axis=1)
        near_origin = np.flatnonzero((from_origin < cutoff) & self.has_origin)
        distance = np.concatenate([pairs.distance.numpy(), from_origin[near_origin]])
        row = np.full((self.n_molecules, self.max_sites, self.max_sites), len(distance) + 1)
        everyone = np.arange(self.max_sites)
        row[:, everyone, everyone] = len(distance)
        a = np.concatenate([self.site[first], np.zeros(len(near_origin), dtype=np.int64)])
        b = np.concatenate([self.site[second], self.site[near_origin]])
        molecule = np.concatenate([self.molecule[first], self.molecule[near_origin]])
        row[molecule, a, b] = row[molecule, b, a] = np.arange(len(distance))
        return row, distance

    def predicts(self, pairs: Pairs) -> np.ndarray:
        """``[M, focus site, site]``: does the site take part in the prediction around the focus?"""
        first, second = pairs.first.numpy(), pairs.second.numpy()
        table = np.zeros((self.n_molecules, self.max_sites, self.max_sites), dtype=bool)
        everyone = np.arange(self.max_sites)
        table[:, everyone, everyone] = True
        table[:, :, 0] |= self.has_origin
        molecule, a, b = self.molecule[first], self.site[first], self.site[second]
        table[molecule, a, b] = table[molecule, b, a] = True
        return table
