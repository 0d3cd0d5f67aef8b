"""What training minimises: the type's negative log-likelihood plus the divergence of the distances."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from gschnet_pyg.contracts import DistanceBins, PlacementSteps, Prediction

ONE_HOT_BELOW = 0.01
"""Label widths below this factor make one-hot labels."""


class LossTerms(NamedTuple):
    """Losses of a batch, and how many steps and labelled predictors they average over."""

    total: Tensor
    type: Tensor
    distance: Tensor
    n_steps: int
    n_labelled: int


def placement_loss(
    prediction: Prediction, steps: PlacementSteps, bins: DistanceBins, label_width: float = 0.1
) -> LossTerms:
    """Loss of a batch of labelled steps.

    Args:
        prediction: what the model says of the steps.
        steps: the batch, with labels.
        bins: distance bins of the model.
        label_width: width of the distance labels in bins, see :func:`distance_labels`; below 0.01 they
            are one-hot and the negative log-likelihood takes the place of the divergence.

    Returns:
        Mean negative log-likelihood of the type over steps, Kullback-Leibler divergence of the distances
        averaged over labelled predictors, and their sum.

    Source:
        Gebauer et al., Nat. Commun. 13, 973 (2022), Methods.
    """
    type_loss = F.nll_loss(prediction.type_logp, steps.next_class)
    n_labelled = len(steps.labelled_distance)
    if n_labelled == 0:  # a batch of stops
        distance_loss = prediction.distance_logp.sum()
    elif label_width < ONE_HOT_BELOW:
        nearest = torch.round(steps.labelled_distance / bins.width).long().clamp(max=bins.number - 1)
        distance_loss = F.nll_loss(prediction.distance_logp, nearest)
    else:
        labels = distance_labels(steps.labelled_distance, bins, label_width)
        distance_loss = F.kl_div(prediction.distance_logp, labels, reduction="sum") / n_labelled
    return LossTerms(type_loss + distance_loss, type_loss, distance_loss, steps.n_steps, n_labelled)


def pooled_loss(own: LossTerms, n_processes: int, added_up: Callable[[Tensor], Tensor]) -> tuple[Tensor, LossTerms]:
    """Loss of a batch that several processes share, as if one process had all of it.

    Shares differ in their numbers of steps and labelled predictors, so sums are divided by the counts of all shares.

    Args:
        own: of this process's share; counts of 0 leave it out.
        n_processes: that share the batch.
        added_up: sums a tensor over them.

    Returns:
        What this process is to differentiate, whose gradient *averaged* over the processes is that of the whole
        batch's loss; and that loss, without gradient, with the counts of this share.
    """
    counts = own.type.new_tensor([own.n_steps, own.n_labelled])
    sums = torch.stack([own.type, own.distance]) * counts
    pooled = added_up(torch.cat([sums.detach(), counts]))
    n_pooled = pooled[2:].clamp(min=1)
    type_loss, distance_loss = pooled[:2] / n_pooled
    whole = LossTerms(type_loss + distance_loss, type_loss, distance_loss, own.n_steps, own.n_labelled)
    return n_processes * (sums / n_pooled).sum(), whole


def distance_labels(distance: Tensor, bins: DistanceBins, label_width: float) -> Tensor:
    """Distances ``[P]`` as normalised Gaussians over the bins ``[P, n_bins]``.

    ``exp(-(d - c)^2 / w)`` with ``w = label_width * bin width``; distances beyond the last bin count as its centre.
    """
    centres = torch.linspace(0.0, bins.maximum, bins.number, dtype=distance.dtype, device=distance.device)
    offset = distance.clamp(max=bins.maximum).unsqueeze(-1) - centres
    return torch.softmax(-(offset**2) / (label_width * bins.width), dim=-1)
