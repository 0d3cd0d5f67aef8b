"""Types that travel between the rooms of the package.

Nothing here imports a sibling of this room. Units: Å for lengths, eV for energies.
"""

from gschnet_pyg.contracts.steps import (
    Cutoffs,
    DistanceBins,
    Growth,
    NextAtom,
    Noise,
    PairList,
    PairTable,
    PlacementSteps,
    Prediction,
    Trajectory,
    Vocabulary,
)
from gschnet_pyg.contracts.validity import Rate, TargetComparison, TargetGroup, ValidityReport, Verdict

__all__ = [
    "Cutoffs",
    "DistanceBins",
    "Growth",
    "NextAtom",
    "Noise",
    "PairList",
    "PairTable",
    "PlacementSteps",
    "Prediction",
    "Rate",
    "TargetComparison",
    "TargetGroup",
    "Trajectory",
    "ValidityReport",
    "Verdict",
    "Vocabulary",
]
