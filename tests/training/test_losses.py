"""The losses, against their formulas."""

from __future__ import annotations

import pytest
import torch

from gschnet_pyg.contracts import DistanceBins, PlacementSteps, Prediction
from gschnet_pyg.training.losses import LossTerms, distance_labels, placement_loss, pooled_loss

BINS = DistanceBins(6.7, 202)


def steps(distances: list[float], classes: list[int]) -> PlacementSteps:
    return PlacementSteps(
        n_steps=len(classes), next_class=torch.tensor(classes), labelled_distance=torch.tensor(distances)
    )


def test_labels_are_normalised_gaussians() -> None:
    distance = torch.tensor([1.09, 3.0])
    labels = distance_labels(distance, BINS, 0.1)
    centres = torch.linspace(0, 6.7, 202)
    expected = torch.exp(-((distance[:, None] - centres) ** 2) / (0.1 * BINS.width))
    torch.testing.assert_close(labels, expected / expected.sum(1, keepdim=True))
    torch.testing.assert_close(labels @ centres, distance, atol=1e-3, rtol=0)


def test_distances_beyond_the_last_bin_count_as_its_centre() -> None:
    far, last = distance_labels(torch.tensor([9.0]), BINS, 0.1), distance_labels(torch.tensor([6.7]), BINS, 0.1)
    torch.testing.assert_close(far, last)
    assert int(far.argmax()) == 201


def test_a_perfect_prediction_costs_nothing() -> None:
    batch = steps([1.0, 2.0], [0, 5])
    type_logp = torch.full((2, 6), -torch.inf)
    type_logp[[0, 1], [0, 5]] = 0.0
    logp = distance_labels(batch.labelled_distance, BINS, 0.1).clamp(min=1e-30).log()
    loss = placement_loss(Prediction(type_logp, logp), batch, BINS)
    assert float(loss.total) == pytest.approx(0.0, abs=1e-5)


def test_a_uniform_prediction_costs_the_divergence() -> None:
    batch = steps([1.0, 2.0, 3.3], [0, 5])
    uniform = Prediction(torch.full((2, 6), 1 / 6).log(), torch.full((3, 202), 1 / 202).log())
    loss = placement_loss(uniform, batch, BINS)
    labels = distance_labels(batch.labelled_distance, BINS, 0.1)
    entropy = -torch.special.xlogy(labels, labels).sum(1).mean()
    log = torch.log(torch.tensor([6.0, 202.0]))
    torch.testing.assert_close(loss.type, log[0])
    torch.testing.assert_close(loss.distance, log[1] - entropy)
    torch.testing.assert_close(loss.total, loss.type + loss.distance)


def test_narrow_labels_are_one_hot() -> None:
    batch = steps([1.0], [0])
    logp = torch.randn(1, 202, generator=torch.Generator().manual_seed(0)).log_softmax(1)
    loss = placement_loss(Prediction(torch.zeros(1, 6), logp), batch, BINS, label_width=0.001)
    assert float(loss.distance) == pytest.approx(-float(logp[0, 30]))


def test_a_batch_of_stops_has_no_distances() -> None:
    batch = steps([], [5, 5])
    loss = placement_loss(Prediction(torch.full((2, 6), 1 / 6).log(), torch.zeros(0, 202)), batch, BINS)
    assert float(loss.distance) == 0.0
    assert torch.isfinite(loss.total)


def test_shares_of_any_size_add_up_to_the_whole_batch() -> None:
    """Three processes: a share with distances, one of stops only, and a filler that counts for nothing."""
    type_logits = torch.randn(5, 6, generator=torch.Generator().manual_seed(1), requires_grad=True)
    distance_logits = torch.randn(3, 202, generator=torch.Generator().manual_seed(2), requires_grad=True)
    type_logp, distance_logp = type_logits.log_softmax(1), distance_logits.log_softmax(1)
    distances, classes = [1.0, 2.0, 3.3], [0, 5, 1, 5, 5]
    whole = placement_loss(Prediction(type_logp, distance_logp), steps(distances, classes), BINS)
    expected = torch.autograd.grad(whole.total, [type_logits, distance_logits], retain_graph=True)

    first = placement_loss(Prediction(type_logp[:3], distance_logp), steps(distances, classes[:3]), BINS)
    second = placement_loss(Prediction(type_logp[3:], distance_logp[:0]), steps([], classes[3:]), BINS)
    shares = [first, second, first._replace(n_steps=0, n_labelled=0)]

    def summed(own: LossTerms) -> torch.Tensor:
        counts = torch.tensor([own.n_steps, own.n_labelled])
        return torch.cat([torch.stack([own.type, own.distance]).detach() * counts, counts])

    total = torch.stack([summed(share) for share in shares]).sum(0)
    pooled = [pooled_loss(share, 3, lambda own: total) for share in shares]
    for _, known in pooled:
        torch.testing.assert_close(torch.stack(known[:3]), torch.stack(whole[:3]))
    averaged = torch.stack([minimised for minimised, _ in pooled]).mean()
    for found, wanted in zip(torch.autograd.grad(averaged, [type_logits, distance_logits]), expected, strict=True):
        torch.testing.assert_close(found, wanted)
