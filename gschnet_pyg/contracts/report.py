"""A validity report: everything that is said of a file of generated molecules.

Each part is a frozen type with a field for every key of the JSON form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from gschnet_pyg.contracts.chemistry import Chemistry
from gschnet_pyg.contracts.distributions import Distributions, RingStatistics
from gschnet_pyg.contracts.geometry import Geometry
from gschnet_pyg.contracts.targets import TargetComparison
from gschnet_pyg.contracts.validity import Rate, Verdict


@dataclass(frozen=True)
class ReferenceSummary:
    """What the molecules were compared with.

    Attributes:
        molecules: of the reference.
        seen: training and validation molecules among them; none where the split is not known, and all count as seen.
        valid: by RDKit.
        edm: EDM's rates of the reference.
    """

    molecules: int
    seen: int | None
    valid: Rate
    edm: Mapping[str, Rate]


@dataclass(frozen=True)
class ValidityReport:
    """Counts and rates over judged molecules, each with its denominator.

    Rates are over the *requested* molecules: an attempt that was abandoned counts against the model.

    Attributes:
        options: that were in force.
        requested, finished: molecules that were asked for, and that are there to be judged.
        rdkit: ``valid``, ``valid_unique``, ``unseen`` and ``novel``; the last two none without a reference.
        failures: molecules by the reason why they are not valid by RDKit, ``unfinished`` among them.
        edm: ``atom_stable`` (over atoms of finished molecules), ``molecule_stable``, ``valid``, ``valid_unique``.
        rings: by their size, ``other`` for all sizes that are not named.
        distributions: what valid molecules are made of.
        geometry: quality of the coordinates.
        chemistry: which molecules they are.
        reference: what the molecules were compared with, else none.
        targets: how well those of conditional generation are reached, one for every condition.
        verdicts: of the finished molecules.
        source: the file, and what is stored of how it was made.
    """

    options: Mapping[str, Any]
    requested: int
    finished: int
    rdkit: Mapping[str, Rate | None]
    failures: Mapping[str, int]
    edm: Mapping[str, Rate]
    rings: Mapping[str, RingStatistics] = field(repr=False)
    distributions: Distributions = field(repr=False)
    geometry: Geometry = field(repr=False)
    chemistry: Chemistry = field(repr=False)
    reference: ReferenceSummary | None = None
    targets: tuple[TargetComparison, ...] = ()
    verdicts: tuple[Verdict, ...] = field(default=(), repr=False)
    source: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def timeouts(self) -> int:
        """Molecules that RDKit took too long for."""
        return self.failures.get("timeout", 0)

    def to_json(self) -> dict[str, Any]:
        """The stable JSON form, format 1."""
        content = {each.name: as_json(getattr(self, each.name)) for each in fields(self)}
        failures = content.pop("failures")
        content["rdkit"]["failures"] = failures
        return {"format": 1, "timeouts": self.timeouts, **content}


def as_json(value: Any) -> Any:
    """Frozen types as plain containers; numbers to six decimals."""
    match value:
        case Rate() | Verdict() | TargetComparison():
            return value.to_json()
        case float():
            return round(value, 6)
        case Mapping():
            return {key: as_json(each) for key, each in value.items()}
        case list() | tuple():
            return [as_json(each) for each in value]
    if is_dataclass(value):
        return {each.name: as_json(getattr(value, each.name)) for each in fields(value)}
    return value
