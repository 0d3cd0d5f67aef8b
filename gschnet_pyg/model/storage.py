"""Models as safetensors: weights and all settings in one file that loads without unpickling."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from gschnet_pyg.contracts import Cutoffs, Vocabulary
from gschnet_pyg.errors import ModelError
from gschnet_pyg.model.conditions import Mixing, conditions_from_json
from gschnet_pyg.model.embeddings import ConditionEmbedding
from gschnet_pyg.model.gschnet import GSchNet, ModelSettings

FORMAT = 1


def save_model(path: Path, model: GSchNet, converted_from: Mapping[str, str] | None = None) -> None:
    """Write the weights and what is needed to build the model again.

    Args:
        path: ``.safetensors``; written as given, so hand in a temporary name where the file must be whole.
        model: with or without conditions.
        converted_from: the file of another implementation that the weights come from; kept beside them.
    """
    weights = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    metadata = {"gschnet_pyg": json.dumps(describe_model(model))}
    if converted_from is not None:
        metadata["converted_from"] = json.dumps(dict(converted_from))
    path.write_bytes(save(weights, metadata=metadata))


def load_model(path: Path) -> GSchNet:
    """Build the model that a file describes, on the CPU, ready to predict.

    Raises:
        ModelError: if the file is missing, damaged, newer than this package, or its weights do not fit or are no
            numbers.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such model file; train a model first")
    try:
        with safe_open(path, framework="pt") as file:
            description = json.loads((file.metadata() or {}).get("gschnet_pyg", "null"))
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise ModelError(f"{path}: damaged or not a safetensors file ({error})") from None
    if description is None:
        raise ModelError(f"{path}: holds no G-SchNet model; name a model.safetensors that training has written")
    try:
        if description["format"] > FORMAT:
            raise ModelError(f"written by a newer version (format {description['format']}); update gschnet_pyg")
        return restore_model(description, weights)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path}: its description of the model is damaged ({error!r})") from None
    except RuntimeError as error:
        raise ModelError(f"{path}: the weights do not fit the settings stored with them: {error}") from None


def restore_model(description: Mapping[str, Any], weights: Mapping[str, Tensor]) -> GSchNet:
    """The model that :func:`describe_model` described with its weights, in their precision, ready to predict.

    Args:
        description: of the model.
        weights: all of them; the model is of float64 where they are, and otherwise of float32.

    Raises:
        ModelError: if a weight is not a number.
        RuntimeError: if they do not fit the description; other errors if that is damaged.
    """
    model = build_model(description)
    if all(weight.dtype == torch.float64 for weight in weights.values() if weight.is_floating_point()):
        model.double()
    model.load_state_dict(dict(weights))
    if lost := [name for name, weight in model.named_parameters() if weight.isnan().any()]:
        raise ModelError(f"{lost[0]} holds weights that are not numbers; train the model anew, or restore the file")
    return model.eval()


def describe_model(model: GSchNet) -> dict[str, Any]:
    """What is needed to build a model again, as JSON."""
    description: dict[str, Any] = {
        "format": FORMAT,
        "vocabulary": asdict(model.vocabulary),
        "cutoffs": asdict(model.cutoffs),
        "settings": asdict(model.settings),
    }
    if model.conditions is not None:
        description["conditions"] = [condition.to_json() for condition in model.conditions.conditions]
        description["mixing"] = asdict(model.conditions.mixing)
    return description


def build_model(description: Mapping[str, Any]) -> GSchNet:
    """The model that :func:`describe_model` described, with random weights."""
    vocabulary = {**description["vocabulary"], "atom_types": tuple(description["vocabulary"]["atom_types"])}
    conditions = None
    if description.get("conditions"):
        conditions = ConditionEmbedding(
            conditions_from_json(description["conditions"]), Mixing(**description["mixing"])
        )
    return GSchNet(
        Vocabulary(**vocabulary),
        Cutoffs(**description["cutoffs"]),
        ModelSettings(**{name: _as_tuple(value) for name, value in description["settings"].items()}),
        conditions,
    )


def _as_tuple(value: Any) -> Any:
    """JSON knows lists alone."""
    return tuple(value) if isinstance(value, list) else value
