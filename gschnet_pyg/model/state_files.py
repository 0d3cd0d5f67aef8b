"""Files that hold a plain state dict, names and tensors and nothing else; none of them is ever unpickled."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from gschnet_pyg.errors import ModelError
from gschnet_pyg.untrusted import read_arrays

_REMEDY = (
    "save a plain state dict where the model was trained: python -c 'import torch; "
    'model = torch.load("best_model", map_location="cpu", weights_only=False); '
    'torch.save(model.state_dict(), "plain.pt")\'; of a checkpoint take ["state_dict"] in place of .state_dict()'
)


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Names and tensors of a ``.safetensors`` or ``.npz`` file, or of one that ``torch.save`` wrote.

    Where a checkpoint of Lightning holds nothing but plain values, its ``state_dict`` is taken.

    Raises:
        ModelError: if the file is missing or damaged, or holds objects, which only unpickling could restore.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such file; name the state dict of a trained model")
    match path.suffix.lower():
        case ".safetensors":
            content: Any = _read_safetensors(path)
        case ".npz":
            content = _read_npz(path)
        case _:
            content = _read_saved(path)
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not content:
        raise ModelError(f"{path}: holds no state dict, which maps names to tensors; {_REMEDY}")
    for name, value in content.items():
        if not (isinstance(name, str) and isinstance(value, Tensor)):
            raise ModelError(f"{path}: {name!r} is no tensor, so this is no plain state dict; {_REMEDY}")
    return dict(content)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path}: damaged or not a safetensors file ({error})") from None


def _read_npz(path: Path) -> dict[str, Tensor]:
    try:
        return {name: torch.as_tensor(values) for name, values in read_arrays(path).items()}
    except (OSError, ValueError, TypeError) as error:  # some types of numbers torch does not have
        raise ModelError(f"{path}: damaged, or not an npz file of plain arrays ({error})") from None


def _read_saved(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ModelError(f"{path}: holds pickled objects, which are never unpickled here; {_REMEDY}") from None
    except Exception as error:  # of a damaged file torch raises whatever comes up
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise ModelError(f"{path}: damaged, or no file that torch.save wrote ({first})") from None
