"""Conditions -> features that enter both heads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from gschnet_pyg.model.conditions import (
    CompositionCondition,
    Condition,
    Mixing,
    ScalarCondition,
    VectorCondition,
)
from gschnet_pyg.model.radial import GaussianBasis, dense_layers, dense_stack


class ConditionEmbedding(nn.Module):
    """Embeds every condition, stacks the embeddings in the given order, and mixes them.

    Args:
        conditions: at least one.
        mixing: dense layers that mix.

    Source:
        Gebauer et al., Nat. Commun. 13, 973 (2022), Methods.
    """

    def __init__(self, conditions: Sequence[Condition], mixing: Mixing = Mixing()) -> None:  # noqa: B008 (frozen)
        super().__init__()
        self.conditions = tuple(conditions)
        self.mixing = mixing
        self.embeddings = nn.ModuleList(_embedding(condition) for condition in self.conditions)
        n_inputs = sum(condition.n_features for condition in self.conditions)
        self.mix = dense_stack(n_inputs, mixing.width, mixing.width, mixing.layers)

    @property
    def properties(self) -> tuple[str, ...]:
        """Names of the properties that are read."""
        return tuple(condition.name for condition in self.conditions)

    @property
    def n_features(self) -> int:
        """Width of the result."""
        return self.mixing.width

    def forward(self, conditions: Mapping[str, Tensor]) -> Tensor:
        """``{property: [n_molecules, k]} -> [n_molecules, n_features]``."""
        embedded = [embed(conditions[name]) for name, embed in zip(self.properties, self.embeddings, strict=True)]
        mixed: Tensor = self.mix(torch.cat(embedded, dim=-1))
        return mixed if self.mixing.scale == 1.0 else self.mixing.scale * mixed


class ScalarEmbedding(nn.Module):
    """Gaussians, then dense layers."""

    def __init__(self, condition: ScalarCondition) -> None:
        super().__init__()
        n_gaussians = condition.n_gaussians
        last = condition.minimum + condition.spacing * (n_gaussians - 1)
        self.gaussians = GaussianBasis(condition.minimum, last, n_gaussians)
        self.dense = dense_stack(n_gaussians, condition.width, condition.width, condition.layers)

    def forward(self, values: Tensor) -> Tensor:
        """``[n_molecules, 1] -> [n_molecules, width]``."""
        embedded: Tensor = self.dense(self.gaussians(values[:, 0]))
        return embedded


class VectorEmbedding(nn.Module):
    """Dense layers."""

    def __init__(self, condition: VectorCondition) -> None:
        super().__init__()
        self.dense = dense_layers([condition.size, *condition.hidden_widths, condition.width])

    def forward(self, values: Tensor) -> Tensor:
        """``[n_molecules, size] -> [n_molecules, width]``."""
        embedded: Tensor = self.dense(values)
        return embedded


class CompositionEmbedding(nn.Module):
    """Embeddings of the types, each weighted with its concentration and stacked; beside them the number of atoms."""

    counted: Tensor

    def __init__(self, condition: CompositionCondition) -> None:
        super().__init__()
        counted = condition.counted
        self.register_buffer("counted", torch.tensor(counted), persistent=False)
        self.types = nn.Embedding(len(counted), condition.type_features)
        self.dense = dense_stack(
            len(counted) * condition.type_features, condition.width, condition.width, condition.layers
        )
        self.count = ScalarEmbedding(condition.count)

    def forward(self, values: Tensor) -> Tensor:
        """Counts ``[n_molecules, T] -> [n_molecules, width + count width]``."""
        counts = values.index_select(1, self.counted)
        total = counts.sum(dim=1, keepdim=True)
        concentration = counts / total.clamp(min=1.0)
        stacked = (concentration.unsqueeze(-1) * self.types.weight).flatten(start_dim=1)
        return torch.cat([self.dense(stacked), self.count(total)], dim=-1)


def _embedding(condition: Condition) -> nn.Module:
    match condition:
        case ScalarCondition():
            return ScalarEmbedding(condition)
        case VectorCondition():
            return VectorEmbedding(condition)
        case CompositionCondition():
            return CompositionEmbedding(condition)
    raise TypeError(f"no embedding for {type(condition).__name__}")
