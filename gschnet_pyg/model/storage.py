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
        ModelError: if the file is missing, damaged, newer than this package, describes no possible model, or its
            weights are not those of that model.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such model file; train a model first")
    try:
        with safe_open(path, framework="pt") as file:
            description = json.loads((file.metadata() or {}).get("gschnet_pyg", "null"))
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: damaged or not a safetensors file ({error}); {_RESTORE}") from None
    if description is None:
        raise ModelError(f"{path}: holds no G-SchNet model; name a model.safetensors that training has written")
    try:
        return restore_model(description, weights)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None


_RESTORE = "restore it from the original, or train it anew"
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def restore_model(description: Any, weights: Mapping[str, Tensor]) -> GSchNet:
    """The model of a description and its weights, ready to predict; neither is trusted.

    Nothing is allocated before the two are found to fit, so that a model takes no more memory than its file.

    Args:
        description: from :func:`describe_model`, perhaps.
        weights: by name; the model is of float64 where all of them are, and otherwise of float32.

    Raises:
        ModelError: saying what is wrong.
    """
    try:
        if not isinstance(version := description["format"], int) or version < 1:
            raise ValueError(f"format is {version!r}")
        if version > FORMAT:
            raise ModelError(f"written by a newer version (format {version}); update gschnet_pyg")
        with torch.device("meta"):
            blank = build_model(description)
        _check_weights(blank.state_dict(), weights)
        model = build_model(description)
        if all(weight.dtype == torch.float64 for weight in weights.values()):
            model.double()
        model.load_state_dict(dict(weights))
    except _UNFIT as error:
        what = str(error) if type(error) is ValueError else repr(error)
        raise ModelError(f"its description of the model is damaged ({what}); {_RESTORE}") from None
    return model.eval()


_UNFIT = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError)
"""What comes of a description that is none."""


def _check_weights(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Refuse weights of other names, shapes or types, and those that are no numbers."""
    misfit = "the weights do not fit the settings stored with them"
    if missing := sorted(expected.keys() - found.keys()):
        raise ModelError(f"{misfit}: {missing[0]} is missing; {_RESTORE}")
    if strange := sorted(found.keys() - expected.keys()):
        raise ModelError(f"{misfit}: there is no {strange[0]} in such a model; {_RESTORE}")
    for name, weight in found.items():
        if weight.shape != expected[name].shape:
            raise ModelError(f"{misfit}: {name} is {list(weight.shape)}, not {list(expected[name].shape)}; {_RESTORE}")
        if weight.dtype not in _FLOATS:
            raise ModelError(f"{misfit}: {name} is of {weight.dtype}, not of floating-point numbers; {_RESTORE}")
        if not bool(torch.isfinite(weight).all()):
            raise ModelError(f"{name} holds numbers that are not finite; take the weights of another training")


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
