"""Recipe -> network."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from gschnet_pyg.build.growth import cutoffs, vocabulary
from gschnet_pyg.errors import RecipeError
from gschnet_pyg.limits import MOST_WEIGHTS
from gschnet_pyg.model.conditions import Condition, Mixing
from gschnet_pyg.model.embeddings import ConditionEmbedding
from gschnet_pyg.model.gschnet import GSchNet, ModelSettings
from gschnet_pyg.recipe import Recipe


def model(recipe: Recipe, conditions: Sequence[Condition] = ()) -> GSchNet:
    """The network, with weights from the recipe's seed.

    Args:
        recipe: sizes.
        conditions: with the ranges that they have in the training data.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return _network(recipe, conditions)


def check_size(recipe: Recipe, conditions: Sequence[Condition] = ()) -> None:
    """Refuse a network that would fill the memory, before any of it is taken.

    Args:
        recipe: sizes.
        conditions: with the ranges that they have in the training data.

    Raises:
        RecipeError: if it has more weights than anybody trains, or Gaussians of no width.
    """
    try:
        with torch.device("meta"):
            number = sum(weight.numel() for weight in _network(recipe, conditions).parameters())
    except ArithmeticError:
        raise RecipeError("cutoffs, conditions: Gaussians this narrow cannot be computed; enlarge them") from None
    if number > MOST_WEIGHTS:
        raise RecipeError(
            f"model: asks for {number:,} weights, more than the {MOST_WEIGHTS:,} that a model may have; make features, "
            "layers or widths smaller, or cutoffs.prediction, from which the number of distance bins follows"
        )


def _network(recipe: Recipe, conditions: Sequence[Condition]) -> GSchNet:
    mixing = Mixing(recipe.mixing.layers, recipe.mixing.width, recipe.mixing.scale)
    embedding = ConditionEmbedding(conditions, mixing) if conditions else None
    return GSchNet(vocabulary(recipe), cutoffs(recipe), model_settings(recipe), embedding)


def dtype(recipe: Recipe) -> torch.dtype:
    """Of weights, distances and conditions in training."""
    return torch.float64 if recipe.training.precision == "float64" else torch.float32


def model_settings(recipe: Recipe) -> ModelSettings:
    """Sizes of the network."""
    section = recipe.model
    return ModelSettings(
        n_features=section.features,
        n_interactions=section.interactions,
        n_gaussians=section.gaussians,
        shared_interactions=section.shared_interactions,
        type_layers=section.type_head.layers,
        type_width=section.type_head.width,
        distance_layers=section.distance_head.layers,
        distance_width=section.distance_head.width,
        average_types=section.type_distribution == "average",
        max_distance=section.max_distance,
        n_distance_bins=section.distance_bins,
        has_origin=recipe.growth.origin,
        needs_fragment=recipe.growth.fragment_share is not None,
    )
