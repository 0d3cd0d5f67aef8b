"""Molecules -> a graph for every prediction step, and the graphs of a batch put side by side.

Source:
    Gebauer et al., Nat. Commun. 13, 973 (2022), Methods.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from scipy.spatial.distance import cdist
from torch import Tensor
from torch_geometric.data import Data

from gschnet_pyg.contracts import Cutoffs, Vocabulary
from gschnet_pyg.trajectory.sample import sample_trajectory


@dataclass(frozen=True)
class StepGraph:
    """What one step sees: the origin, the atoms in place, and the focus token, in this order.

    Attributes:
        node_type: ``[n]`` node types of the vocabulary.
        receiver, sender: ``[E]`` nodes of every directed edge inside the model cutoff.
        distance: ``[E]`` Å.
        predictor: ``[K]`` nodes that take part in the prediction.
        predictor_pos: ``[K, 3]`` Å, relative to the focus.
        next_class: class to predict (training only).
        next_pos: ``[3]`` Å, of the next atom relative to the focus; none where the step is a stop.
    """

    node_type: np.ndarray
    receiver: np.ndarray
    sender: np.ndarray
    distance: np.ndarray
    predictor: np.ndarray
    predictor_pos: np.ndarray
    next_class: int = -1
    next_pos: np.ndarray | None = None


@dataclass(frozen=True)
class StepGraphs:
    """The graphs of a batch as one graph; nodes are numbered through.

    Attributes:
        n_steps: number of graphs, S.
        node_type, receiver, sender, distance, predictor, predictor_pos: as in :class:`StepGraph`.
        predictor_step: ``[K]`` step of every predictor.
        next_class: ``[S]`` class to predict.
        labelled: ``[L]`` predictors of the steps that place an atom.
        labelled_distance: ``[L]`` Å, to that atom.
    """

    n_steps: int
    node_type: Tensor
    receiver: Tensor
    sender: Tensor
    distance: Tensor
    predictor: Tensor
    predictor_pos: Tensor
    predictor_step: Tensor
    next_class: Tensor
    labelled: Tensor
    labelled_distance: Tensor

    def to(self, device: torch.device) -> StepGraphs:
        """The same on a device."""
        moved: dict[str, Any] = {each.name: getattr(self, each.name) for each in fields(self)}
        return StepGraphs(**{name: x.to(device) if isinstance(x, Tensor) else x for name, x in moved.items()})


def step_graph(z: np.ndarray, pos: np.ndarray, focus: int, vocabulary: Vocabulary, cutoffs: Cutoffs) -> StepGraph:
    """The graph of a partial molecule.

    Args:
        z: ``[n]`` atomic numbers of the atoms in place.
        pos: ``[n, 3]`` Å, relative to the origin.
        focus: focused atom, ``-1`` for the origin.
        vocabulary: node types.
        cutoffs: Å, exclusive.
    """
    focus_pos = pos[focus] if focus >= 0 else np.zeros(3)
    nodes = np.concatenate([np.zeros((1, 3)), pos, focus_pos[None]])
    focus_node = vocabulary.n_node_types - 1
    node_type = np.concatenate([[vocabulary.origin_node], vocabulary.class_of[z], [focus_node]])
    distance = cdist(nodes, nodes)
    is_edge = distance < cutoffs.model
    np.fill_diagonal(is_edge, False)
    receiver, sender = np.nonzero(is_edge)
    is_predictor = distance[-1] < cutoffs.prediction
    is_predictor[0] = True  # the origin, however far
    predictor = np.flatnonzero(is_predictor)
    edge_distance = distance[receiver, sender]
    return StepGraph(node_type, receiver, sender, edge_distance, predictor, nodes[predictor] - focus_pos)


def training_graphs(
    molecules: Sequence[Data], vocabulary: Vocabulary, cutoffs: Cutoffs, steps_drawn: int | None = None
) -> StepGraphs:
    """A batch of training steps.

    Args:
        molecules: complete; ``z [N]``, ``pos [N, 3]`` Å centred, ``seed`` of the trajectory.
        vocabulary: atom types and tokens.
        cutoffs: Å.
        steps_drawn: steps drawn per molecule; none takes all.
    """
    return collate([graph for each in molecules for graph in _molecule_graphs(each, vocabulary, cutoffs, steps_drawn)])


def _molecule_graphs(
    molecule: Data, vocabulary: Vocabulary, cutoffs: Cutoffs, steps_drawn: int | None
) -> Iterator[StepGraph]:
    """The graphs of the drawn steps of one molecule, with labels."""
    generator = torch.Generator().manual_seed(int(molecule.seed))
    trajectory = sample_trajectory(molecule, cutoffs, generator, vocabulary)
    z, pos = molecule.z.numpy()[trajectory.order], molecule.pos.numpy()[trajectory.order]
    number = {atom: k for k, atom in enumerate(trajectory.order.tolist())}
    n_steps = len(trajectory.focus)
    steps = range(n_steps)
    if steps_drawn is not None and steps_drawn < n_steps:
        steps = sorted(torch.randperm(n_steps, generator=generator)[:steps_drawn].tolist())
    for step in steps:
        n_placed, next_z = int(trajectory.n_placed[step]), int(trajectory.next_z[step])
        focus = number.get(int(trajectory.focus[step]), -1)
        graph = step_graph(z[:n_placed], pos[:n_placed], focus, vocabulary, cutoffs)
        next_pos = None
        if next_z != vocabulary.stop:
            next_pos = pos[n_placed] - (pos[focus] if focus >= 0 else 0.0)
        yield replace(graph, next_class=int(vocabulary.class_of[next_z]), next_pos=next_pos)


def collate(graphs: Sequence[StepGraph]) -> StepGraphs:
    """Put graphs side by side."""
    first_node = np.cumsum([0] + [len(graph.node_type) for graph in graphs])
    n_predictors = [len(graph.predictor) for graph in graphs]
    is_labelled = np.repeat([graph.next_pos is not None for graph in graphs], n_predictors)
    labelled_distance = [
        np.linalg.norm(graph.next_pos - graph.predictor_pos, axis=1) for graph in graphs if graph.next_pos is not None
    ]

    def numbered(name: str) -> Tensor:
        shifted = [getattr(graph, name) + first for graph, first in zip(graphs, first_node, strict=False)]
        return torch.as_tensor(np.concatenate(shifted))

    def joined(arrays: Sequence[np.ndarray]) -> Tensor:
        return torch.as_tensor(np.concatenate(arrays), dtype=torch.float32)

    return StepGraphs(
        n_steps=len(graphs),
        node_type=torch.as_tensor(np.concatenate([graph.node_type for graph in graphs])),
        receiver=numbered("receiver"),
        sender=numbered("sender"),
        distance=joined([graph.distance for graph in graphs]),
        predictor=numbered("predictor"),
        predictor_pos=joined([graph.predictor_pos for graph in graphs]),
        predictor_step=torch.as_tensor(np.repeat(np.arange(len(graphs)), n_predictors)),
        next_class=torch.tensor([graph.next_class for graph in graphs]),
        labelled=torch.as_tensor(np.flatnonzero(is_labelled)),
        labelled_distance=joined([np.zeros(0), *labelled_distance]),
    )
