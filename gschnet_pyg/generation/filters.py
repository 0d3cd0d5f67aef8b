"""Filters of placed atoms, kept from round to round: only those of a new atom are evaluated."""

from __future__ import annotations

import numpy as np
import torch

from gschnet_pyg.generation.slots import Slots, rows_per_molecule
from gschnet_pyg.model.schnet import Filters, SchNet


class KeptFilters:
    """Filters of every interaction block, with one row for each pair that the slots can hold.

    Args:
        schnet: evaluates them.
        slots: give the pairs their rows.
    """

    def __init__(self, schnet: SchNet, slots: Slots) -> None:
        self.schnet, self.slots = schnet, slots
        weight = schnet.embedding.weight
        self.dtype, self.device = weight.dtype, weight.device
        n_rows = len(slots.n_atoms) * slots.pairs_per_slot
        # a page that no molecule has reached takes no memory on a CPU
        self.of_blocks = [
            Filters(weight.new_empty(n_rows, weight.shape[1]), filters.at_zero)
            for filters in schnet.filters(weight.new_empty(0))
        ]

    def update(self, row: np.ndarray) -> None:
        """Evaluate the filters of new pairs, by their rows."""
        distance = torch.as_tensor(self.slots.distance(row), dtype=self.dtype).to(self.device)
        place = torch.as_tensor(row).to(self.device)
        for kept, new in zip(self.of_blocks, self.schnet.filters(distance), strict=True):
            kept.of_pairs.index_copy_(0, place, new.of_pairs)


def slots_in(memory: float, schnet: SchNet, max_atoms: int) -> int:
    """How many molecules can grow at a time while their filters fit into memory, at least one.

    Args:
        memory: GB.
        schnet: that the filters belong to.
        max_atoms: largest molecule; all its pairs are reckoned with.
    """
    weight = schnet.embedding.weight
    of_molecule = rows_per_molecule(max_atoms) * len(schnet.blocks) * weight.shape[1] * weight.element_size()
    return max(1, int(memory * 1e9 / of_molecule))
