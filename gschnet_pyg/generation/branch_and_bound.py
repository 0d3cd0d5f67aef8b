"""Positions for many molecules at once, from the few cells of the grid that hold their probability."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from gschnet_pyg.generation.bounds import Cells, Predictors, Scores
from gschnet_pyg.generation.cells import CellTree
from gschnet_pyg.generation.grid import PlacementGrid
from gschnet_pyg.generation.settings import bounded
from gschnet_pyg.model.messages import columns

MAX_LOST = 1e-6
"""Largest part of a molecule's probability that lies in points left out."""
N_BEST = 8
"""Children of a level that are followed down to a first estimate of the highest scores."""
MAX_CELLS = 2**16
"""Cells held at a time, with a score for each of 8 children; more only for a single molecule."""


class PositionSearch:
    """Draws positions as :meth:`PlacementGrid.sample` does, for many molecules at once and without most of the points.

    Cells of points are bounded from above, level by level from large to small, and those left out that can hold next
    to nothing of the probability. Where all survive, the whole grid is evaluated.

    Args:
        grid: the candidate positions; the search runs on its device.

    Source:
        Land and Doig, Econometrica 28, 497 (1960), for the bounding; positions as in Gebauer et al., Nat. Commun. 13,
        973 (2022), Methods.
    """

    # Host and device meet at the predictors' places, and twice for every level but the last: for the survivors
    # and for their number in every molecule.

    def __init__(self, grid: PlacementGrid) -> None:
        self.grid, self.tree = grid, CellTree(grid)

    def sample_batch(
        self,
        predictor_pos: Tensor,
        distance_logp: Tensor,
        counts: Sequence[int] | Tensor,
        temperature: float,
        uniform: np.ndarray | Tensor,
    ) -> Tensor:
        """Draw a position for every molecule, by inverse CDF in grid order.

        Args:
            predictor_pos: ``[K, 3]`` Å, relative to the focus; predictors of a molecule are consecutive.
            distance_logp: ``[K, n_bins]`` of each predictor's distance to the next atom.
            counts: predictors of every molecule.
            temperature: divides the log-probabilities before they are normalised.
            uniform: ``[M]`` in [0, 1).

        Returns:
            ``[M, 3]`` Å, float64, relative to the focus. NaN, as from the whole grid, where no point is possible: all
            log-probabilities are minus infinity, or not a number.
        """
        temperature = bounded(temperature)
        predictors = Predictors(predictor_pos, distance_logp, [int(n) for n in counts])
        order = torch.as_tensor(predictors.order, device=self.grid.points.device)
        uniform = torch.as_tensor(uniform, device=order.device).double()[order]
        drawn = self.grid.points.new_empty(len(order), 3)
        for cells, scores in self.points(predictors, temperature):
            some = slice(cells.molecules.start, cells.molecules.stop)
            drawn[order[some]] = self._draw(cells, scores / temperature, uniform[some])
        return drawn

    def points(self, predictors: Predictors, temperature: float) -> Iterator[tuple[Cells, Tensor]]:
        """Cells of the last level that hold nearly all probability, and the scores ``[8, n]`` of their points.

        Every molecule is in one of the parts handed over, whether it has cells or not.
        """
        levels = [Scores(level, predictors, self.grid.bins) for level in self.tree.levels]
        n_molecules = predictors.numbers[0]
        top = torch.arange(self.tree.levels[0].n_cells, device=self.grid.points.device)
        cells = Cells.everywhere(n_molecules, top.expand(n_molecules, -1))
        scores = levels[0].of(cells)
        if len(levels) == 1:
            yield cells, scores
            return
        total = self._total(levels, cells, scores, temperature)
        waiting = [(1, part) for part in self._survivors(levels[0], cells, scores, total, temperature)]
        while waiting:
            depth, cells = waiting.pop()
            scores = levels[depth].of(cells)
            if levels[depth].is_exact:
                yield cells, scores
            else:
                parts = self._survivors(levels[depth], cells, scores, total, temperature)
                waiting += [(depth + 1, part) for part in parts]

    def _total(self, levels: list[Scores], cells: Cells, scores: Tensor, temperature: float) -> Tensor:
        """Lower bound ``[M]`` of the logarithm of the summed weights, times the temperature, from a few good points."""
        n_molecules = len(cells.molecules)
        for depth, level in enumerate(levels[:-1], start=1):
            n = scores.shape[1] // n_molecules
            best = scores.view(8, n_molecules, n).permute(1, 2, 0).reshape(n_molecules, n * 8).topk(N_BEST).indices
            children = level.level.children.index_select(0, cells.cell).view(n_molecules, n * 8)
            cells = Cells.everywhere(n_molecules, children.gather(1, best))
            scores = levels[depth].of(cells)
        return (scores.view(8, n_molecules, -1).double() / temperature).logsumexp((0, 2)) * temperature

    def _survivors(
        self, level: Scores, cells: Cells, scores: Tensor, total: Tensor, temperature: float
    ) -> Iterator[Cells]:
        """Children whose bounds do not allow to leave them out, in parts that memory holds."""
        some = slice(cells.molecules.start, cells.molecules.stop)
        molecule = cells.molecule - some.start
        # Were all points of these cells at the threshold, they would hold this level's share of what may be lost.
        n_points = torch.tensor(np.diff(cells.ends, prepend=0), device=total.device) * (8 * level.level.size**3)
        n_points = n_points.clamp(min=1, max=len(self.grid.points))
        share = MAX_LOST / (len(self.tree.levels) - 1)
        threshold = total[some] + temperature * (math.log(share) - n_points.double().log())
        rounding = torch.finfo(scores.dtype).eps * (len(level.predictors.numbers) + 2)
        threshold = (threshold - rounding * (threshold.abs() + 1.0)).to(scores.dtype)

        entry, child = (scores > threshold.index_select(0, molecule)).t().nonzero(as_tuple=True)
        of_entry = molecule.index_select(0, entry)
        ends = of_entry.bincount(minlength=len(cells.molecules)).cumsum(0).tolist()
        cell = level.level.children.view(-1).index_select(0, cells.cell.index_select(0, entry) * 8 + child)
        return Cells(cells.molecules, of_entry + some.start, cell, ends).split(MAX_CELLS)

    def _draw(self, cells: Cells, logits: Tensor, uniform: Tensor) -> Tensor:
        """Position ``[3]`` of every molecule: plane by plane, row by row, point by point, as the grid is ordered."""
        n_molecules, n_places = len(cells.molecules), len(self.grid.axis) + 1  # cells may reach one place beyond it
        molecule = cells.molecule - cells.molecules.start
        highest = logits.new_full((n_molecules,), -math.inf).scatter_reduce_(0, molecule, logits.amax(0), "amax")
        weights = (logits - highest.index_select(0, molecule)).double().exp_().view(2, 2, 2, -1)
        total = weights.new_zeros(n_molecules).scatter_add_(0, molecule, weights.sum((0, 1, 2)))
        before, picked = uniform * total, []
        for index in self.tree.point_index:
            place = columns(index, cells.cell)
            marginal = weights
            while marginal.dim() > 2:
                marginal = marginal[:, 0] + marginal[:, 1]
            summed = marginal.new_zeros(n_molecules * n_places)
            summed.scatter_add_(0, (molecule * n_places + place).view(-1), marginal.view(-1))
            summed = summed.view(n_molecules, n_places)
            cumulative = summed.cumsum(1)
            # Rounding must not lead past the last possible point.
            before = torch.minimum(before.clamp(min=0.0), cumulative[:, -1] * (1 - 1e-14))
            is_passed = cumulative <= before[:, None]
            picked.append(is_passed.sum(1).clamp_(max=len(self.grid.axis) - 1))
            before = before - (summed * is_passed).sum(1)
            if weights.dim() > 2:
                is_here = (place == picked[-1].index_select(0, molecule)).view(2, *[1] * (weights.dim() - 2), -1)
                weights = (weights * is_here).sum(0)
        pos = self.grid.axis[torch.stack(picked, dim=1)]
        return torch.where((total > 0)[:, None], pos, torch.nan)
