"""Where the next atom goes: the product of the predictors' distance distributions on a grid around the focus."""

from __future__ import annotations

import torch
from torch import Tensor

from gschnet_pyg.contracts import DistanceBins
from gschnet_pyg.errors import RecipeError
from gschnet_pyg.generation.settings import bounded

MAX_POINTS = 50_000_000
"""Largest grid, before its corners are cut off."""


class PlacementGrid:
    """Candidate positions around the focus, and the distribution of the next atom over them.

    Args:
        minimum: Å, no atom comes closer to the focus.
        maximum: Å, reach of the grid: the placement cutoff. Points on either bound belong to the grid.
        spacing: Å between neighbouring points.
        bins: of the distance distributions.

    Attributes:
        axis: ``[n]`` Å, float64: places of the points along x, y and z.
        is_candidate: ``[n, n, n]`` points between the bounds.
        points: ``[n_points, 3]`` Å, the candidates, x slowest.

    Raises:
        RecipeError: if the grid has no points, or more than memory should hold.

    Source:
        Gebauer et al., Nat. Commun. 13, 973 (2022), Methods.
    """

    def __init__(self, minimum: float, maximum: float, spacing: float, bins: DistanceBins) -> None:
        # Multiples of the spacing lie exactly on the edges of the usual bins. A float32 axis, read in float64,
        # puts those points on the same side as the established grid does.
        reach = int(maximum / spacing + 1e-6)
        if (2 * reach + 1) ** 3 > MAX_POINTS:
            raise RecipeError(
                f"grid_spacing: {spacing} Å makes too many points ({(2 * reach + 1) ** 3:.1g}); enlarge it"
            )
        axis = torch.linspace(-reach * spacing, reach * spacing, 2 * reach + 1, dtype=torch.float32).double()
        points = torch.cartesian_prod(axis, axis, axis)
        squares = (points**2).sum(1)
        is_candidate = (squares.sqrt() > minimum - 1e-6) & (squares.sqrt() < maximum + 1e-6)
        if not is_candidate.any():
            raise RecipeError(
                f"grid_minimum, grid_spacing: no point of the grid lies between {minimum} Å and the model's "
                f"placement cutoff of {maximum} Å; lower them"
            )
        self.spacing, self.bins = spacing, bins
        self.axis, self.is_candidate = axis, is_candidate.view([len(axis)] * 3)
        self.points, self._squares = points[is_candidate], squares[is_candidate]

    def to(self, device: torch.device) -> PlacementGrid:
        """Move the points to a device."""
        self.axis, self.is_candidate = self.axis.to(device), self.is_candidate.to(device)
        self.points, self._squares = self.points.to(device), self._squares.to(device)
        return self

    def position_logp(self, predictor_pos: Tensor, distance_logp: Tensor, temperature: float) -> Tensor:
        """Log-probability of every grid point.

        Args:
            predictor_pos: ``[K, 3]`` Å, relative to the focus.
            distance_logp: ``[K, n_bins]`` of each predictor's distance to the next atom.
            temperature: divides the log-probabilities before they are normalised.

        Returns:
            ``[n_points]``.
        """
        total = distance_logp.new_zeros(len(self.points))
        for pos, logp in zip(*_merge_focus(predictor_pos.double(), distance_logp), strict=True):
            square = torch.addmv(self._squares + (pos**2).sum(), self.points, pos, alpha=-2.0).clamp_(min=0.0)
            nearest = square.sqrt_().mul_(1.0 / self.bins.width).add_(0.5).clamp_(max=self.bins.number - 1)
            total += logp.index_select(0, nearest.int())
        return torch.log_softmax(total / bounded(temperature), dim=0)

    def sample(self, predictor_pos: Tensor, distance_logp: Tensor, temperature: float, uniform: float) -> Tensor:
        """Draw a position ``[3]`` relative to the focus, by inverse CDF in grid order; NaN if no point is possible."""
        logp = self.position_logp(predictor_pos, distance_logp, temperature)
        return self.points[0] * torch.nan if logp.isnan().any() else self.points[_invert(logp, uniform)]

    def sample_first(self, distance_logp: Tensor, molecule: Tensor, uniform: Tensor) -> Tensor:
        """Draw the first atoms of molecules on a line from the origin, over all bins, without temperature.

        Args:
            distance_logp: ``[K, n_bins]`` of the predictors of all molecules.
            molecule: ``[K]`` that each predictor belongs to.
            uniform: ``[M]`` float64 in [0, 1).

        Returns:
            ``[M, 3]`` Å, relative to the origin; NaN where no bin is possible.
        """
        total = distance_logp.new_zeros(len(uniform), distance_logp.shape[1]).index_add(0, molecule, distance_logp)
        cumulative = torch.log_softmax(total, dim=1).double().exp().cumsum(1)
        choice = torch.searchsorted(cumulative, _below(uniform[:, None], cumulative[:, -1:]), right=True)
        along_x = self.points.new_zeros(len(uniform), 3)
        # in float64, as the grid's points: many distances lie on the edge of a bin
        along_x[:, :1] = choice.clamp(max=self.bins.number - 1).double() * self.bins.width
        return torch.where(cumulative[:, -1:] > 0, along_x, torch.nan)


def _merge_focus(predictor_pos: Tensor, distance_logp: Tensor) -> tuple[Tensor, Tensor]:
    """Predictors with those that sit on the focus (token and atom) made one."""
    at_focus = (predictor_pos == 0).all(1)
    return (
        torch.cat([predictor_pos.new_zeros(1, 3), predictor_pos[~at_focus]]),
        torch.cat([distance_logp[at_focus].sum(0, keepdim=True), distance_logp[~at_focus]]),
    )


def _invert(logp: Tensor, uniform: float) -> Tensor:
    """First index at which the cumulative probability exceeds ``uniform`` in [0, 1)."""
    cumulative = torch.cumsum(logp.double().exp_(), dim=0)
    return torch.searchsorted(cumulative, _below(uniform, cumulative[-1]), right=True).clamp(max=len(logp) - 1)


def _below(uniform: Tensor | float, total: Tensor) -> Tensor:
    """A share in [0, 1) of totals; rounding must not make it all of one, which lies past the last possible choice."""
    return torch.minimum(uniform * total, torch.nextafter(total, torch.zeros_like(total)))
