"""How molecules are drawn."""

from __future__ import annotations

from dataclasses import dataclass

COLDEST, HOTTEST = 1e-12, 1e12
"""Temperatures beyond these draw the same, the most likely or anything, and would leave the range of float32."""


@dataclass(frozen=True)
class GenerationSettings:
    """How molecules are drawn.

    Args:
        n_molecules: attempts to make; those abandoned are counted.
        batch_size: molecules that grow at a time, at most.
        max_atoms: a molecule of this size may still finish, but gets no further atom.
        temperature: of positions; lower is sharper.
        type_temperature: of types.
        grid_minimum, grid_spacing: Å, of the grid around the focus.
        filter_memory: GB, bounds the filters that are kept, and so the molecules that grow at a time.
        seed: the same seed gives the same molecules, whatever the batch size, up to rounding.
    """

    n_molecules: int
    batch_size: int = 512
    max_atoms: int = 35
    temperature: float = 0.1
    type_temperature: float = 1.0
    grid_minimum: float = 0.7
    grid_spacing: float = 0.05
    filter_memory: float = 2.0
    seed: int = 0


def bounded(temperature: float) -> float:
    """A temperature that scores can be divided by."""
    return min(max(temperature, COLDEST), HOTTEST)
