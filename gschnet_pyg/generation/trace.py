"""Watching molecules grow."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from gschnet_pyg.contracts import FINISHED, FOCUS, Vocabulary
from gschnet_pyg.generation.sampler import StepView


class StepTrace:
    """An observer of generation: one line for every step of chosen molecules, and a frame of what the step sees.

    A line says focus, probabilities of the next types before the type temperature, and what was drawn of them.

    Args:
        numbers: molecules to follow.
        vocabulary: of the model.
        say: takes the lines.

    Attributes:
        frames: atoms in place before every step, molecule by molecule; steps that see no atom yet have none. ``tags``
            mark the focus and finished atoms, ``info`` says ``molecule``, ``step``, ``focus`` and ``next``.
    """

    def __init__(self, numbers: Collection[int], vocabulary: Vocabulary, say: Callable[[str], None] = print) -> None:
        self.numbers, self.vocabulary, self.say = frozenset(numbers), vocabulary, say
        self._frames: dict[int, list[Atoms]] = {}
        self._n_steps: dict[int, int] = {}

    @property
    def frames(self) -> list[Atoms]:
        """Frames of all molecules, one molecule after the other."""
        return [frame for number in sorted(self._frames) for frame in self._frames[number]]

    def __call__(self, view: StepView) -> None:
        """Take note of a step."""
        number = view.molecule.number
        if number not in self.numbers:
            return
        step = self._n_steps[number] = self._n_steps.get(number, -1) + 1
        self.say(f"molecule {number}  step {step:3}  {self._describe(view)}")
        if view.molecule.z:
            self._frames.setdefault(number, []).append(self._frame(view, step))

    def _describe(self, view: StepView) -> str:
        """``focus   2 C   H  97.1  C   1.0  N   0.4  O   1.2  F   0.3  stop   0.0 %  next H``."""
        focus = f"{view.focus:3} {chemical_symbols[view.molecule.z[view.focus]]:2}" if view.focus >= 0 else "origin"
        shares = 100.0 * np.exp(view.type_logp)
        listed = [
            f"{self._name(z)} {share:5.1f}" for z, share in zip(self.vocabulary.z_of.tolist(), shares, strict=True)
        ]
        return f"focus {focus}  {'  '.join(listed)} %  next {self._name(view.next_z)}"

    def _frame(self, view: StepView, step: int) -> Atoms:
        molecule = view.molecule
        tags = np.full(len(molecule.z), FINISHED)
        tags[molecule.unfinished] = 0
        tags[view.focus] = FOCUS
        info = {"molecule": molecule.number, "step": step, "focus": view.focus, "next": self._name(view.next_z)}
        return Atoms(molecule.z, np.array(molecule.pos), tags=tags, info=info)

    def _name(self, z: int) -> str:
        return "stop" if z == self.vocabulary.stop else chemical_symbols[z]
