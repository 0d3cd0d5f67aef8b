"""Optimiser and learning-rate schedules."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor


@dataclass(frozen=True)
class Plateau:
    """Multiply the learning rate by ``factor`` when the validation loss has not improved ``patience`` times."""

    factor: float = 0.5
    patience: int = 10
    minimum: float = 1e-6


@dataclass(frozen=True)
class Cosine:
    """Linear warm-up over steps, then half a cosine down to a fraction at the end of the run's limit."""

    warmup_steps: int = 200
    final_fraction: float = 0.01

    def factor(self, step: int, progress: float) -> float:
        """Share of the learning rate at an optimisation step, ``progress`` of the limit (0 to 1) being used up."""
        warmup = min(1.0, (step + 1) / max(self.warmup_steps, 1))
        cosine = 0.5 * (1.0 + math.cos(math.pi * min(progress, 1.0)))
        return warmup * (self.final_fraction + (1.0 - self.final_fraction) * cosine)


Precision = Literal["float32", "bfloat16", "float64"]
"""Of everything; beside matrix products and features in bfloat16, weights, gradients and losses are float32."""


@dataclass(frozen=True)
class Optimisation:
    """How weights are updated.

    Args:
        optimizer: ``adam`` or ``adamw``.
        learning_rate: at the start, after warm-up.
        weight_decay: of the optimiser.
        schedule: how the learning rate falls; none keeps it.
        label_width: of the distance labels, in bins.
        precision: of training; beside bfloat16 the validation is of float32. Of the weights it is that of the model.
        compiled: training runs code that PyTorch compiles for the model.
    """

    optimizer: Literal["adam", "adamw"] = "adam"
    learning_rate: float = 1e-4
    weight_decay: float = 0.0
    schedule: Plateau | Cosine | None = None
    label_width: float = 0.1
    precision: Precision = "float32"
    compiled: bool = False

    def optimizer_of(self, weights: Iterable[Tensor]) -> torch.optim.Optimizer:
        """The optimiser of some weights, in the form that updates all of them at once."""
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[self.optimizer]
        optimizer: torch.optim.Optimizer = kind(
            weights, lr=self.learning_rate, weight_decay=self.weight_decay, fused=True
        )
        return optimizer
