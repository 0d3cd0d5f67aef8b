"""What is said of generated molecules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Rate:
    """A share that never travels without its denominator."""

    count: int
    of: int

    @property
    def value(self) -> float:
        """``count / of``; 0 where the denominator is 0."""
        return self.count / self.of if self.of else 0.0

    def to_json(self) -> dict[str, float | int]:
        """``{"value", "count", "of"}``."""
        return {"value": self.value, "count": self.count, "of": self.of}


@dataclass(frozen=True)
class Verdict:
    """One molecule judged.

    Attributes:
        formula: in Hill order.
        smiles: canonical SMILES where RDKit finds it valid, else none.
        failure: reason why it is not valid by RDKit, else none.
        n_atoms, n_stable_atoms: EDM stability.
        edm_smiles: canonical SMILES of the largest fragment where it is valid by EDM, else none.
        ring_sizes: of the symmetric SSSR, ascending, where valid by RDKit.
        bond_lengths: Å, by the elements of the bond (``C-H``), where valid by RDKit.
    """

    formula: str
    smiles: str | None
    failure: str | None
    n_atoms: int
    n_stable_atoms: int
    edm_smiles: str | None
    ring_sizes: tuple[int, ...] = ()
    bond_lengths: Mapping[str, tuple[float, ...]] = field(default_factory=dict, repr=False)

    @property
    def is_valid(self) -> bool:
        """Valid by RDKit."""
        return self.smiles is not None

    @property
    def is_stable(self) -> bool:
        """Every atom has an allowed valence by EDM's rules."""
        return self.n_atoms > 0 and self.n_stable_atoms == self.n_atoms

    def to_json(self) -> dict[str, Any]:
        """All fields but the bond lengths."""
        verdict = asdict(self)
        del verdict["bond_lengths"]
        return {**verdict, "ring_sizes": list(self.ring_sizes)}


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
    correlation: float | None = None
    molecules: tuple[int, ...] = field(default=(), repr=False)
    pairs: tuple[tuple[float | str, float | str], ...] = field(default=(), repr=False)

    def to_json(self) -> dict[str, Any]:
        """All fields; numbers to six decimals."""
        return {
            **vars(self),
            "overall": self.overall.to_json() if self.overall else None,
            "groups": [group.to_json() for group in self.groups],
            "correlation": _rounded(self.correlation),
            "molecules": list(self.molecules),
            "pairs": [[_rounded(target), _rounded(reached)] for target, reached in self.pairs],
        }


def _rounded(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value


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
        rings: by their size, how many valid molecules have one.
        distributions: of the valid molecules, and their divergence from the reference.
        reference: what the molecules were compared with, else none.
        verdicts: of the finished molecules.
        targets: how well those of conditional generation are reached, one for every condition.
    """

    options: Mapping[str, Any]
    requested: int
    finished: int
    rdkit: Mapping[str, Rate | None]
    failures: Mapping[str, int]
    edm: Mapping[str, Rate]
    rings: Mapping[str, Any] = field(default_factory=dict, repr=False)
    distributions: Mapping[str, Any] = field(default_factory=dict, repr=False)
    reference: Mapping[str, Any] | None = None
    verdicts: tuple[Verdict, ...] = field(default=(), repr=False)
    targets: tuple[TargetComparison, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The stable JSON form, format 1."""

        def rates(group: Mapping[str, Rate | None]) -> dict[str, Any]:
            return {name: rate.to_json() if rate else None for name, rate in group.items()}

        return {
            "format": 1,
            "options": dict(self.options),
            "requested": self.requested,
            "finished": self.finished,
            "rdkit": {**rates(self.rdkit), "failures": dict(self.failures)},
            "edm": rates(self.edm),
            "rings": dict(self.rings),
            "distributions": dict(self.distributions),
            "reference": dict(self.reference) if self.reference else None,
            "targets": [target.to_json() for target in self.targets],
            "verdicts": [verdict.to_json() for verdict in self.verdicts],
        }
