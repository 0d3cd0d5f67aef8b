"""The grid around a focus cut into cells: eight points to a cell, eight cells to the next larger one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gschnet_pyg.generation.grid import PlacementGrid

MAX_TOP_CELLS = 130
"""Most cells of the largest size, about: they are bounded for every molecule."""


@dataclass(frozen=True)
class Level:
    """The non-empty cells of one size, each with its ``2 x 2 x 2`` children: smaller cells or, at last, points.

    One more cell, the last, is empty; it stands in for children without a candidate point.

    Attributes:
        size: points along the edge of a child; 1 if the children are the points themselves.
        radius: Å, from a child's centre to its farthest point.
        coordinates: ``[6, n_cells + 1]`` Å, centres of the children: lower and upper x, then y, then z.
        outside: ``[8, n_cells + 1]`` 0 where a child has candidate points, otherwise minus infinity.
        children: ``[n_cells + 1, 8]`` number of every child among the cells of the next level.
    """

    size: int
    radius: float
    coordinates: Tensor
    outside: Tensor
    children: Tensor

    @property
    def n_cells(self) -> int:
        """Cells with candidate points."""
        return len(self.children) - 1


class CellTree:
    """All levels of a grid.

    Args:
        grid: whose candidate points are cut into cells; the tree lies on its device.

    Attributes:
        levels: from the largest cells to those whose children are points.
        point_index: ``[3, 2, n_cells + 1]`` places of the last level's points on the grid's axis; one past its end
            where the cells reach beyond the grid.
    """

    def __init__(self, grid: PlacementGrid) -> None:
        n = len(grid.axis)
        depth = 1
        while math.ceil(n / 2**depth) ** 3 > MAX_TOP_CELLS:
            depth += 1
        side = math.ceil(n / 2**depth) * 2**depth
        padding = [0, side - n] * 3
        number = torch.nn.functional.pad(grid.is_candidate.long() - 1, padding, value=-1)  # 0 or, without points, -1
        levels: list[Level] = []
        for size in (2**level for level in range(depth)):
            children, index, number = _join(number)
            if size == 1:
                self.point_index = index
                places = grid.axis[index.clamp(max=n - 1)]
            else:
                places = (index * size + (size - 1) / 2) * grid.spacing + grid.axis[0]
            is_empty = children < 0
            n_below = levels[-1].n_cells if levels else 1
            level = Level(
                size,
                math.sqrt(3) * (size - 1) / 2 * grid.spacing,
                places.reshape(6, -1),
                torch.zeros(is_empty.shape, device=is_empty.device).masked_fill_(is_empty, -math.inf).t().contiguous(),
                children.masked_fill(is_empty, n_below),
            )
            levels.append(level)
        self.levels = levels[::-1]


def _join(number: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Cells of twice the size.

    Args:
        number: ``[n, n, n]`` of every cell, -1 where it has no points.

    Returns:
        Numbers of their children ``[n_cells + 1, 8]``, places of the children along the axes ``[3, 2, n_cells + 1]``,
        and the numbers of the cells ``[n / 2, n / 2, n / 2]``.
    """
    half = len(number) // 2
    blocks = number.view(half, 2, half, 2, half, 2).permute(0, 2, 4, 1, 3, 5).reshape(half**3, 8)
    is_occupied = (blocks >= 0).any(1)
    lower = 2 * torch.stack([*is_occupied.view(half, half, half).nonzero(as_tuple=True)])
    lower = torch.nn.functional.pad(lower, [0, 1])
    joined = torch.where(is_occupied, is_occupied.cumsum(0) - 1, -1).view(half, half, half)
    children = torch.nn.functional.pad(blocks[is_occupied], [0, 0, 0, 1], value=-1)
    return children, torch.stack([lower, lower + 1], dim=1), joined
