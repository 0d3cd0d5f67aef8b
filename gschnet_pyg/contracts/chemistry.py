"""Which molecules were generated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gschnet_pyg.contracts.distributions import Numbers
from gschnet_pyg.contracts.validity import Rate


@dataclass(frozen=True)
class FunctionalGroup:
    """One of RDKit's fragments.

    Attributes:
        molecules: valid molecules that have it.
        reference: the same of the reference; none without one.
    """

    molecules: Rate
    reference: Rate | None


@dataclass(frozen=True)
class FrequentMolecule:
    """One of the molecules that were generated most often.

    Attributes:
        smiles: canonical.
        formula: in Hill order.
        count: valid molecules that are it.
        reference: molecules of the reference that are it; none without one.
    """

    smiles: str
    formula: str
    count: int
    reference: int | None


@dataclass(frozen=True)
class Similarity:
    """Tanimoto similarity of molecules to the most similar training molecule.

    Over different valid molecules, by Morgan fingerprints of radius 2 and 2048 bits without stereochemistry.

    Attributes:
        trained: different training molecules that were searched.
        asked: different valid molecules: a seeded sample, or all.
        unique: of those; none where there are none.
        unseen: of those of them that are not among training and validation molecules; none where there are none.
        test: of a seeded sample of the molecules that were kept for the test: what new molecules of the same kind
            have; none where the split is not known.
        molecules: that were searched for, by their number among the finished ones, from 0.
        nearest: similarity and SMILES of the most similar training molecule of each.
    """

    trained: int
    asked: int
    unique: Numbers | None
    unseen: Numbers | None
    test: Numbers | None
    molecules: tuple[int, ...] = field(default=(), repr=False)
    nearest: tuple[tuple[float, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Chemistry:
    """Which molecules they are.

    Attributes:
        functional_groups: by RDKit's name for them, the most frequent ones first.
        frequent: the molecules that were generated most often.
        similarity: to training molecules; none without a reference.
    """

    functional_groups: Mapping[str, FunctionalGroup]
    frequent: tuple[FrequentMolecule, ...]
    similarity: Similarity | None = None
