"""What is said of one generated molecule, and shares of many."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import sqrt
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

    @property
    def interval(self) -> tuple[float, float]:
        """95 % confidence interval of the value; from 0 to 1 where the denominator is 0.

        Source:
            Wilson, J. Am. Stat. Assoc. 22, 209 (1927).
        """
        if not self.of:
            return 0.0, 1.0
        z, n, p = 1.959964, self.of, self.value
        middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
        return max(0.0, middle - half), min(1.0, middle + half)

    def to_json(self) -> dict[str, float | int]:
        """``{"value", "count", "of"}``."""
        return {"value": self.value, "count": self.count, "of": self.of}


@dataclass(frozen=True, slots=True)  # there are many
class Verdict:
    """One molecule judged.

    Attributes:
        formula: in Hill order.
        smiles: canonical SMILES where RDKit finds it valid, else none.
        failure: reason why it is not valid by RDKit, else none.
        n_atoms, n_stable_atoms: EDM stability.
        edm_smiles: canonical SMILES of the largest fragment where it is valid by EDM, else none.
        ring_sizes: of the symmetric SSSR, ascending, where valid by RDKit.
        n_clashes: pairs of atoms that are too close for three bonds or more between them, where valid by RDKit.
    """

    formula: str
    smiles: str | None
    failure: str | None
    n_atoms: int
    n_stable_atoms: int
    edm_smiles: str | None
    ring_sizes: tuple[int, ...] = ()
    n_clashes: int | None = None

    @property
    def is_valid(self) -> bool:
        """Valid by RDKit."""
        return self.smiles is not None

    @property
    def is_stable(self) -> bool:
        """Every atom has an allowed valence by EDM's rules."""
        return self.n_atoms > 0 and self.n_stable_atoms == self.n_atoms

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return {**asdict(self), "ring_sizes": list(self.ring_sizes)}
