"""The one generator: molecules grow in a batch, each from its own random stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gschnet_pyg.contracts import PlacementSteps
from gschnet_pyg.generation.grid import PlacementGrid
from gschnet_pyg.generation.starts import FROM_NOTHING, Start, check_starts
from gschnet_pyg.generation.state import PartialMolecule, next_steps
from gschnet_pyg.model.gschnet import GSchNet


@dataclass(frozen=True)
class GenerationSettings:
    """How molecules are drawn.

    Args:
        n_molecules: attempts to make; those abandoned are counted.
        batch_size: molecules that grow at a time.
        max_atoms: a molecule of this size may still finish, but gets no further atom.
        temperature: of positions; lower is sharper.
        type_temperature: of types.
        grid_minimum, grid_spacing: Å, of the grid around the focus.
        seed: the same seed gives the same molecules, whatever the batch size, up to rounding.
    """

    n_molecules: int
    batch_size: int = 64
    max_atoms: int = 35
    temperature: float = 0.1
    type_temperature: float = 1.0
    grid_minimum: float = 0.7
    grid_spacing: float = 0.05
    seed: int = 0


@dataclass(frozen=True)
class Attempt:
    """A molecule that is finished, or was abandoned on the way.

    Attributes:
        number: of the molecule in the request, from 0.
        z: ``[N]`` atomic numbers in placement order.
        pos: ``[N, 3]`` Å, relative to the origin token.
        is_finished: every atom is finished; otherwise the molecule outgrew the maximum, or stopped
            before its first atom.
        start: which of the starts it began with.
    """

    number: int
    z: np.ndarray
    pos: np.ndarray
    is_finished: bool
    start: int = 0


@dataclass(frozen=True)
class StepView:
    """One step of one molecule, for observers.

    Attributes:
        molecule: before the step is taken.
        focus: focused atom, ``-1`` for the origin.
        type_logp: ``[T + 1]`` log-probabilities of the next types and of *stop*.
        next_z: type drawn; the stop token's type for *stop*.
    """

    molecule: PartialMolecule
    focus: int
    type_logp: np.ndarray
    next_z: int


def generate(
    model: GSchNet,
    settings: GenerationSettings,
    starts: Sequence[Start] = FROM_NOTHING,
    on_step: Callable[[StepView], None] | None = None,
    numbers: Iterable[int] | None = None,
) -> Iterator[Attempt]:
    """Generate molecules; each is handed over as soon as it ends, and its place in the batch refilled.

    Args:
        model: on the device to use.
        settings: how molecules are drawn.
        starts: conditions and substructures; molecule number k begins with the one of number k modulo their number.
        on_step: sees every step before it is taken.
        numbers: of the molecules to make, for one process of several; all of the request by default.

    Returns:
        Iterator over the attempts, ``settings.n_molecules`` or those of the numbers, in the order in which they end.

    Raises:
        RecipeError: at once, if the settings cannot work or do not fit the model.
        DataError: at once, if molecules cannot grow from a substructure.

    Source:
        Gebauer et al., Nat. Commun. 13, 973 (2022), Methods.
    """
    check_starts(starts, model, settings.max_atoms)
    wanted = range(settings.n_molecules) if numbers is None else numbers
    return _grow(_Grower(model, settings, on_step), settings, starts, wanted)


def _grow(
    grower: _Grower, settings: GenerationSettings, starts: Sequence[Start], numbers: Iterable[int]
) -> Iterator[Attempt]:
    waiting = (PartialMolecule.begin(settings.seed, number, starts) for number in numbers)
    live: list[PartialMolecule] = []
    while True:
        live += [molecule for _, molecule in zip(range(settings.batch_size - len(live)), waiting, strict=False)]
        if not live:
            return
        ended = grower.advance(live)
        yield from ended.values()
        live = [molecule for molecule in live if molecule.number not in ended]


class _Grower:
    """Takes the next step of a batch of molecules."""

    def __init__(
        self, model: GSchNet, settings: GenerationSettings, on_step: Callable[[StepView], None] | None
    ) -> None:
        self.model, self.settings, self.on_step = model, settings, on_step
        self.device = next(model.parameters()).device
        grid = PlacementGrid(settings.grid_minimum, model.cutoffs.placement, settings.grid_spacing, model.bins)
        self.grid = grid.to(self.device)

    @torch.inference_mode()
    def advance(self, molecules: Sequence[PartialMolecule]) -> dict[int, Attempt]:
        """One step of every molecule; returns those that ended with it, by number."""
        vocabulary = self.model.vocabulary
        uniform = np.array([molecule.random.random(3) for molecule in molecules])
        focus = [molecule.choose_focus(u) for molecule, u in zip(molecules, uniform[:, 0], strict=True)]
        has_origin = self.model.settings.has_origin
        steps = next_steps(molecules, focus, vocabulary, self.model.cutoffs, has_origin).to(self.device)
        features, embedded = self.model.encode(steps), self.model.embed_conditions(steps)
        type_logp = self.model.type_logp(features, embedded, steps).double().cpu().numpy()
        next_class = _draw(type_logp / self.settings.type_temperature, uniform[:, 1])
        if self.on_step is not None:
            for molecule, *seen in zip(molecules, focus, type_logp, vocabulary.z_of[next_class], strict=True):
                self.on_step(StepView(molecule, *seen))

        ended, growing = {}, []
        for row, molecule in enumerate(molecules):
            if next_class[row] != vocabulary.stop_class:
                if len(molecule.z) < self.settings.max_atoms:
                    growing.append(row)
                else:
                    ended[molecule.number] = _attempt(molecule, is_finished=False)
                continue
            if molecule.z:
                molecule.unfinished.remove(focus[row])
            if not molecule.unfinished:
                ended[molecule.number] = _attempt(molecule, is_finished=bool(molecule.z))
        if growing:
            asked = _Placements.of(steps, np.array(growing), next_class, self.device)
            logp = self.model.distance_logp(features, embedded, steps, asked.predictor, asked.next_class)
            offsets = asked.draw(self.grid, logp.float(), [molecules[row] for row in growing], uniform, self.settings)
            for row, offset in zip(growing, offsets, strict=True):
                z = int(vocabulary.z_of[next_class[row]])
                molecules[row].place(z, molecules[row].focus_pos(focus[row]) + offset)
        return ended


@dataclass(frozen=True)
class _Placements:
    """The predictors of the steps that place an atom, step by step."""

    rows: np.ndarray
    counts: list[int]
    predictor: Tensor
    predictor_pos: Tensor
    next_class: Tensor

    @classmethod
    def of(cls, steps: PlacementSteps, rows: np.ndarray, next_class: np.ndarray, device: torch.device) -> _Placements:
        step = steps.predictor_step.cpu().numpy()
        asked = np.flatnonzero(np.isin(step, rows))
        asked = asked[np.argsort(step[asked], kind="stable")]
        predictor = torch.as_tensor(asked, device=device)
        return cls(
            rows,
            np.unique(step[asked], return_counts=True)[1].tolist(),
            predictor,
            steps.predictor_pos[predictor],
            torch.as_tensor(next_class[step[asked]], device=device),
        )

    def draw(
        self,
        grid: PlacementGrid,
        distance_logp: Tensor,
        molecules: Sequence[PartialMolecule],
        uniform: np.ndarray,
        settings: GenerationSettings,
    ) -> list[np.ndarray]:
        """Position ``[3]`` of every new atom relative to its focus."""
        pieces = zip(torch.split(self.predictor_pos, self.counts), torch.split(distance_logp, self.counts), strict=True)
        return [
            (
                grid.sample(pos, logp, settings.temperature, uniform[row, 2])
                if molecule.z
                else grid.sample_first(logp, uniform[row, 2])
            )
            .cpu()
            .numpy()
            for row, molecule, (pos, logp) in zip(self.rows, molecules, pieces, strict=True)
        ]


def _draw(logits: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Class of every row, by inverse CDF."""
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    cumulative = np.cumsum(weights, axis=1)
    choice: np.ndarray = (cumulative <= (uniform * cumulative[:, -1])[:, None]).sum(axis=1)
    return choice.clip(max=logits.shape[1] - 1)


def _attempt(molecule: PartialMolecule, is_finished: bool) -> Attempt:
    z, pos = np.array(molecule.z, dtype=np.int64), np.array(molecule.pos).reshape(-1, 3)
    return Attempt(molecule.number, z, pos, is_finished, molecule.start)
