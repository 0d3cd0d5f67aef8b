"""Types that travel between the rooms of the package.

Nothing here imports a sibling of this room. Units: Å for lengths, eV for energies.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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
from gschnet_pyg.contracts.growth import (
    FINISHED,
    FOCUS,
    Cutoffs,
    DistanceBins,
    Growth,
    NextAtom,
    Noise,
    Trajectory,
    Vocabulary,
)
from gschnet_pyg.contracts.report import ReferenceSummary, ValidityReport, as_json
from gschnet_pyg.contracts.targets import TargetComparison, TargetGroup
from gschnet_pyg.contracts.validity import Rate, Verdict

if TYPE_CHECKING:
    from gschnet_pyg.contracts.steps import PairList, PairTable, PlacementSteps, Prediction

__all__ = [
    "FINISHED",
    "FOCUS",
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

_OF_STEPS = ("PairList", "PairTable", "PlacementSteps", "Prediction")

if not TYPE_CHECKING:  # so that a name that does not exist stays an error of the type checker

    def __getattr__(name: str) -> Any:
        """Types of batches bring torch, which takes seconds and which a report does without."""
        if name not in _OF_STEPS:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module("gschnet_pyg.contracts.steps"), name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
