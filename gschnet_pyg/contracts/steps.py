"""What trajectories, model and sampler share of a batch: steps and predictions. Units: Å.

This is the only module of the room that imports torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor
from torch_geometric.data import Data


class PairTable(NamedTuple):
    """Who hears whom, for every two sites of a molecule: messages as one batched product.

    The padded table has one slot for each of ``n_molecules`` x ``max_steps`` x ``max_sites``.

    Attributes:
        max_steps, max_sites: of a molecule, int.
        filter_row: ``[n_molecules, max_sites, max_sites]`` row of the filter of two sites, or ``n_pairs`` (no message).
        pair_slot: ``[2, n_pairs]`` the two places of every pair in ``filter_row``, flat.
        node_slot: ``[n_nodes]`` slot of every node.
        slot_node: ``[n_slots]`` node in every slot, or ``n_nodes`` (empty).
    """

    max_steps: int
    max_sites: int
    filter_row: Tensor
    pair_slot: Tensor
    node_slot: Tensor
    slot_node: Tensor


class PairList(NamedTuple):
    """Who hears each other, for every step and pair: messages gathered.

    Attributes:
        first, second: ``[E]`` nodes.
        filter_row: ``[E]`` row of the filter between them.
    """

    first: Tensor
    second: Tensor
    filter_row: Tensor


class PlacementSteps(Data):
    """A batch of prediction steps over the molecules they belong to; what the model reads.

    A *site* is the origin (site 0) or an atom in placement order (sites 1, 2, ...), so that every
    step sees a prefix of its molecule's sites. A *node* is one site seen by one step; the focus
    tokens, one per step, are counted after all nodes. Where a model has no origin, site 0 stays, but it
    exchanges no messages and predicts nothing.

    Attributes:
        n_molecules, n_steps: sizes, int.
        pair_distance: ``[n_pairs]`` Å, pairs of sites inside the model cutoff, each once.
        pairs: who hears whom, in the form that is faster for the shape of the batch.
        node_type: ``[n_nodes]`` node type of the vocabulary.
        node_step, node_site: ``[n_nodes]`` step, and site of its molecule; ascending.
        focus_node: ``[n_steps]`` node that carries the focus token.
        step_molecule: ``[n_steps]`` molecule of every step.
        predictor_node: ``[n_predictors]`` node, or ``n_nodes + step`` for a focus token.
        predictor_step: ``[n_predictors]`` step.
        predictor_pos: ``[n_predictors, 3]`` Å, relative to the focus.
        conditions: property name -> ``[n_molecules, k]``.
        next_class: ``[n_steps]`` class to predict (training only).
        labelled_predictor: ``[n_labelled]`` predictors of the steps that place an atom (training only).
        labelled_distance: ``[n_labelled]`` Å, to the atom that is placed (training only).
        ids, seeds: ``[n_molecules]`` NumPy, of the molecules and of their trajectories (data module only).
    """

    n_molecules: int
    n_steps: int
    pair_distance: Tensor
    pairs: PairTable | PairList
    node_type: Tensor
    node_step: Tensor
    node_site: Tensor
    focus_node: Tensor
    step_molecule: Tensor
    predictor_node: Tensor
    predictor_step: Tensor
    predictor_pos: Tensor
    conditions: dict[str, Tensor]
    next_class: Tensor
    labelled_predictor: Tensor
    labelled_distance: Tensor
    ids: np.ndarray
    seeds: np.ndarray

    def __inc__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("PlacementSteps is a batch already; collate molecules, not batches")


@dataclass(frozen=True)
class Prediction:
    """What the model says of a batch of steps.

    Attributes:
        type_logp: ``[n_steps, T + 1]`` log-probability of every next type and of *stop*.
        distance_logp: ``[n_labelled, n_bins]`` log-probability of the distance bins.
    """

    type_logp: Tensor
    distance_logp: Tensor
