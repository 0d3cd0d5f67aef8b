"""The seam through which conditions enter the model."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn


class ConditionEmbedding(nn.Module):
    """Turns the conditions of every molecule into features; the base of all embeddings.

    The features are appended to those of each predictor after SchNet and enter both heads.

    Args:
        properties: names of the properties that are read.
        n_features: width of the result.
    """

    def __init__(self, properties: tuple[str, ...], n_features: int) -> None:
        super().__init__()
        self.properties = properties
        self.n_features = n_features

    def forward(self, conditions: Mapping[str, Tensor]) -> Tensor:
        """``{property: [n_molecules, k]} -> [n_molecules, n_features]``."""
        raise NotImplementedError
