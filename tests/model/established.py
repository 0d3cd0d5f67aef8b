"""State dicts as the established implementation (schnetpack-gschnet) writes them, of models of ours."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gschnet_pyg.model.conditions import CompositionCondition, Condition, ScalarCondition
from gschnet_pyg.model.gschnet import GSchNet
from gschnet_pyg.model.radial import GaussianBasis

MAX_Z = 130


def established_state(model: GSchNet) -> dict[str, Tensor]:
    """All parameters and buffers by the names there; rows of the tables that no type uses are noise."""
    words, cutoffs, bins = model.vocabulary, model.cutoffs, model.bins
    n_features = model.settings.n_features
    n_conditional = 0 if model.conditions is None else model.conditions.n_features
    predicted = torch.tensor([*words.atom_types, words.stop])
    classes = -torch.ones(int(predicted.max()) + 1, dtype=torch.long)
    classes[predicted] = torch.arange(len(predicted))
    state = {
        "atom_types": torch.tensor(words.atom_types),
        "origin_type": torch.tensor(words.origin),
        "focus_type": torch.tensor(words.focus),
        "stop_type": torch.tensor(words.stop),
        "_all_types": predicted,
        "_type_to_class_map": classes,
        "model_cutoff": torch.tensor(cutoffs.model),
        "prediction_cutoff": torch.tensor(cutoffs.prediction),
        "placement_cutoff": torch.tensor(cutoffs.placement),
        "n_conditional_features": torch.tensor([n_conditional]),
        "n_features": torch.tensor(n_features + n_conditional),
        "distance_min": torch.tensor(0.0),
        "distance_max": torch.tensor(bins.maximum),
        "n_distance_bins": torch.tensor(bins.number),
        "distance_bin_width": torch.tensor(bins.width),
        "average_type_distributions": torch.tensor(model.settings.average_types),
        "distance_unit": torch.tensor([ord(letter) for letter in "Ang"]),
        **_gaussians("representation.radial_basis", model.schnet.basis),
        "representation.cutoff_fn.cutoff": torch.tensor([cutoffs.model]),
        "representation.embedding.weight": _table(
            model.schnet.embedding.weight, [*words.atom_types, words.origin, words.focus], MAX_Z
        ),
        "next_type_embedding.weight": _table(model.next_type_embedding.weight, words.atom_types, MAX_Z),
        **_dense("type_prediction_net", model.type_head),
        **_dense("distance_prediction_net", model.distance_head),
    }
    for number in range(model.settings.n_interactions):
        block = model.schnet.blocks[0 if model.settings.shared_interactions else number]
        place = f"representation.interactions.{number}"
        state[f"{place}.in2f.weight"] = block.into_filters.weight
        state |= _dense(f"{place}.filter_network", block.filter_net) | _dense(f"{place}.f2out", block.out_of_filters)
    if model.conditions is not None:
        state |= _dense("conditioning_module.dense_net", model.conditions.mix)
        for number, condition in enumerate(model.conditions.conditions):
            place = f"conditioning_module.condition_embeddings.{number}"
            state |= _condition(place, condition, model.conditions.embeddings[number])
    return {name: value.detach().clone() for name, value in state.items()}


def _condition(place: str, condition: Condition, embedding: nn.Module) -> dict[str, Tensor]:
    state = _dense(f"{place}.dense_net", embedding.dense)
    if isinstance(condition, ScalarCondition):
        return state | _gaussians(f"{place}.gaussian_expansion", embedding.gaussians)
    if isinstance(condition, CompositionCondition):
        counted = [condition.atom_types[k] for k in condition.counted]
        mask = torch.tensor([z in counted for z in condition.atom_types])
        state |= {f"{place}.atom_types": torch.tensor(condition.atom_types), f"{place}.type_mask": mask}
        state[f"{place}.type_embedding.weight"] = _table(embedding.types.weight, counted, max(condition.atom_types) + 1)
        state |= _condition(f"{place}.n_atoms_embedding_net", condition.count, embedding.count)
    return state


def _gaussians(place: str, basis: GaussianBasis) -> dict[str, Tensor]:
    offsets = basis.offsets
    return {f"{place}.offsets": offsets, f"{place}.widths": (offsets[1] - offsets[0]).expand_as(offsets)}


def _dense(place: str, stack: nn.Sequential) -> dict[str, Tensor]:
    layers = [layer for layer in stack if isinstance(layer, nn.Linear)]
    named = [(f"{place}.{number}", layer) for number, layer in enumerate(layers)]
    return {f"{name}.{part}": getattr(layer, part) for name, layer in named for part in ("weight", "bias")}


def _table(rows: Tensor, types: list[int] | tuple[int, ...], size: int) -> Tensor:
    table = torch.randn(size, rows.shape[1], generator=torch.Generator().manual_seed(0))
    table[list(types)] = rows.detach()
    return table
