"""Types that travel between the rooms of the package.

Nothing here imports a sibling of this room. Units: Å for lengths, eV for energies.
"""

from gschnet_pyg.contracts.chemistry import Chemistry, FrequentMolecule, FunctionalGroup, Similarity
from gschnet_pyg.contracts.distributions import (
    Comparison,
    Distributions,
    Histogram,
    Numbers,
    RingStatistics,
    TypedComparison,
)
from gschnet_pyg.contracts.geometry import Geometry, PoseChecks, Relaxation
from gschnet_pyg.contracts.report import ReferenceSummary, ValidityReport, as_json
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
from gschnet_pyg.contracts.targets import TargetComparison, TargetGroup
from gschnet_pyg.contracts.validity import Rate, Verdict

__all__ = [
    "Chemistry",
    "Comparison",
    "Cutoffs",
    "DistanceBins",
    "Distributions",
    "FrequentMolecule",
    "FunctionalGroup",
    "Geometry",
    "Growth",
    "Histogram",
    "NextAtom",
    "Noise",
    "Numbers",
    "PairList",
    "PairTable",
    "PlacementSteps",
    "PoseChecks",
    "Prediction",
    "Rate",
    "ReferenceSummary",
    "Relaxation",
    "RingStatistics",
    "Similarity",
    "TargetComparison",
    "TargetGroup",
    "Trajectory",
    "TypedComparison",
    "ValidityReport",
    "Verdict",
    "Vocabulary",
    "as_json",
]
