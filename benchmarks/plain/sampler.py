"""Generation atom by atom: one graph per molecule and round, every grid point against every predictor.

Source:
    Gebauer et al., NeurIPS 2019, arXiv:1906.00957; Gebauer et al., Nat. Commun. 13, 973 (2022), Methods.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from benchmarks.plain.data import collate, step_graph
from benchmarks.plain.model import PlainGSchNet
from gschnet_pyg.contracts import DistanceBins
from gschnet_pyg.generation.sampler import GenerationSettings


@dataclass
class Molecule:
    """A molecule under construction.

    Attributes:
        number: in the request.
        random: its own stream, keyed by the seed and the number, as in the package.
        z, pos: atoms in placement order, relative to the origin, Å.
        unfinished: atoms that may still get neighbours.
        is_finished: it has come to its end by stops.
        is_abandoned: it outgrew the maximum, or stopped before its first atom.
    """

    number: int
    random: np.random.Generator
    z: list[int] = field(default_factory=list)
    pos: list[np.ndarray] = field(default_factory=list)
    unfinished: list[int] = field(default_factory=list)
    is_finished: bool = False
    is_abandoned: bool = False

    def focus_pos(self, focus: int) -> np.ndarray:
        """Position ``[3]`` of the focus."""
        return self.pos[focus] if focus >= 0 else np.zeros(3)


@torch.inference_mode()
def generate_plain(
    model: PlainGSchNet, settings: GenerationSettings, precision: torch.dtype = torch.float32
) -> list[Molecule]:
    """Generate molecules, batch after batch; each batch grows until its last molecule has ended.

    Args:
        model: on the device to use.
        settings: how molecules are drawn.
        precision: of distances on the grid. Many points lie on the edge of a distance bin, where float32 picks the
            other side now and then; with float64 the molecules are those of the package.
    """
    sampler = _Sampler(model, settings, precision)
    molecules = [
        Molecule(number, np.random.default_rng(np.random.SeedSequence(settings.seed, spawn_key=(number,))))
        for number in range(settings.n_molecules)
    ]
    for first in range(0, len(molecules), settings.batch_size):
        growing = molecules[first : first + settings.batch_size]
        while growing:
            sampler.advance(growing)
            growing = [each for each in growing if not (each.is_finished or each.is_abandoned)]
    return molecules


class _Sampler:
    def __init__(self, model: PlainGSchNet, settings: GenerationSettings, precision: torch.dtype) -> None:
        self.model, self.settings, self.bins = model, settings, model.bins
        self.device = next(model.parameters()).device
        reach = model.cutoffs.placement
        self.points = grid_points(settings.grid_minimum, reach, settings.grid_spacing).to(self.device, precision)

    def advance(self, molecules: Sequence[Molecule]) -> None:
        """One step of every molecule."""
        model, vocabulary = self.model, self.model.vocabulary
        uniform = [molecule.random.random(3).tolist() for molecule in molecules]
        focus = [
            molecule.unfinished[int(u[0] * len(molecule.unfinished))] if molecule.z else -1
            for molecule, u in zip(molecules, uniform, strict=True)
        ]
        graphs = collate(
            [
                step_graph(np.array(m.z, dtype=int), np.array(m.pos).reshape(-1, 3), f, vocabulary, model.cutoffs)
                for m, f in zip(molecules, focus, strict=True)
            ]
        ).to(self.device)
        features = model.schnet(graphs)[graphs.predictor]
        type_logp = model.type_logp(features, graphs).double() / self.settings.type_temperature
        drawn = torch.tensor([u[1] for u in uniform], dtype=torch.float64, device=self.device)
        next_class = draw(type_logp, drawn[:, None]).squeeze(1)
        # asked of all predictors at once; what the stopping molecules say is not used
        atom_class = next_class.clamp(max=vocabulary.n_types - 1)[graphs.predictor_step]
        n_predictors = torch.bincount(graphs.predictor_step, minlength=len(molecules)).tolist()
        predictor_pos = graphs.predictor_pos.split(n_predictors)
        distance_logp = model.distance_logp(features, atom_class).split(n_predictors)

        for row, (molecule, chosen) in enumerate(zip(molecules, next_class.tolist(), strict=True)):
            if chosen == vocabulary.stop_class:
                self._finish_focus(molecule, focus[row])
            elif len(molecule.z) == self.settings.max_atoms:
                molecule.is_abandoned = True
            else:
                offset = self._draw_position(molecule, predictor_pos[row], distance_logp[row], uniform[row][2])
                molecule.pos.append(molecule.focus_pos(focus[row]) + offset.cpu().numpy())
                molecule.unfinished.append(len(molecule.z))
                molecule.z.append(int(vocabulary.z_of[chosen]))

    @staticmethod
    def _finish_focus(molecule: Molecule, focus: int) -> None:
        if not molecule.z:
            molecule.is_abandoned = True
            return
        molecule.unfinished.remove(focus)
        molecule.is_finished = not molecule.unfinished

    def _draw_position(self, molecule: Molecule, predictor_pos: Tensor, logp: Tensor, uniform: float) -> Tensor:
        """Position ``[3]`` of the next atom relative to the focus; the first atom's on a line, without temperature."""
        u = torch.tensor([uniform], dtype=torch.float64, device=self.device)
        if not molecule.z:
            distance = draw(logp.sum(0), u).double() * self.bins.width
            return torch.cat([distance, distance.new_zeros(2)])
        score = grid_scores(self.points, predictor_pos, logp, self.bins)
        return self.points[draw(score / self.settings.temperature, u)[0]].double()


def grid_points(minimum: float, maximum: float, spacing: float) -> Tensor:
    """Points ``[G, 3]`` of a cubic grid that are neither too close to its centre nor too far; bounds belong to it."""
    reach = int(maximum / spacing + 1e-6)
    axis = torch.linspace(-reach * spacing, reach * spacing, 2 * reach + 1)
    points = torch.cartesian_prod(axis, axis, axis)
    distance = points.double().norm(dim=1)
    return points[(distance > minimum - 1e-6) & (distance < maximum + 1e-6)]


def grid_scores(points: Tensor, predictor_pos: Tensor, distance_logp: Tensor, bins: DistanceBins) -> Tensor:
    """Sum over predictors of the log-probability of each point's distance: ``[G]`` from ``[K, 3]``, ``[K, n_bins]``."""
    distance = torch.cdist(predictor_pos.to(points.dtype), points)
    nearest = (distance / bins.width + 0.5).long().clamp(max=bins.number - 1)
    return distance_logp.gather(1, nearest).sum(0)


def draw(logits: Tensor, uniform: Tensor) -> Tensor:
    """Index by inverse CDF along the last dimension; ``uniform [..., 1]`` float64 in [0, 1)."""
    cumulative = torch.softmax(logits, dim=-1).double().cumsum(-1)
    choice = torch.searchsorted(cumulative, uniform * cumulative[..., -1:], right=True)
    return choice.clamp(max=logits.shape[-1] - 1)
