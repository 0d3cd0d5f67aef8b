"""A plain edge-list formulation of SchNet over steps, as the papers describe it: the model's independent twin."""

from __future__ import annotations

import torch
from torch import Tensor

from gschnet_pyg.contracts import PairList, PlacementSteps
from gschnet_pyg.model.radial import cosine_cutoff
from gschnet_pyg.model.schnet import SchNet


def neighbor_pairs(steps: PlacementSteps) -> tuple[Tensor, Tensor, Tensor]:
    """Who hears whom among the nodes, in whichever form the batch says it: receiver, sender, row of the filter."""
    pairs = steps.pairs
    if isinstance(pairs, PairList):
        ends = [torch.cat([pairs.first, pairs.second]), torch.cat([pairs.second, pairs.first])]
        return ends[0], ends[1], pairs.filter_row.repeat(2)
    nodes = torch.arange(len(steps.node_type))
    i, j = torch.nonzero(steps.node_step[:, None] == steps.node_step, as_tuple=True)
    row = pairs.filter_row[steps.step_molecule[steps.node_step[i]], steps.node_site[i], steps.node_site[j]]
    is_near = row < len(steps.pair_distance)
    return nodes[i][is_near], nodes[j][is_near], row[is_near]


def edge_list(steps: PlacementSteps) -> tuple[Tensor, Tensor, Tensor]:
    """Every directed edge of every step: receiving node, sending node, distance."""
    receiver, sender, row = neighbor_pairs(steps)
    tokens, site = len(steps.node_type) + torch.arange(steps.n_steps), steps.focus_node
    edges = [(receiver, sender, steps.pair_distance[row])]
    for heard, place in ((receiver, sender), (sender, receiver)):  # the token is where its site is
        for step in range(steps.n_steps):
            here = place == site[step]
            token = tokens[step].expand(int(here.sum()))
            ends = (heard[here], token) if place is sender else (token, heard[here])
            edges.append((*ends, steps.pair_distance[row[here]]))
    nothing = torch.zeros(steps.n_steps)
    edges += [(tokens, site, nothing), (site, tokens, nothing)]
    i, j, distance = (torch.cat(column) for column in zip(*edges, strict=True))
    return i, j, distance


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
