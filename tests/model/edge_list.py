"""A plain edge-list formulation of SchNet over steps, as the papers describe it: the model's independent twin."""

from __future__ import annotations

import torch
from torch import Tensor

from gschnet_pyg.contracts import PlacementSteps
from gschnet_pyg.model.radial import cosine_cutoff
from gschnet_pyg.model.schnet import SchNet


def step_nodes(steps: PlacementSteps, step: int) -> tuple[Tensor, Tensor]:
    """Nodes of a step (the focus token last), and the site each of them sits on."""
    first = int(steps.focus_slot[step]) // steps.max_sites * steps.max_sites
    nodes = torch.nonzero((steps.node_slot >= first) & (steps.node_slot < first + steps.max_sites)).squeeze(1)
    sites = torch.cat([steps.node_slot[nodes] - first, steps.focus_slot[step : step + 1] - first])
    return torch.cat([nodes, torch.tensor([len(steps.node_type) + step])]), sites


def edge_list(steps: PlacementSteps) -> tuple[Tensor, Tensor, Tensor]:
    """Every directed edge of every step: receiving node, sending node, distance."""
    receivers, senders, distances = [], [], []
    length = torch.cat([steps.pair_distance, torch.tensor([0.0, torch.inf])])
    for step in range(steps.n_steps):
        nodes, sites = step_nodes(steps, step)
        row = steps.filter_row[steps.step_molecule[step]][sites][:, sites]
        distance = length[row]
        distance.fill_diagonal_(torch.inf)
        i, j = torch.nonzero(torch.isfinite(distance), as_tuple=True)
        receivers.append(nodes[i])
        senders.append(nodes[j])
        distances.append(distance[i, j])
    return torch.cat(receivers), torch.cat(senders), torch.cat(distances)


def schnet_by_edges(schnet: SchNet, steps: PlacementSteps) -> Tensor:
    """SchNet's features with one filter evaluation per directed edge of each step."""
    i, j, distance = edge_list(steps)
    tokens = torch.full((steps.n_steps,), schnet.embedding.num_embeddings - 1)
    x = schnet.embedding(torch.cat([steps.node_type, tokens]))
    for block in schnet.blocks:
        filters = block.filter_net(schnet.basis(distance)) * cosine_cutoff(distance, schnet.cutoff)[:, None]
        sent = block.into_filters(x)[j] * filters
        x = x + block.out_of_filters(torch.zeros_like(x).index_add(0, i, sent))
    return x
