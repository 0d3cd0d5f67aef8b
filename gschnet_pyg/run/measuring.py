"""What a report says of geometry beyond the verdicts: relaxation, PoseBusters' checks, distance from the origin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

PLACEHOLDER: Any = None


@dataclass(frozen=True)
class Measurements:
    """What is measured on a sample of the valid molecules.

    Args:
        sample: valid molecules to take, a seeded sample; 0 leaves all of this out.
        relax: ASE calculator to relax them with as well, by name or as ``module:attribute``.
        posebusters: whether PoseBusters checks them.
        seed: of the sample.
    """

    sample: int = 500
    relax: str | None = None
    posebusters: bool = False
    seed: int = 0
