"""Both formulations say the same: checked before anything is timed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from benchmarks.plain.data import training_graphs
from benchmarks.plain.model import PlainGSchNet, plain_loss
from benchmarks.plain.sampler import generate_plain
from gschnet_pyg.contracts import PlacementSteps
from gschnet_pyg.generation.sampler import GenerationSettings, generate
from gschnet_pyg.model.gschnet import GSchNet
from gschnet_pyg.training.losses import placement_loss
from gschnet_pyg.trajectory.collate import PlacementCollate

TOLERANCE = 1e-4
"""Largest difference of log-probabilities, losses and gradients."""


def training_differences(model: GSchNet, molecules: Sequence[Data], steps_drawn: int | None) -> dict[str, float]:
    """Largest absolute differences in what both formulations say of the same molecules and trajectories."""
    device = next(model.parameters()).device
    plain = PlainGSchNet.with_weights_of(model)
    steps = PlacementCollate(model.vocabulary, model.cutoffs, steps_drawn)(molecules).to(device)
    prediction = model(steps)
    loss = placement_loss(prediction, steps, model.bins).total
    graphs = training_graphs(molecules, model.vocabulary, model.cutoffs, steps_drawn).to(device)
    type_logp, distance_logp = plain(graphs)
    plain_total = plain_loss(type_logp, distance_logp, graphs, plain.bins)
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    plain_gradients = torch.autograd.grad(plain_total, list(plain.parameters()))
    return {
        "next classes": _largest(steps.next_class - graphs.next_class),
        "type log-probabilities": _largest(prediction.type_logp - type_logp),
        "distance log-probabilities": _largest(prediction.distance_logp[_order(steps)] - distance_logp),
        "loss": _largest(loss - plain_total),
        "gradients": max(_largest(a - b) for a, b in zip(gradients, plain_gradients, strict=True)),
    }


def _order(steps: PlacementSteps) -> Tensor:
    """Labelled predictors step by step, the focus token last, as the plain formulation has them."""
    labelled = steps.labelled_predictor
    node, step = steps.predictor_node[labelled].cpu().numpy(), steps.predictor_step[labelled].cpu().numpy()
    return torch.as_tensor(np.lexsort((node, step)), device=labelled.device)


def _largest(difference: Tensor) -> float:
    return float(difference.detach().abs().max())


def equal_molecules(model: GSchNet, settings: GenerationSettings) -> int:
    """How many molecules both formulations generate alike from the same seed.

    Not all need be: a drawn position lies next to another one in the order of the grid, and the last digit of a
    log-probability decides now and then.
    """
    attempts = {attempt.number: attempt for attempt in generate(model, settings)}
    n_equal = 0
    for molecule in generate_plain(PlainGSchNet.with_weights_of(model), settings, torch.float64):
        attempt = attempts[molecule.number]
        if molecule.is_finished == attempt.is_finished and molecule.z == attempt.z.tolist():
            n_equal += np.allclose(np.array(molecule.pos).reshape(-1, 3), attempt.pos, atol=1e-4)
    return n_equal
