"""Scores of points, and bounds for all points of a cell, of many molecules at once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from gschnet_pyg.contracts import DistanceBins
from gschnet_pyg.generation.cells import Level
from gschnet_pyg.model.messages import columns

MAX_PAIRS = 2**15
"""Pairs of a cell and a predictor that are evaluated at a time, so that their 8 distances each stay in the cache."""


@dataclass(frozen=True)
class Cells:
    """Cells of one level, molecule by molecule.

    Attributes:
        molecules: those that the cells belong to; some may have none.
        molecule: ``[n]`` of every cell, ascending.
        cell: ``[n]`` number in the level.
        ends: place past the last cell of every one of ``molecules``.
    """

    molecules: range
    molecule: Tensor
    cell: Tensor
    ends: list[int]

    @classmethod
    def everywhere(cls, n_molecules: int, cell: Tensor) -> Cells:
        """The same number of cells for every molecule, ``cell [n_molecules, n]``."""
        molecule = torch.arange(n_molecules, device=cell.device).repeat_interleave(cell.shape[1])
        ends = [cell.shape[1] * (k + 1) for k in range(n_molecules)]
        return cls(range(n_molecules), molecule, cell.reshape(-1), ends)

    def split(self, n_cells: int) -> Iterator[Cells]:
        """Parts of whole molecules with at most ``n_cells`` cells each, or one molecule."""
        starts, cuts = [0, *self.ends], [0]
        for k, end in enumerate(self.ends):
            if k > cuts[-1] and end - starts[cuts[-1]] > n_cells:
                cuts.append(k)
        for first, last in pairwise([*cuts, len(self.ends)]):
            start, end = starts[first], starts[last]
            ends = [past - start for past in self.ends[first:last]]
            yield Cells(self.molecules[first:last], self.molecule[start:end], self.cell[start:end], ends)


class Predictors:
    """Predictors of a batch of molecules, those at the focus made one.

    The molecules are sorted, those with the most predictors first. The k-th predictors of all molecules that have so
    many stand together, so that they belong to the first molecules, in order.

    Args:
        pos: ``[K, 3]`` Å, relative to the focus; predictors of a molecule are consecutive.
        logp: ``[K, n_bins]`` of each predictor's distance to the next atom.
        counts: predictors of every molecule.

    Attributes:
        pos: ``[3, R]`` Å, float64.
        logp: ``[R, n_bins]``.
        numbers: how many molecules have a k-th predictor.
        starts: row of the first k-th predictor.
        order: which molecule of the batch comes first, second, ...
    """

    def __init__(self, pos: Tensor, logp: Tensor, counts: Sequence[int]) -> None:
        molecule = np.repeat(np.arange(len(counts)), counts)
        is_at_focus = (pos == 0).all(1).cpu().numpy()
        focus, others = np.flatnonzero(is_at_focus), np.flatnonzero(~is_at_focus)
        n_others = np.bincount(molecule[others], minlength=len(counts))
        self.order = np.argsort(-n_others, kind="stable")
        place = np.argsort(self.order)[molecule]
        k = np.arange(len(others)) - (np.cumsum(n_others) - n_others)[molecule[others]]
        by_k = np.lexsort([place[others], k])
        self.numbers: list[int] = [len(counts), *np.bincount(k).tolist()]
        self.starts: list[int] = [0, *np.cumsum(self.numbers[:-1]).tolist()]

        rows, focus_rows, focus_place = (
            torch.as_tensor(array, device=pos.device) for array in (others[by_k], focus, place[focus])
        )
        merged = logp.new_zeros(len(counts), logp.shape[1]).index_add_(0, focus_place, logp[focus_rows])
        self.pos = torch.cat([pos.new_zeros(len(counts), 3), pos[rows]]).double().t().contiguous()
        self.logp = torch.cat([merged, logp[rows]])


class Scores:
    """What the children of a level's cells score: the sum of their predictors' log-probabilities, or a bound of it.

    Args:
        level: whose cells are asked.
        predictors: of the molecules.
        bins: of their distributions.
    """

    def __init__(self, level: Level, predictors: Predictors, bins: DistanceBins) -> None:
        self.level, self.predictors, self.bins = level, predictors, bins
        self.is_exact = level.size == 1
        if self.is_exact:
            self.coordinates, self.pos, logp = level.coordinates, predictors.pos, predictors.logp
        else:
            # In bins and float32: the bound has room for the rounding of distances up to the last bin.
            self.coordinates, self.pos = (level.coordinates / bins.width).float(), (predictors.pos / bins.width).float()
            reach = level.radius / bins.width * (1 + 1e-5) + 1e-6 * bins.number + 1e-3
            logp = highest(predictors.logp, -math.floor(0.5 - reach), math.ceil(1.5 + reach) - 1)
        self.logp = logp.reshape(-1)

    def of(self, cells: Cells) -> Tensor:
        """Scores ``[8, n]`` of the children of cells, minus infinity without candidate points.

        Those of points are exact, as ``PlacementGrid.position_logp`` adds them up. That of a cell is no lower than
        any of its points'.
        """
        total = columns(self.level.outside, cells.cell).to(self.logp.dtype)
        start, number = 0, 0
        while start < len(cells.cell):
            while cells.ends[number] <= start:
                number += 1
            n_predictors = sum(n > cells.molecules[number] for n in self.predictors.numbers)
            end = min(start + max(1, MAX_PAIRS // n_predictors), len(cells.cell))
            self._add(total[:, start:end], cells, start, end, n_predictors)
            start = end
        return total

    def _add(self, total: Tensor, cells: Cells, start: int, end: int, n_predictors: int) -> None:
        """Add to the total of cells from start to end. The k-th predictors are those of the first cells, in order."""
        first, past = cells.molecules.start, [0, *cells.ends]
        numbers = [min(n - first, len(cells.ends)) for n in self.predictors.numbers[:n_predictors]]
        lengths = [min(past[n], end) - start for n in numbers]
        molecule, coordinates = cells.molecule[start:end], columns(self.coordinates, cells.cell[start:end])
        row = torch.cat([molecule.narrow(0, 0, n) for n in lengths])
        starts, repeats = (
            torch.tensor(values, device=row.device) for values in (self.predictors.starts[:n_predictors], lengths)
        )
        row += starts.repeat_interleave(repeats, output_size=len(row))
        separation = torch.cat([coordinates.narrow(1, 0, n) for n in lengths], dim=1).view(3, 2, -1)
        x, y, z = separation.sub_(columns(self.pos, row)[:, None]).square_()
        place = ((x[:, None] + y)[:, :, None] + z).view(8, -1).sqrt_()
        if self.is_exact:
            place.mul_(1.0 / self.bins.width).add_(0.5)
        place = place.clamp_(max=self.bins.number - 1).int().add_((row * self.bins.number).int())
        values = self.logp.expand(8, -1).gather(1, place.long().view(8, -1))
        for n, part in zip(lengths, torch.split(values, lengths, dim=1), strict=True):
            total.narrow(1, 0, n).add_(part)


def highest(logp: Tensor, below: int, above: int) -> Tensor:
    """Highest value among the bins from ``below`` under to ``above`` over each bin of ``logp [R, n_bins]``."""
    width, size = below + above + 1, 1
    logp = torch.nn.functional.pad(logp, (below, above), value=-math.inf)
    while size < width:
        step = min(size, width - size)
        logp = torch.maximum(logp[:, :-step], logp[:, step:])
        size += step
    return logp
