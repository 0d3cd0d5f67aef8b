"""Rounds of generation: in each, every live molecule takes a step, whether it gets an atom or finishes one.

With an accelerator, a round waits for it where types and positions come back, and where branch and bound counts what
survives; nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from gschnet_pyg.errors import ModelError
from gschnet_pyg.generation.branch_and_bound import PositionSearch
from gschnet_pyg.generation.filters import KeptFilters, slots_in
from gschnet_pyg.generation.grid import PlacementGrid
from gschnet_pyg.generation.settings import GenerationSettings, bounded
from gschnet_pyg.generation.slots import Slots
from gschnet_pyg.generation.state import Attempt, PartialMolecule, StepView
from gschnet_pyg.model.gschnet import GSchNet
from gschnet_pyg.trajectory.connections import ranges


class Rounds:
    """Takes the steps of molecules that grow side by side.

    Args:
        model: on the device to use.
        settings: how molecules are drawn.
        on_step: sees every step before it is taken.

    Attributes:
        n_slots: molecules at a time: the batch, or fewer where memory for their filters ends.
    """

    @torch.inference_mode()
    def __init__(
        self, model: GSchNet, settings: GenerationSettings, on_step: Callable[[StepView], None] | None
    ) -> None:
        self.model, self.settings, self.on_step = model, settings, on_step
        self.device = next(model.parameters()).device
        grid = PlacementGrid(settings.grid_minimum, model.cutoffs.placement, settings.grid_spacing, model.bins)
        self.search = PositionSearch(grid.to(self.device))
        in_memory = slots_in(settings.filter_memory, model.schnet, settings.max_atoms)
        self.n_slots = min(settings.batch_size, settings.n_molecules, in_memory)
        self.slots = Slots(self.n_slots, settings.max_atoms, model.cutoffs, model.settings.has_origin, model.dtype)
        self.filters = KeptFilters(model.schnet, self.slots)
        self._free = list(range(self.n_slots))

    @torch.inference_mode()
    def begin(self, molecules: Sequence[PartialMolecule]) -> None:
        """Give molecules their slots, and the atoms they begin with a place there."""
        for molecule in molecules:
            molecule.slot = self._free.pop()
            self.slots.empty(molecule.slot)
        for atom in range(max((len(molecule.z) for molecule in molecules), default=0)):
            those = [molecule for molecule in molecules if len(molecule.z) > atom]
            self._place(those, [atom] * len(those))

    @torch.inference_mode()
    def advance(self, molecules: Sequence[PartialMolecule]) -> dict[int, Attempt]:
        """One step of every molecule; returns those that ended with it, by number.

        Raises:
            ModelError: if the model predicts something that is not a number.
        """
        vocabulary = self.model.vocabulary
        uniform = np.array([molecule.random.random(3) for molecule in molecules])
        focus = [molecule.choose_focus(u) for molecule, u in zip(molecules, uniform[:, 0], strict=True)]
        slots = np.array([molecule.slot for molecule in molecules])
        steps = self.slots.steps(slots, focus, vocabulary, [molecule.conditions for molecule in molecules])
        has_atoms = self.slots.n_atoms[slots] > 0
        predictors = _Predictors(steps.predictor_step.numpy())
        steps = steps.to(self.device)
        features, embedded = self.model.encode(steps, self.filters.of_blocks), self.model.embed_conditions(steps)
        type_logp = self.model.type_logp(features, embedded, steps).double().cpu().numpy()
        _check_numbers(molecules, np.isnan(type_logp).any(axis=1))
        next_class = _draw(type_logp / bounded(self.settings.type_temperature), uniform[:, 1])
        if self.on_step is not None:
            for molecule, *seen in zip(molecules, focus, type_logp, vocabulary.z_of[next_class], strict=True):
                self.on_step(StepView(molecule, *seen))

        ended, growing = self._stop(molecules, focus, next_class == vocabulary.stop_class)
        if len(growing):
            asked, counts = predictors.of(growing)
            on_device = torch.as_tensor(asked, device=self.device)
            asked_class = torch.as_tensor(np.repeat(next_class[growing], counts), device=self.device)
            logp = self.model.distance_logp(features, embedded, steps, on_device, asked_class)
            of_focus = self._draw_positions(
                steps.predictor_pos[on_device], logp, counts, ~has_atoms[growing], uniform[growing, 2]
            )
            is_placed = ~np.isnan(of_focus).any(axis=1)
            if not is_placed.all():
                ended |= self._give_up([molecules[row] for row in growing[~is_placed]], ~is_placed, logp, counts)
            chosen = [molecules[row] for row in growing[is_placed]]
            for molecule, row, offset in zip(chosen, growing[is_placed], of_focus[is_placed], strict=True):
                molecule.place(int(vocabulary.z_of[next_class[row]]), molecule.focus_pos(focus[row]) + offset)
            if chosen:
                self._place(chosen, [len(molecule.z) - 1 for molecule in chosen])
        return ended

    def _give_up(
        self, molecules: Sequence[PartialMolecule], is_lost: np.ndarray, distance_logp: Tensor, counts: np.ndarray
    ) -> dict[int, Attempt]:
        """Abandon molecules whose next atom has no possible place; an error if the model says no numbers.

        Args:
            molecules: that are lost.
            is_lost: ``[n]`` they among all that were to get an atom.
            distance_logp: ``[K, n_bins]`` of the predictors of all.
            counts: ``[n]`` predictors of each.
        """
        is_nan = distance_logp.isnan().any(dim=1).cpu().numpy()
        _check_numbers(molecules, np.array([part.any() for part in np.split(is_nan, counts.cumsum()[:-1])])[is_lost])
        self._free += [molecule.slot for molecule in molecules]
        return {molecule.number: molecule.end(is_finished=False) for molecule in molecules}

    def _stop(
        self, molecules: Sequence[PartialMolecule], focus: Sequence[int], is_stop: np.ndarray
    ) -> tuple[dict[int, Attempt], np.ndarray]:
        """Finish the atoms of the steps that stop; returns the molecules that end, and the rows that get an atom."""
        ended, growing = {}, []
        for row, molecule in enumerate(molecules):
            if is_stop[row]:
                if molecule.z:
                    molecule.unfinished.remove(focus[row])
                if not molecule.unfinished:
                    ended[molecule.number] = molecule.end(is_finished=bool(molecule.z))
            elif len(molecule.z) < self.settings.max_atoms:
                growing.append(row)
            else:
                ended[molecule.number] = molecule.end(is_finished=False)
        self._free += [molecule.slot for molecule in molecules if molecule.number in ended]
        return ended, np.array(growing, dtype=np.int64)

    def _draw_positions(
        self,
        predictor_pos: Tensor,
        distance_logp: Tensor,
        counts: np.ndarray,
        is_first: np.ndarray,
        uniform: np.ndarray,
    ) -> np.ndarray:
        """Position ``[n, 3]`` of every new atom relative to its focus."""
        offset = np.empty((len(counts), 3))
        if is_first.any():
            rows = torch.as_tensor(np.flatnonzero(np.repeat(is_first, counts)), device=self.device)
            molecule = np.repeat(np.arange(is_first.sum()), counts[is_first])
            drawn = self.search.grid.sample_first(
                distance_logp[rows],
                *(torch.as_tensor(array, device=self.device) for array in (molecule, uniform[is_first])),
            )
            offset[is_first] = drawn.cpu()
        if not is_first.all():
            later = torch.as_tensor(np.flatnonzero(np.repeat(~is_first, counts)), device=self.device)
            drawn = self.search.sample_batch(
                predictor_pos[later],
                distance_logp[later],
                counts[~is_first].tolist(),
                self.settings.temperature,
                uniform[~is_first],
            )
            offset[~is_first] = drawn.cpu()
        return offset

    def _place(self, molecules: Sequence[PartialMolecule], atoms: Sequence[int]) -> None:
        """Put an atom of every molecule into its slot, and evaluate the filters of its pairs."""
        slots = np.array([molecule.slot for molecule in molecules])
        z = np.array([molecule.z[atom] for molecule, atom in zip(molecules, atoms, strict=True)])
        pos = np.array([molecule.pos[atom] for molecule, atom in zip(molecules, atoms, strict=True)])
        self.filters.update(self.slots.place(slots, z, pos))


class _Predictors:
    """Predictors of a batch of steps, step by step."""

    def __init__(self, step: np.ndarray) -> None:
        self.order = np.argsort(step, kind="stable")
        self.counts = np.bincount(step)
        self.start = np.cumsum(self.counts) - self.counts

    def of(self, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Predictors of some steps, one step after the other, and their numbers."""
        _, place = ranges(self.start[steps], self.start[steps] + self.counts[steps])
        return self.order[place], self.counts[steps]


def _check_numbers(molecules: Sequence[PartialMolecule], is_nan: np.ndarray) -> None:
    """Refuse to go on with a model that predicts something else than numbers."""
    if is_nan.any():
        molecule = molecules[int(np.argmax(is_nan))]
        raise ModelError(
            f"molecule {molecule.number}, after {len(molecule.z)} atoms: what the model predicts is not a number; its "
            "weights are damaged or too large: train it anew, with a lower learning rate"
        )


def _draw(logits: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Class of every row, by inverse CDF."""
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    cumulative = np.cumsum(weights, axis=1)
    total = cumulative[:, -1]
    # rounding must not lead past the last class that is possible
    before = np.minimum(uniform * total, np.nextafter(total, 0.0))
    choice: np.ndarray = (cumulative <= before[:, None]).sum(axis=1)
    return choice
