"""How well the targets of conditional generation are reached."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gschnet_pyg.contracts.validity import Rate


@dataclass(frozen=True)
class TargetGroup:
    """Molecules that were asked for the same, and what they reached.

    Attributes:
        label: what was asked for, in words: a number, a range of numbers, a formula.
        target: the number that was asked for, the mean of a range; none for compositions and fingerprints.
        finished, valid: molecules that are there to be judged, and those of them that are valid by RDKit.
        measured: molecules that what they reached is known of; the next three are over these.
        mean, deviation: of what they reached, in the unit of the target; of a fingerprint the similarity. The
            deviation is that of a sample, none for a single molecule.
        error: mean absolute difference from the target of each molecule; none for compositions and fingerprints.
        exact, exact_of_finished: molecules that reach exactly what was asked for, among the valid ones and among the
            finished ones; none for scalars.
    """

    label: str
    target: float | None
    finished: int
    valid: int
    measured: int
    mean: float | None = None
    deviation: float | None = None
    error: float | None = None
    exact: Rate | None = None
    exact_of_finished: Rate | None = None

    def to_json(self) -> dict[str, Any]:
        """All fields; numbers to six decimals."""
        group = {name: _rounded(value) for name, value in vars(self).items()}
        rates = {"exact": self.exact, "exact_of_finished": self.exact_of_finished}
        return {**group, **{name: rate.to_json() if rate else None for name, rate in rates.items()}}


@dataclass(frozen=True)
class TargetComparison:
    """How well the targets of one condition are reached.

    Attributes:
        name: of the condition's property.
        kind: ``scalar``, ``count``, ``composition``, ``fingerprint`` or ``vector``.
        unit: of targets and of what was reached, if there is one.
        calculator: that measured it, if one did.
        measured: molecules that what they reached is known of: valid ones; of counts and compositions all finished
            ones.
        reason: why nothing could be measured and the way out, else none.
        failed: valid molecules that the calculator failed for.
        failure: what it said of the first of them.
        overall: all molecules together, if anything was measured.
        groups: one for every distinct target, or for a range of them where they are many.
        trained: range of the property that the model was trained on, of scalars; none where it is not known.
        correlation: Pearson's, of targets and what was reached; none where either is always the same.
        molecules: that were measured, by their number among the finished ones, from 0.
        pairs: target and what was reached, of each measured molecule: numbers; of compositions formulas; of
            fingerprints the label of the target and the similarity.
    """

    name: str
    kind: str
    unit: str | None = None
    calculator: str | None = None
    measured: int = 0
    reason: str | None = None
    failed: int = 0
    failure: str | None = None
    overall: TargetGroup | None = None
    groups: tuple[TargetGroup, ...] = ()
    trained: tuple[float, float] | None = None
    correlation: float | None = None
    molecules: tuple[int, ...] = field(default=(), repr=False)
    pairs: tuple[tuple[float | str, float | str], ...] = field(default=(), repr=False)

    def to_json(self) -> dict[str, Any]:
        """All fields; numbers to six decimals."""
        return {
            **vars(self),
            "overall": self.overall.to_json() if self.overall else None,
            "groups": [group.to_json() for group in self.groups],
            "trained": None if self.trained is None else [_rounded(value) for value in self.trained],
            "correlation": _rounded(self.correlation),
            "molecules": list(self.molecules),
            "pairs": [[_rounded(target), _rounded(reached)] for target, reached in self.pairs],
        }


def _rounded(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value
