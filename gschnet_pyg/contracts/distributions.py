"""What molecules are made of, in histograms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gschnet_pyg.contracts.validity import Rate

Histogram = Mapping[str, int]
"""Counts by what was counted, or by the lower edge of a bin."""


@dataclass(frozen=True)
class Numbers:
    """What many numbers are like.

    Attributes:
        n: how many there are, at least one.
        mean: of them.
        deviation: that of a sample; none for a single number.
        quantiles: at 5, 25, 50, 75 and 95 %.
        bin_width: of the histogram.
        histogram: lower edge of a bin -> how many.
    """

    n: int
    mean: float
    deviation: float | None
    quantiles: tuple[float, float, float, float, float]
    bin_width: float
    histogram: Histogram = field(repr=False)


@dataclass(frozen=True)
class Comparison:
    """One histogram of the generated molecules beside that of the reference.

    Attributes:
        generated: counts over the valid generated molecules.
        reference: counts over the valid reference molecules; none without a reference.
        divergence: Jensen-Shannon divergence in bits, 0 where they are the same, 1 where they share nothing; none
            without a reference, or where one of the two is empty.
    """

    generated: Histogram
    reference: Histogram | None
    divergence: float | None


@dataclass(frozen=True)
class TypedComparison:
    """Lengths or angles, one comparison for every combination of elements.

    Attributes:
        unit: of the bins.
        bin_width: of the histograms.
        divergence: mean over the types of the reference, each with the weight that it has there; one that was not
            generated counts as 1 bit. None without a reference, or where nothing was generated.
        types: elements -> comparison: ``C-H`` for bonds; ``H-C-H`` for angles, with the middle atom in the middle.
    """

    unit: str
    bin_width: float
    divergence: float | None
    types: Mapping[str, Comparison]


@dataclass(frozen=True)
class Distributions:
    """What the valid molecules are made of, beside the reference.

    Attributes:
        molecules: valid generated molecules.
        reference_molecules: valid reference molecules; none without a reference.
        atom_counts: number of atoms -> molecules.
        atom_types: element -> atoms.
        ring_sizes: size -> rings of the symmetric SSSR.
        bond_lengths: Å, by the elements of the bond.
        angles: degrees, by the elements of two neighbouring bonds.
        dihedrals: degrees without sign, by the elements of a chain of four heavy atoms.
    """

    molecules: int
    reference_molecules: int | None
    atom_counts: Comparison
    atom_types: Comparison
    ring_sizes: Comparison
    bond_lengths: TypedComparison
    angles: TypedComparison
    dihedrals: TypedComparison


@dataclass(frozen=True)
class RingStatistics:
    """Rings of one size.

    Attributes:
        rings: how many there are.
        per_molecule: their mean number in a valid molecule.
        molecules: valid molecules that have one.
        reference_molecules: the same of the reference; none without one.
    """

    rings: int
    per_molecule: float
    molecules: Rate
    reference_molecules: Rate | None = None
