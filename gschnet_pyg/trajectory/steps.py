"""Partial molecules -> PlacementSteps: the one road to the model's input, in training and generation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from gschnet_pyg.contracts import PlacementSteps, Vocabulary
from gschnet_pyg.neighbors import Pairs
from gschnet_pyg.trajectory.connections import SitePairs, StepTable, connect, ranges


@dataclass(frozen=True)
class PlacedAtoms:
    """The atoms of a batch of molecules, those of each molecule in placement order.

    Attributes:
        z: ``[N]`` atomic numbers.
        pos: ``[N, 3]`` Å, float64, relative to the origin token where there is one.
        ptr: ``[M + 1]`` first atom of every molecule, and N.
        near: pairs of sites inside the model cutoff, those of the origin with them.
        prediction_pairs: pairs of atoms inside the prediction cutoff.
    """

    z: np.ndarray
    pos: np.ndarray
    ptr: np.ndarray
    near: SitePairs
    prediction_pairs: Pairs


def expand_steps(
    atoms: PlacedAtoms,
    table: StepTable,
    vocabulary: Vocabulary,
    has_origin: bool,
    dtype: torch.dtype,
) -> PlacementSteps:
    """Expand prediction steps over the sites of their molecules.

    Distances belong to the molecule: every step only says how many of its sites it sees.

    Args:
        atoms: of the molecules.
        table: the steps.
        vocabulary: classes of the atoms.
        has_origin: without it the origin's site stays, but it predicts nothing.
        dtype: of distances and positions.

    Returns:
        PlacementSteps without labels, on the CPU.
    """
    sites = _Sites(atoms, vocabulary, has_origin)
    nodes = _Nodes(table)
    focus_site = table.focus + 1
    predictor = sites.predictors(atoms.prediction_pairs, table, nodes)
    focus_pos = sites.pos[table.molecule, focus_site]
    predictor_step, predictor_site = nodes.step[predictor], nodes.site[predictor]
    predictor_pos = sites.pos[table.molecule[predictor_step], predictor_site] - focus_pos[predictor_step]
    n_steps, every_step = len(table.molecule), np.arange(len(table.molecule))
    return PlacementSteps(
        n_molecules=sites.n_molecules,
        n_steps=n_steps,
        pair_distance=torch.as_tensor(atoms.near.distance, dtype=dtype),
        pairs=connect(atoms.near, table, nodes.first, sites.n_molecules, sites.max_sites),
        node_type=torch.as_tensor(sites.type[table.molecule[nodes.step], nodes.site]),
        node_step=torch.as_tensor(nodes.step),
        node_site=torch.as_tensor(nodes.site),
        focus_node=torch.as_tensor(nodes.first + focus_site),
        step_molecule=torch.as_tensor(table.molecule),
        predictor_node=torch.as_tensor(np.concatenate([predictor, len(nodes.step) + every_step])),
        predictor_step=torch.as_tensor(np.concatenate([predictor_step, every_step])),
        predictor_pos=torch.as_tensor(np.concatenate([predictor_pos, np.zeros((n_steps, 3))]), dtype=dtype),
        conditions={},
    )


class _Nodes:
    """Nodes of all steps: step and site of each, and the first node of every step."""

    def __init__(self, table: StepTable) -> None:
        n_visible = table.n_placed + 1
        self.first = np.cumsum(n_visible) - n_visible
        self.step = np.repeat(np.arange(len(n_visible)), n_visible)
        self.site = np.arange(len(self.step)) - self.first[self.step]


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

    def predictors(self, pairs: Pairs, table: StepTable, nodes: _Nodes) -> np.ndarray:
        """Nodes that take part in a prediction, ascending: the focused atom, the origin, and the focus's neighbours."""
        first, second = pairs.first.numpy(), pairs.second.numpy()
        place = self.molecule * self.max_sites + self.site
        key = np.concatenate([place[first], place[second]])
        order = np.argsort(key)
        key, neighbor = key[order], self.site[np.concatenate([second, first])[order]]
        focus_place = table.molecule * self.max_sites + table.focus + 1
        step, found = ranges(np.searchsorted(key, focus_place), np.searchsorted(key, focus_place, side="right"))
        site = neighbor[found]
        is_visible = site <= table.n_placed[step]
        chosen = [nodes.first + table.focus + 1, nodes.first[step[is_visible]] + site[is_visible]]
        if self.has_origin:
            chosen.append(nodes.first[table.focus >= 0])
        return np.sort(np.concatenate(chosen))
