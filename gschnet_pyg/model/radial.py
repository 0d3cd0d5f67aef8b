"""Radial functions and dense layers that SchNet and the heads share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class GaussianBasis(nn.Module):
    """Expand distances in Gaussians, ``exp(-(d - offset)^2 / (2 width^2))``.

    Offsets are spaced evenly from ``start`` to ``stop``; the width is their spacing.
    """

    offsets: Tensor

    def __init__(self, start: float, stop: float, n_gaussians: int) -> None:
        super().__init__()
        self.register_buffer("offsets", torch.linspace(start, stop, n_gaussians), persistent=False)
        self.scale = -0.5 / ((stop - start) / (n_gaussians - 1)) ** 2

    def forward(self, distance: Tensor) -> Tensor:
        """``[...] -> [..., n_gaussians]``."""
        return torch.exp(self.scale * (distance.unsqueeze(-1) - self.offsets) ** 2)


class ShiftedSoftplus(nn.Module):
    """:func:`shifted_softplus` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        """Elementwise."""
        return shifted_softplus(x)


def shifted_softplus(x: Tensor) -> Tensor:
    """``softplus(x) - ln 2``: smooth everywhere, zero at zero."""
    return F.softplus(x).sub_(math.log(2.0))


def cosine_cutoff(distance: Tensor, cutoff: float) -> Tensor:
    """``(cos(pi d / cutoff) + 1) / 2`` inside the cutoff, zero outside."""
    return 0.5 * (torch.cos(distance * (math.pi / cutoff)) + 1.0) * (distance < cutoff)


def dense(n_in: int, n_out: int, bias: bool = True) -> nn.Linear:
    """Linear layer that starts Xavier-uniform with zero bias."""
    layer = nn.Linear(n_in, n_out, bias=bias)
    nn.init.xavier_uniform_(layer.weight)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


def dense_stack(n_in: int, width: int | Sequence[int], n_out: int, n_layers: int) -> nn.Sequential:
    """``n_layers`` dense layers, shifted softplus between them; all hidden ones are of one width, or each of its own.

    Raises:
        ValueError: if the widths are not one for each hidden layer.
    """
    hidden = [width] * (n_layers - 1) if isinstance(width, int) else list(width)
    if len(hidden) != n_layers - 1:
        raise ValueError(f"{n_layers} layers have {n_layers - 1} hidden ones, not {len(hidden)}")
    return dense_layers([n_in, *hidden, n_out])


def dense_layers(sizes: Sequence[int]) -> nn.Sequential:
    """Dense layers from one size to the next, shifted softplus between them."""
    layers: list[nn.Module] = []
    for size_in, size_out in pairwise(sizes):
        layers += [dense(size_in, size_out), ShiftedSoftplus()]
    return nn.Sequential(*layers[:-1])
