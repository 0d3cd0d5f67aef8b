"""G-SchNet: SchNet features, and two heads that say what comes next and how far away it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gschnet_pyg.contracts import Cutoffs, DistanceBins, PlacementSteps, Prediction, Vocabulary
from gschnet_pyg.limits import (
    LONGEST_CUTOFF,
    MOST_BINS,
    MOST_GAUSSIANS,
    MOST_LAYERS,
    WIDEST,
    check_flag,
    check_number,
    check_whole,
)
from gschnet_pyg.model.embeddings import ConditionEmbedding
from gschnet_pyg.model.radial import dense_stack
from gschnet_pyg.model.schnet import Filters, SchNet


@dataclass(frozen=True)
class ModelSettings:
    """Sizes of the network; the defaults are the established ones for QM9.

    Args:
        n_features: width of the SchNet features.
        n_interactions: number of interaction blocks.
        n_gaussians: size of the distance expansion.
        shared_interactions: all interaction blocks use the same weights.
        type_layers, type_width: dense layers of the type head, and the width of its hidden ones or of each of them.
        distance_layers, distance_width: the same of the distance head.
        average_types: average the type distributions of the predictors in place of their product.
        max_distance, n_distance_bins: distance bins; none derives them from the cutoffs.
        has_origin: the model sees the origin token.
        needs_fragment: the model has only learnt to complete substructures.

    Raises:
        ValueError: if a size is none, or beyond all models.
    """

    n_features: int = 128
    n_interactions: int = 9
    n_gaussians: int = 25
    shared_interactions: bool = False
    type_layers: int = 5
    type_width: int | tuple[int, ...] = 256
    distance_layers: int = 5
    distance_width: int | tuple[int, ...] = 256
    average_types: bool = False
    max_distance: float | None = None
    n_distance_bins: int | None = None
    has_origin: bool = True
    needs_fragment: bool = False

    def __post_init__(self) -> None:
        check_whole("n_features", self.n_features, 1, WIDEST)
        check_whole("n_gaussians", self.n_gaussians, 2, MOST_GAUSSIANS)
        for name in ("n_interactions", "type_layers", "distance_layers"):
            check_whole(name, getattr(self, name), 1, MOST_LAYERS)
        for name in ("type_width", "distance_width"):
            widths = getattr(self, name)
            for width in widths if isinstance(widths, tuple) else (widths,):
                check_whole(name, width, 1, WIDEST)
        for name in ("shared_interactions", "average_types", "has_origin", "needs_fragment"):
            check_flag(name, getattr(self, name))
        if self.max_distance is not None:
            check_number("max_distance", self.max_distance, 2 * LONGEST_CUTOFF)
        if self.n_distance_bins is not None:
            check_whole("n_distance_bins", self.n_distance_bins, 2, MOST_BINS)

    def bins(self, cutoffs: Cutoffs) -> DistanceBins:
        """Distance bins in force."""
        bins = DistanceBins.for_cutoffs(cutoffs)
        if self.max_distance is not None:
            bins = DistanceBins.up_to(self.max_distance)
        return bins if self.n_distance_bins is None else replace(bins, number=self.n_distance_bins)


class GSchNet(nn.Module):
    """Conditional G-SchNet.

    Args:
        vocabulary: atom types and tokens.
        cutoffs: Å.
        settings: sizes of the network.
        conditions: embeds the conditions of a molecule; none for an unconditional model.

    Source:
        Gebauer et al., Nat. Commun. 13, 973 (2022).
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        cutoffs: Cutoffs,
        settings: ModelSettings,
        conditions: ConditionEmbedding | None = None,
    ) -> None:
        super().__init__()
        self.vocabulary, self.cutoffs, self.settings = vocabulary, cutoffs, settings
        self.bins = settings.bins(cutoffs)
        self.schnet = SchNet(
            vocabulary.n_node_types,
            settings.n_features,
            settings.n_interactions,
            settings.n_gaussians,
            cutoffs.model,
            settings.shared_interactions,
        )
        self.conditions = conditions
        n_conditions = conditions.n_features if conditions is not None else 0
        n_inputs = settings.n_features + n_conditions
        self.type_head = dense_stack(n_inputs, settings.type_width, vocabulary.n_types + 1, settings.type_layers)
        self.distance_head = dense_stack(n_inputs, settings.distance_width, self.bins.number, settings.distance_layers)
        self.next_type_embedding = nn.Embedding(vocabulary.n_types, settings.n_features)

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights, and of the distances and conditions to read."""
        return self.next_type_embedding.weight.dtype

    def forward(self, steps: PlacementSteps) -> Prediction:
        """Predict every step of a batch that carries labels."""
        features = self.encode(steps)
        embedded = self.embed_conditions(steps)
        next_class = steps.next_class[steps.predictor_step[steps.labelled_predictor]]
        return Prediction(
            self.type_logp(features, embedded, steps),
            self.distance_logp(features, embedded, steps, steps.labelled_predictor, next_class),
        )

    def encode(self, steps: PlacementSteps, kept: Sequence[Filters] | None = None) -> Tensor:
        """SchNet features of all predictors, ``[n_predictors, n_features]``, with filters that were kept if any."""
        features: Tensor = self.schnet(steps, kept)
        return features.index_select(0, steps.predictor_node)

    def embed_conditions(self, steps: PlacementSteps) -> Tensor | None:
        """Features of the conditions of every step, ``[n_steps, n]``."""
        if self.conditions is None:
            return None
        embedded: Tensor = self.conditions(steps.conditions)
        return embedded.index_select(0, steps.step_molecule)

    def type_logp(self, features: Tensor, embedded: Tensor | None, steps: PlacementSteps) -> Tensor:
        """Log-probability of the next type of every step, ``[n_steps, T + 1]``.

        The product of the predictors' distributions, renormalised, or their average.
        """
        logp = self._log_softmax(self.type_head(_append(features, embedded, steps.predictor_step)))
        total = logp.new_zeros(steps.n_steps, logp.shape[1])
        if not self.settings.average_types:
            return F.log_softmax(total.index_add(0, steps.predictor_step, logp), dim=-1)
        # the logarithm of the mean probability, kept finite by the largest of each step and type
        step = steps.predictor_step.unsqueeze(-1).expand_as(logp)
        lowest = torch.finfo(logp.dtype).min  # what no predictor thinks possible has no difference to it otherwise
        largest = torch.full_like(total, lowest).scatter_reduce(0, step, logp.detach(), "amax")
        summed = total.index_add(0, steps.predictor_step, torch.exp(logp - largest[steps.predictor_step]))
        return F.log_softmax(summed.log() + largest, dim=-1)

    def distance_logp(
        self, features: Tensor, embedded: Tensor | None, steps: PlacementSteps, predictor: Tensor, next_class: Tensor
    ) -> Tensor:
        """Log-probability of the distance bins between predictors and the next atom.

        Args:
            features: ``[n_predictors, n_features]``.
            embedded: conditions of every step, or none.
            steps: the batch.
            predictor: ``[P]`` the predictors to ask.
            next_class: ``[P]`` class of the atom that comes next.

        Returns:
            ``[P, n_bins]``.
        """
        chosen = features.index_select(0, predictor) * self.next_type_embedding(next_class)
        return self._log_softmax(self.distance_head(_append(chosen, embedded, steps.predictor_step[predictor])))

    def _log_softmax(self, logits: Tensor) -> Tensor:
        """In the precision of the weights, whatever that of the products."""
        return F.log_softmax(logits, dim=-1, dtype=self.dtype)


def _append(features: Tensor, embedded: Tensor | None, step: Tensor) -> Tensor:
    """Features of predictors followed by the conditions of their steps."""
    return features if embedded is None else torch.cat([features, embedded.index_select(0, step)], dim=-1)
