"""Reads the reference numbers made with the established implementation, in the terms of this package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from gschnet_pyg.contracts import Cutoffs, PlacementSteps, Trajectory, Vocabulary
from gschnet_pyg.model.conditions import CompositionCondition, Mixing, ScalarCondition
from gschnet_pyg.model.conversion import read_established
from gschnet_pyg.model.embeddings import ConditionEmbedding
from gschnet_pyg.model.gschnet import GSchNet, ModelSettings
from gschnet_pyg.neighbors import neighbors
from gschnet_pyg.trajectory.collate import PlacementCollate

CUTOFFS = {
    "unconditional": Cutoffs(),
    "composition_gap": Cutoffs(),
    "short_cutoffs": Cutoffs(4.0, 3.0, 1.7, covalent_factor=None),
}
VOCABULARY = Vocabulary()
N_MOLECULES = 6
CONDITIONS = (
    CompositionCondition(
        atom_types=VOCABULARY.atom_types,
        type_features=8,
        layers=2,
        width=16,
        count=ScalarCondition(name="n_atoms", minimum=0.0, maximum=35.0, spacing=8.75, layers=2, width=16),
    ),
    ScalarCondition(name="gap", minimum=2.0, maximum=11.0, spacing=2.25, layers=2, width=16),
)


@dataclass(frozen=True)
class ReferenceCase:
    name: str
    arrays: dict[str, np.ndarray]
    weights: dict[str, torch.Tensor]

    @property
    def cutoffs(self) -> Cutoffs:
        return CUTOFFS[self.name]

    def molecule(self, k: int) -> dict[str, np.ndarray]:
        prefix = f"mol{k}_"
        return {name.removeprefix(prefix): array for name, array in self.arrays.items() if name.startswith(prefix)}

    def steps(self) -> PlacementSteps:
        """All steps of the reference trajectories, expanded by the project's collate."""
        molecules = [self.molecule(k) for k in range(N_MOLECULES)]
        z = np.concatenate([m["z"] for m in molecules])
        pos = np.concatenate([m["pos"] for m in molecules])
        ptr = np.concatenate([[0], np.cumsum([len(m["z"]) for m in molecules])])
        near = neighbors(torch.as_tensor(z), torch.as_tensor(pos), torch.as_tensor(ptr), self.cutoffs)
        drawn = []
        for m in molecules:
            is_placement = m["next_z"] != VOCABULARY.stop
            trajectory = Trajectory(m["order"], m["focus"], m["next_z"], np.cumsum(is_placement) - is_placement)
            drawn.append((trajectory, np.arange(len(m["focus"]))))
        steps = PlacementCollate(VOCABULARY, self.cutoffs).expand(z, pos, ptr, near, drawn)
        if self.is_conditional:
            steps.conditions = {
                name: torch.as_tensor(np.stack([m[name] for m in molecules]), dtype=torch.float32)
                for name in ("composition", "gap")
            }
        return steps

    @property
    def is_conditional(self) -> bool:
        return "mol0_gap" in self.arrays

    def model(self) -> GSchNet:
        """The project's model with the reference weights."""
        settings = ModelSettings(
            n_features=32, n_interactions=3, type_layers=3, type_width=48, distance_layers=3, distance_width=48
        )
        conditions = ConditionEmbedding(CONDITIONS, Mixing(2, 24)) if self.is_conditional else None
        model = GSchNet(VOCABULARY, self.cutoffs, settings, conditions)
        model.load_state_dict(dict(read_established(self.weights).weights))
        return model.eval()


def read_case(folder: Path, name: str) -> ReferenceCase:
    with np.load(folder / "reference" / f"{name}.npz") as file:
        arrays = dict(file)
    with np.load(folder / "reference" / f"{name}_weights.npz") as file:
        weights = {key: torch.as_tensor(value) for key, value in file.items()}
    return ReferenceCase(name, arrays, weights)
