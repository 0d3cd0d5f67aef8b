"""SchNet over prediction steps: the steps of a molecule are prefixes of the same sites and share their filters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gschnet_pyg.contracts import PlacementSteps
from gschnet_pyg.model.messages import messages
from gschnet_pyg.model.radial import GaussianBasis, ShiftedSoftplus, cosine_cutoff, dense


class Filters(NamedTuple):
    """Filters of one block.

    Attributes:
        of_pairs: ``[n, F]``.
        at_zero: ``[F]`` between a focus token and its site.
    """

    of_pairs: Tensor
    at_zero: Tensor


class SchNet(nn.Module):
    """Features of every node and focus token.

    Args:
        n_node_types: atom types, then the origin, then the focus token.
        n_features: width of the features.
        n_interactions: number of interaction blocks.
        n_gaussians: size of the distance expansion, from 0 to the cutoff.
        cutoff: Å, model cutoff.
        shared_interactions: all blocks use the same weights.

    Source:
        Schütt et al., J. Chem. Phys. 148, 241722 (2018).
    """

    def __init__(
        self,
        n_node_types: int,
        n_features: int,
        n_interactions: int,
        n_gaussians: int,
        cutoff: float,
        shared_interactions: bool = False,
    ) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.embedding = nn.Embedding(n_node_types, n_features)
        self.basis = GaussianBasis(0.0, cutoff, n_gaussians)
        n_blocks = 1 if shared_interactions else n_interactions
        self.blocks = nn.ModuleList(Interaction(n_features, n_gaussians) for _ in range(n_blocks))
        self.n_repeats = n_interactions if shared_interactions else 1

    def forward(self, steps: PlacementSteps, kept: Sequence[Filters] | None = None) -> Tensor:
        """Read the partial molecules.

        Args:
            steps: the batch.
            kept: filters of every block that its pairs have rows in; those of its distances by default.

        Returns:
            ``[n_nodes + n_steps, n_features]``: all nodes, then the focus token of every step.
        """
        n_types = self.embedding.num_embeddings
        focus_type = steps.focus_node.new_full((steps.n_steps,), n_types - 1)
        x: Tensor = self.embedding(torch.cat([steps.node_type, focus_type]))
        of_blocks = self.filters(steps.pair_distance.to(x.dtype)) if kept is None else kept
        for block, filters in zip(self.blocks, of_blocks, strict=True):
            for _ in range(self.n_repeats):
                x = x + block(x, filters, steps)
        return x

    def filters(self, distance: Tensor) -> list[Filters]:
        """Filters of every block at distances ``[n_pairs]`` Å."""
        # one more than asked for: the filter between the focus token and the atom it sits on
        distance = torch.cat([distance, distance.new_zeros(1)])
        expansion = self.basis(distance)
        envelope = cosine_cutoff(distance, self.cutoff).unsqueeze(-1)
        filters = (block.get_submodule("filter_net")(expansion) * envelope for block in self.blocks)
        parts = (torch.split(of_block, [len(distance) - 1, 1]) for of_block in filters)
        return [Filters(of_pairs, at_zero[0]) for of_pairs, at_zero in parts]


class Interaction(nn.Module):
    """Continuous-filter convolution over all steps of a batch at once."""

    def __init__(self, n_features: int, n_gaussians: int) -> None:
        super().__init__()
        self.filter_net = nn.Sequential(
            dense(n_gaussians, n_features), ShiftedSoftplus(), dense(n_features, n_features)
        )
        self.into_filters = dense(n_features, n_features, bias=False)
        self.out_of_filters = nn.Sequential(
            dense(n_features, n_features), ShiftedSoftplus(), dense(n_features, n_features)
        )

    def forward(self, x: Tensor, filters: Filters, steps: PlacementSteps) -> Tensor:
        """Update ``[n_nodes + n_steps, F]`` from the filters of the pairs."""
        heard = messages(self.into_filters(x), filters.of_pairs, filters.at_zero, steps.focus_node, steps.pairs)
        update: Tensor = self.out_of_filters(heard)
        return update
