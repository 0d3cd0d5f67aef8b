"""The geometry of the molecules that grow: sites and their pairs, found once, in places that are filled again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from gschnet_pyg.contracts import Cutoffs, PlacementSteps, Vocabulary
from gschnet_pyg.neighbors import Pairs
from gschnet_pyg.trajectory.connections import SitePairs, StepTable, ranges
from gschnet_pyg.trajectory.steps import PlacedAtoms, expand_steps


class Slots:
    """Sites of molecules under construction, one molecule in each slot.

    The pairs of an atom are found when it is placed. A pair keeps its row until its slot is emptied: pair k of slot s
    has row ``s * pairs_per_slot + k``, where filters can be kept for it.

    Args:
        n_slots: molecules at a time.
        max_atoms: largest molecule.
        cutoffs: Å.
        has_origin: the origin is a site that atoms hear.
        dtype: of the steps' distances, positions and conditions: that of the model.

    Attributes:
        pairs_per_slot: rows of a slot.
        n_atoms: ``[n_slots]``.
    """

    def __init__(
        self,
        n_slots: int,
        max_atoms: int,
        cutoffs: Cutoffs,
        has_origin: bool = True,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.cutoffs, self.has_origin, self.dtype = cutoffs, has_origin, dtype
        self.pairs_per_slot = rows_per_molecule(max_atoms)
        self.n_atoms = np.zeros(n_slots, dtype=np.int64)
        self._z = np.zeros((n_slots, max_atoms), dtype=np.int64)
        self._pos = np.zeros((n_slots, max_atoms + 1, 3))  # site 0 is the origin
        self._n_pairs = np.zeros(n_slots, dtype=np.int64)
        # never touched where molecules are smaller
        self._first, self._second = (np.empty(n_slots * self.pairs_per_slot, dtype=np.int32) for _ in range(2))
        self._distance = np.empty(n_slots * self.pairs_per_slot)

    def empty(self, slot: int) -> None:
        """Make room for another molecule."""
        self.n_atoms[slot] = self._n_pairs[slot] = 0

    def place(self, slots: np.ndarray, z: np.ndarray, pos: np.ndarray) -> np.ndarray:
        """Add an atom to each of several molecules.

        Args:
            slots: ``[M]``, each once.
            z: ``[M]`` atomic numbers.
            pos: ``[M, 3]`` Å, float64, relative to the origin.

        Returns:
            Rows of the new pairs, slot by slot.
        """
        site = self.n_atoms[slots] + 1
        self._z[slots, site - 1], self._pos[slots, site] = z, pos
        self.n_atoms[slots] = site
        earlier = self._pos[slots, : int(site.max())]
        distance = np.sqrt(((earlier - pos[:, None]) ** 2).sum(axis=2))
        is_near = distance < max(self.cutoffs.model, self.cutoffs.prediction)
        is_near &= np.arange(earlier.shape[1]) < site[:, None]
        is_near[:, 0] &= self.has_origin
        which, first = np.nonzero(is_near)
        n_new = is_near.sum(axis=1)
        start = slots * self.pairs_per_slot + self._n_pairs[slots]
        _, row = ranges(start, start + n_new)
        self._first[row], self._second[row], self._distance[row] = first, site[which], distance[is_near]
        self._n_pairs[slots] += n_new
        return row

    def distance(self, row: np.ndarray) -> np.ndarray:
        """Distances of pairs, Å."""
        distances: np.ndarray = self._distance[row]
        return distances

    def steps(
        self,
        slots: np.ndarray,
        focus: Sequence[int],
        vocabulary: Vocabulary,
        conditions: Sequence[Mapping[str, np.ndarray]] = (),
    ) -> PlacementSteps:
        """The next step of some molecules, expanded as in training.

        Args:
            slots: ``[M]``.
            focus: ``[M]`` focused atom, ``-1`` for the origin.
            vocabulary: of the model.
            conditions: of each molecule, name -> ``[k]``.

        Returns:
            PlacementSteps; the filter rows of its pairs are rows of the slots.
        """
        sizes = self.n_atoms[slots]
        ptr = np.concatenate([[0], np.cumsum(sizes)])
        molecule, atom = ranges(np.zeros_like(sizes), sizes)
        start = slots * self.pairs_per_slot
        of_pair, row = ranges(start, start + self._n_pairs[slots])
        first, second, distance = (
            self._first[row].astype(np.int64),
            self._second[row].astype(np.int64),
            self.distance(row),
        )
        is_model = distance < self.cutoffs.model
        near = SitePairs(of_pair[is_model], first[is_model], second[is_model], distance[is_model], row[is_model])
        is_predictor = (distance < self.cutoffs.prediction) & (first > 0)
        prediction = (ptr[of_pair[is_predictor]] + site[is_predictor] - 1 for site in (first, second))
        atoms = PlacedAtoms(
            self._z[slots[molecule], atom],
            self._pos[slots[molecule], atom + 1],
            ptr,
            near,
            Pairs(*map(torch.as_tensor, (*prediction, distance[is_predictor]))),
        )
        table = StepTable(np.arange(len(slots)), sizes, np.asarray(focus))
        steps = expand_steps(atoms, table, vocabulary, self.has_origin, self.dtype)
        steps.conditions = {
            name: torch.as_tensor(np.stack([each[name] for each in conditions]), dtype=self.dtype)
            for name in (conditions[0] if conditions else ())
        }
        return steps


def rows_per_molecule(max_atoms: int) -> int:
    """Most pairs that the sites of a molecule can have, the origin's included."""
    return max_atoms * (max_atoms + 1) // 2
