"""list[Data] -> PlacementSteps: the collate that expands the trajectories of a batch of molecules."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch_geometric.data import Data

from gschnet_pyg.contracts import Cutoffs, Growth, Noise, PlacementSteps, Trajectory, Vocabulary
from gschnet_pyg.errors import DisconnectedMolecule
from gschnet_pyg.neighbors import Neighbors, Pairs, neighbors
from gschnet_pyg.trajectory.connections import StepTable, near_sites
from gschnet_pyg.trajectory.sample import draw_steps, draw_trajectory, ranked_neighbors
from gschnet_pyg.trajectory.steps import PlacedAtoms, expand_steps


class PlacementCollate:
    """Draw a trajectory for every molecule of a batch and expand its steps.

    Args:
        vocabulary: atom types and tokens.
        cutoffs: the three cutoffs, Å.
        steps_drawn: number of steps drawn per molecule from all 2N, stops included, without
            replacement; none takes all of them.
        conditions: properties that the model is conditioned on.
        growth: how the trajectories grow.
        noise: on the positions that the steps see, from the seed of each molecule.
        dtype: of distances, positions and conditions in a batch: that of the model.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        cutoffs: Cutoffs,
        steps_drawn: int | None = None,
        conditions: Sequence[str] = (),
        growth: Growth = Growth(),  # noqa: B008 (frozen)
        noise: Noise = Noise(),  # noqa: B008 (frozen)
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.vocabulary = vocabulary
        self.cutoffs = cutoffs
        self.steps_drawn = steps_drawn
        self.conditions = tuple(conditions)
        self.growth = growth
        self.noise = noise
        self.dtype = dtype

    def __call__(self, molecules: Sequence[Data]) -> PlacementSteps:
        """Expand a batch.

        Args:
            molecules: complete molecules; ``z [N]``, ``pos [N, 3]`` Å float64 and centred, and ``seed``,
                the integer that its trajectory is drawn with.

        Raises:
            DisconnectedMolecule: naming the molecule, if one falls apart under the placement rule.
        """
        sizes = [len(molecule.z) for molecule in molecules]
        ptr = np.concatenate([[0], np.cumsum(sizes)])
        z, pos = torch.cat([m.z for m in molecules]), torch.cat([m.pos for m in molecules])
        near = neighbors(z, pos, torch.as_tensor(ptr), self.cutoffs)
        drawn = self._draw_trajectories(molecules, z.numpy(), pos.numpy(), ptr, near.placement)
        true_pos = seen_pos = pos.numpy()
        if self.noise != Noise():
            true_pos, seen_pos = self._disturb(molecules, true_pos, sizes)
            near = neighbors(z, torch.as_tensor(seen_pos), torch.as_tensor(ptr), self.cutoffs)
        steps = self.expand(z.numpy(), seen_pos, ptr, near, drawn, true_pos)
        steps.conditions = {
            name: torch.cat([molecule[name] for molecule in molecules]).to(self.dtype) for name in self.conditions
        }
        return steps

    def expand(
        self,
        z: np.ndarray,
        pos: np.ndarray,
        ptr: np.ndarray,
        near: Neighbors,
        drawn: Sequence[tuple[Trajectory, np.ndarray]],
        true_pos: np.ndarray | None = None,
    ) -> PlacementSteps:
        """Expand the drawn steps of given trajectories, with labels.

        Args:
            z: ``[N]`` atomic numbers of all molecules, one after the other, in source order.
            pos: ``[N, 3]`` Å, float64, relative to the origin token, as the steps see them.
            ptr: ``[M + 1]`` first atom of every molecule, and N.
            near: neighbours of all atoms.
            drawn: per molecule its trajectory (atoms numbered from 0) and the steps to expand, ascending.
            true_pos: ``[N, 3]`` where the next atoms are; as they are seen by default.
        """
        trajectories = [trajectory for trajectory, _ in drawn]
        counts = [len(chosen) for _, chosen in drawn]
        first_step = np.cumsum([0] + [len(t.focus) for t in trajectories])
        steps = np.concatenate([chosen + first for (_, chosen), first in zip(drawn, first_step, strict=False)])
        molecule = np.repeat(np.arange(len(drawn)), counts)
        n_placed = np.concatenate([t.n_placed for t in trajectories])[steps]
        next_z = np.concatenate([t.next_z for t in trajectories])[steps]
        focus_atom = np.concatenate([t.focus for t in trajectories])[steps]

        order = np.concatenate([t.order + start for t, start in zip(trajectories, ptr, strict=False)])
        number = np.empty(len(z), dtype=np.int64)  # placement number of every atom within its molecule
        number[order] = np.arange(len(z)) - np.repeat(ptr[:-1], np.diff(ptr))
        table = StepTable(molecule, n_placed, np.where(focus_atom < 0, -1, number[focus_atom + ptr[molecule]]))

        # keep the atoms that some step sees: a prefix of each molecule's placement order
        n_seen = np.zeros(len(drawn), dtype=np.int64)
        np.maximum.at(n_seen, molecule, n_placed)
        seen_ptr = np.concatenate([[0], np.cumsum(n_seen)])
        is_seen = number < np.repeat(n_seen, np.diff(ptr))
        renumbered = np.where(is_seen, number + np.repeat(seen_ptr[:-1], np.diff(ptr)), -1)
        kept = order[is_seen[order]]
        model_pairs, prediction_pairs = _renumber(near.model, renumbered), _renumber(near.prediction, renumbered)
        near_seen = near_sites(pos[kept], seen_ptr, model_pairs, self.cutoffs.model, self.growth.has_origin)
        atoms = PlacedAtoms(z[kept], pos[kept], seen_ptr, near_seen, prediction_pairs)
        expanded = expand_steps(atoms, table, self.vocabulary, self.growth.has_origin, self.dtype)
        next_atom = order[np.minimum(ptr[molecule] + n_placed, ptr[molecule + 1] - 1)]
        focus_pos = np.where((focus_atom < 0)[:, None], 0.0, pos[focus_atom + ptr[molecule]])
        next_pos = (pos if true_pos is None else true_pos)[next_atom]
        return self._label(expanded, next_z, next_pos - focus_pos)

    def _disturb(
        self, molecules: Sequence[Data], pos: np.ndarray, sizes: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """True positions relative to the disturbed origin, and the positions that are seen."""
        shifts, noises = [], []
        for molecule, size in zip(molecules, sizes, strict=True):
            random = np.random.default_rng(int(molecule.seed))
            shifts.append(np.tile(random.normal(scale=self.noise.origin, size=3), (size, 1)))
            noises.append(random.normal(scale=self.noise.positions, size=(size, 3)))
        true_pos = pos + np.concatenate(shifts)
        return true_pos, true_pos + np.concatenate(noises)

    def _draw_trajectories(
        self, molecules: Sequence[Data], z: np.ndarray, pos: np.ndarray, ptr: np.ndarray, placement: Pairs
    ) -> list[tuple[Trajectory, np.ndarray]]:
        """A trajectory for every molecule, from its own seed, and the steps of it to expand."""
        ranked = ranked_neighbors(placement, pos, self.growth.next_atom)
        generator = torch.Generator()
        drawn = []
        for molecule, (start, end) in zip(molecules, pairwise(ptr.tolist()), strict=True):
            generator.manual_seed(int(molecule.seed))
            local = [[atom - start for atom in atoms] for atoms in ranked[start:end]]
            try:
                trajectory = draw_trajectory(
                    local, z[start:end], pos[start:end], generator, self.vocabulary, self.growth
                )
            except DisconnectedMolecule as error:
                raise DisconnectedMolecule(f"molecule {int(molecule.id)}: {error}") from None
            drawn.append((trajectory, draw_steps(len(trajectory.focus), self.steps_drawn, generator)))
        return drawn

    def _label(self, steps: PlacementSteps, next_z: np.ndarray, next_pos: np.ndarray) -> PlacementSteps:
        """Add the classes to predict and the distances to the next atom (``next_pos`` is relative to the focus)."""
        steps.next_class = torch.as_tensor(self.vocabulary.class_of[next_z])
        step = steps.predictor_step.numpy()
        labelled = np.flatnonzero((next_z != self.vocabulary.stop)[step])
        offset = next_pos[step[labelled]] - steps.predictor_pos.numpy()[labelled].astype(np.float64)
        steps.labelled_predictor = torch.as_tensor(labelled)
        steps.labelled_distance = torch.as_tensor(np.linalg.norm(offset, axis=1), dtype=self.dtype)
        return steps


def _renumber(pairs: Pairs, number: np.ndarray) -> Pairs:
    """Pairs between atoms that keep a number (not -1), under the new numbers."""
    first, second = number[pairs.first.numpy()], number[pairs.second.numpy()]
    keep = (first >= 0) & (second >= 0)
    return Pairs(torch.as_tensor(first[keep]), torch.as_tensor(second[keep]), pairs.distance[torch.as_tensor(keep)])
