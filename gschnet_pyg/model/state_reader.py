"""Takes a state dict of the established implementation apart, parameter by parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from gschnet_pyg.errors import ModelError

DERIVED = ("_all_types", "_type_to_class_map", "n_conditional_features", "n_features", "distance_bin_width")
"""Buffers that follow from others."""

PASSED_OVER = ("postprocessors.", "input_modules.")
"""Parts of the established model that change nothing of what it predicts."""


class StateReader:
    """Takes parameters out of a state dict, so that what nobody asked for is left in the end.

    Args:
        state: parameters and buffers of the established model.

    Attributes:
        left: what nobody has taken yet.
        ours: what was moved, by our names.
    """

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        self.left = dict(state)
        self.ours: dict[str, Tensor] = {}

    def take(self, name: str) -> Tensor:
        """A parameter or buffer.

        Raises:
            ModelError: if there is none of that name.
        """
        if name not in self.left:
            raise ModelError(
                f"has no {name}, so it is no whole state dict of schnetpack-gschnet's cG-SchNet; save "
                "model.state_dict() there, buffers included"
            )
        return self.left.pop(name)

    def number(self, name: str) -> int:
        """A whole number."""
        return int(self.take(name))

    def move(self, name: str, ours: str) -> Tensor:
        """Put a parameter under our name, in float32.

        Raises:
            ModelError: if it is missing, complex or not finite.
        """
        value = self.take(name)
        if value.is_complex():
            raise ModelError(f"{name}: holds complex numbers, which no weights are; take the original file")
        if not bool(torch.isfinite(value).all()):
            raise ModelError(f"{name}: holds numbers that are not finite; take the weights of another epoch")
        self.ours[ours] = value.to(torch.float32)
        return value

    def dense(self, name: str, ours: str) -> list[int]:
        """Move a stack of dense layers; widths from its input to its output.

        Our activations are layers of their own, so that dense layers stand at even places.
        """
        widths: list[int] = []
        while not widths or f"{name}.{len(widths) - 1}.weight" in self.left:
            layer = max(len(widths) - 1, 0)
            weight = self.move(f"{name}.{layer}.weight", f"{ours}.{2 * layer}.weight")
            bias = self.move(f"{name}.{layer}.bias", f"{ours}.{2 * layer}.bias")
            n_in = widths[-1] if widths else weight.shape[-1]
            if weight.ndim != 2 or weight.shape[1] != n_in or bias.shape != weight.shape[:1]:
                raise ModelError(f"{name}.{layer}: weights of {list(weight.shape)} do not fit the layers around them")
            widths = [*(widths or [n_in]), weight.shape[0]]
        return widths

    def embedding(self, name: str, ours: str, types: Sequence[int]) -> int:
        """Move the rows of some types; their width."""
        table = self.move(f"{name}.weight", f"{ours}.weight")
        if table.ndim != 2 or not 0 <= min(types) <= max(types) < len(table):
            raise ModelError(f"{name}.weight: a table of {list(table.shape)} has no row for type {max(types)}")
        self.ours[f"{ours}.weight"] = self.ours[f"{ours}.weight"][list(types)]
        return table.shape[1]

    def gaussians(self, name: str) -> Tensor:
        """Offsets of Gaussians, evenly spaced and as wide as their spacing."""
        offsets, widths = self.take(f"{name}.offsets").double(), self.take(f"{name}.widths").double()
        even = torch.linspace(float(offsets[0]), float(offsets[-1]), len(offsets), dtype=torch.float64)
        spacing = (even[-1] - even[0]) / max(len(even) - 1, 1)
        slack = 1e-4 * float(spacing)
        if len(offsets) < 2 or not (
            torch.allclose(offsets, even, rtol=0, atol=slack)
            and torch.allclose(widths, spacing.expand_as(widths), rtol=0, atol=slack)
        ):
            raise ModelError(f"{name}: its Gaussians are not evenly spaced (they were trained), which is not supported")
        return offsets

    def finish(self) -> tuple[str, ...]:
        """Names of what was passed over.

        Raises:
            ModelError: if something is left that nobody knows.
        """
        left = [name for name in self.left if name not in DERIVED]
        if strange := sorted(name for name in left if not name.startswith(PASSED_OVER)):
            more = f" and {len(strange) - 3} more" if len(strange) > 3 else ""
            raise ModelError(
                f"has parameters that no cG-SchNet of schnetpack-gschnet 1.1 has: {', '.join(strange[:3])}{more}; "
                "such a model cannot be converted"
            )
        return tuple(left)
