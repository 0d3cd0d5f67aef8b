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
class ValidityReport:
    """Counts and rates over judged molecules, each with its denominator.

    Rates are over the *requested* molecules: an attempt that was abandoned counts against the model.

    Attributes:
        options: that were in force.
        requested, finished: molecules that were asked for, and that are there to be judged.
        rdkit: ``valid``, ``valid_unique``, ``unseen`` and ``novel``; the last two none without a reference.
        failures: molecules by the reason why they are not valid by RDKit, ``unfinished`` among them.
        edm: ``atom_stable`` (over atoms of finished molecules), ``molecule_stable``, ``valid``, ``valid_unique``.
        distributions: of the valid molecules, and their divergence from the reference.
        reference: what the molecules were compared with, else none.
        verdicts: of the finished molecules.
    """

    options: Mapping[str, Any]
    requested: int
    finished: int
    rdkit: Mapping[str, Rate | None]
    failures: Mapping[str, int]
    edm: Mapping[str, Rate]
    distributions: Mapping[str, Any] = field(default_factory=dict, repr=False)
    reference: Mapping[str, Any] | None = None
    verdicts: tuple[Verdict, ...] = field(default=(), repr=False)

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
            "distributions": dict(self.distributions),
            "reference": dict(self.reference) if self.reference else None,
            "verdicts": [verdict.to_json() for verdict in self.verdicts],
        }
