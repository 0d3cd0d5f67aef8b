"""SchNet on the edge list of a graph per step, the two heads of G-SchNet, and what they are trained for.

Source:
    Schütt et al., J. Chem. Phys. 148, 241722 (2018); Gebauer et al., Nat. Commun. 13, 973 (2022), Methods.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.plain.data import StepGraphs
from gschnet_pyg.contracts import Cutoffs, DistanceBins, Vocabulary
from gschnet_pyg.model.gschnet import GSchNet, ModelSettings


class ShiftedSoftplus(nn.Module):
    """``ln(e^x / 2 + 1 / 2)``."""

    def forward(self, x: Tensor) -> Tensor:
        """Elementwise."""
        return F.softplus(x) - math.log(2.0)


class Interaction(nn.Module):
    """Continuous-filter convolution: gather, multiply, sum over the edges."""

    def __init__(self, n_features: int, n_gaussians: int) -> None:
        super().__init__()
        self.filter_net = dense_stack(n_gaussians, n_features, n_features, 2)
        self.into_filters = nn.Linear(n_features, n_features, bias=False)
        self.out_of_filters = dense_stack(n_features, n_features, n_features, 2)

    def forward(self, x: Tensor, expansion: Tensor, envelope: Tensor, graphs: StepGraphs) -> Tensor:
        """Update of ``[n_nodes, F]``; ``expansion [E, n_gaussians]`` and ``envelope [E, 1]`` belong to the edges."""
        filters = self.filter_net(expansion) * envelope
        sent = self.into_filters(x)[graphs.sender] * filters
        received = torch.zeros_like(x).index_add(0, graphs.receiver, sent)
        update: Tensor = self.out_of_filters(received)
        return update


class SchNet(nn.Module):
    """Features of every node of every step."""

    def __init__(self, n_node_types: int, settings: ModelSettings, cutoff: float) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.embedding = nn.Embedding(n_node_types, settings.n_features)
        self.blocks = nn.ModuleList(
            Interaction(settings.n_features, settings.n_gaussians) for _ in range(settings.n_interactions)
        )
        self.register_buffer("centres", torch.linspace(0.0, cutoff, settings.n_gaussians), persistent=False)

    def forward(self, graphs: StepGraphs) -> Tensor:
        """``[n_nodes, F]``."""
        width = self.centres[1] - self.centres[0]
        expansion = torch.exp(-0.5 * ((graphs.distance[:, None] - self.centres) / width) ** 2)
        envelope = 0.5 * (torch.cos(math.pi * graphs.distance[:, None] / self.cutoff) + 1.0)
        x: Tensor = self.embedding(graphs.node_type)
        for block in self.blocks:
            x = x + block(x, expansion, envelope, graphs)
        return x


class PlainGSchNet(nn.Module):
    """The plain twin of :class:`gschnet_pyg.model.gschnet.GSchNet`, unconditional, with the same parameter names."""

    def __init__(self, vocabulary: Vocabulary, cutoffs: Cutoffs, settings: ModelSettings) -> None:
        super().__init__()
        self.vocabulary, self.cutoffs, self.settings = vocabulary, cutoffs, settings
        self.bins = settings.bins(cutoffs)
        n_features, n_classes = settings.n_features, vocabulary.n_types + 1
        self.schnet = SchNet(vocabulary.n_node_types, settings, cutoffs.model)
        self.type_head = dense_stack(n_features, settings.type_width, n_classes, settings.type_layers)
        self.distance_head = dense_stack(
            n_features, settings.distance_width, self.bins.number, settings.distance_layers
        )
        self.next_type_embedding = nn.Embedding(vocabulary.n_types, n_features)

    @classmethod
    def with_weights_of(cls, model: GSchNet) -> PlainGSchNet:
        """A plain model that must say the same as the given one."""
        plain = cls(model.vocabulary, model.cutoffs, model.settings)
        plain.load_state_dict(model.state_dict())
        return plain.to(next(model.parameters()).device)

    def forward(self, graphs: StepGraphs) -> tuple[Tensor, Tensor]:
        """Log-probabilities of the next types ``[S, T + 1]`` and of the labelled distances ``[L, n_bins]``."""
        features = self.schnet(graphs)[graphs.predictor]
        next_class = graphs.next_class[graphs.predictor_step[graphs.labelled]]
        return self.type_logp(features, graphs), self.distance_logp(features[graphs.labelled], next_class)

    def type_logp(self, features: Tensor, graphs: StepGraphs) -> Tensor:
        """Product of the predictors' distributions ``[K, F]``, renormalised: ``[S, T + 1]``."""
        logp = F.log_softmax(self.type_head(features), dim=-1)
        product = logp.new_zeros(graphs.n_steps, logp.shape[1]).index_add(0, graphs.predictor_step, logp)
        return F.log_softmax(product, dim=-1)

    def distance_logp(self, features: Tensor, next_class: Tensor) -> Tensor:
        """Distances of predictors ``[P, F]`` to the next atom, of class ``[P]``: ``[P, n_bins]``."""
        return F.log_softmax(self.distance_head(features * self.next_type_embedding(next_class)), dim=-1)


def plain_loss(type_logp: Tensor, distance_logp: Tensor, graphs: StepGraphs, bins: DistanceBins) -> Tensor:
    """Negative log-likelihood of the types plus divergence of the distances from narrow Gaussians."""
    loss = F.nll_loss(type_logp, graphs.next_class)
    if len(graphs.labelled) == 0:  # a batch of stops
        return loss
    centres = torch.linspace(0.0, bins.maximum, bins.number, device=distance_logp.device)
    offset = graphs.labelled_distance.clamp(max=bins.maximum)[:, None] - centres
    labels = torch.softmax(-(offset**2) / (0.1 * bins.width), dim=-1)
    return loss + F.kl_div(distance_logp, labels, reduction="sum") / len(labels)


def dense_stack(n_in: int, width: int, n_out: int, n_layers: int) -> nn.Sequential:
    """Dense layers with shifted softplus between them."""
    sizes = [n_in, *[width] * (n_layers - 1), n_out]
    layers: list[nn.Module] = []
    for k in range(n_layers):
        layers += [nn.Linear(sizes[k], sizes[k + 1]), ShiftedSoftplus()]
    return nn.Sequential(*layers[:-1])
