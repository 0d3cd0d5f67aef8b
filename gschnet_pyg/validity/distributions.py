"""What valid molecules are made of, and how far that is from the training data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np
from ase.formula import Formula

from gschnet_pyg.contracts import Rate, Verdict

BIN_WIDTH = 0.02
"""Å; bins of the bond lengths."""

Histogram = dict[str, int]


@dataclass(frozen=True)
class Distributions:
    """Histograms over valid molecules (by RDKit).

    Attributes:
        molecules: how many there are.
        atom_counts: number of atoms -> molecules.
        atom_types: element -> atoms.
        ring_sizes: size -> rings of the symmetric SSSR.
        bond_lengths: elements, as in ``C-H`` -> lower edge of a bin in Å -> bonds.
    """

    molecules: int
    atom_counts: Histogram
    atom_types: Histogram
    ring_sizes: Histogram
    bond_lengths: dict[str, Histogram]

    @classmethod
    def of(cls, verdicts: Iterable[Verdict]) -> Distributions:
        """Count over the valid ones among judged molecules."""
        formulas: Counter[str] = Counter()
        atom_counts: Counter[int] = Counter()
        ring_sizes: Counter[int] = Counter()
        bond_bins: dict[str, Counter[int]] = {}
        for verdict in verdicts:
            if not verdict.is_valid:
                continue
            formulas[verdict.formula] += 1
            atom_counts[verdict.n_atoms] += 1
            ring_sizes.update(verdict.ring_sizes)
            for pair, lengths in verdict.bond_lengths.items():
                # half of the last digit keeps lengths on an edge where they belong
                bond_bins.setdefault(pair, Counter()).update(int(x / BIN_WIDTH + 1e-6) for x in lengths)
        atom_types: Counter[str] = Counter()
        for formula, number in formulas.items():
            for symbol, count in _composition(formula).items():
                atom_types[symbol] += number * count
        return cls(
            molecules=formulas.total(),
            atom_counts={str(key): atom_counts[key] for key in sorted(atom_counts)},
            atom_types=dict(sorted(atom_types.items())),
            ring_sizes={str(key): ring_sizes[key] for key in sorted(ring_sizes)},
            bond_lengths={
                pair: {f"{edge * BIN_WIDTH:.2f}": bins[edge] for edge in sorted(bins)}
                for pair, bins in sorted(bond_bins.items())
            },
        )

    def to_json(self) -> dict[str, Any]:
        """Plain containers."""
        return asdict(self)


def compare(generated: Distributions, reference: Distributions | None) -> dict[str, Any]:
    """Histograms of both and the Jensen-Shannon divergence between them.

    Args:
        generated: of the molecules that are judged.
        reference: of the training data, if there are any.

    Returns:
        ``molecules``, ``unit`` and ``bin_width_angstrom``; ``atom_counts``, ``atom_types`` and ``ring_sizes`` with
        ``generated``, ``reference`` and ``divergence`` each; ``bond_lengths`` with the same for every pair of elements.
    """

    def both(mine: Histogram, theirs: Histogram | None) -> dict[str, Any]:
        divergence = None if theirs is None else jensen_shannon(mine, theirs)
        return {"generated": mine, "reference": theirs, "divergence": divergence}

    theirs = reference.bond_lengths if reference else {}
    return {
        "molecules": {"generated": generated.molecules, "reference": reference.molecules if reference else None},
        "unit": "bits",
        "bin_width_angstrom": BIN_WIDTH,
        **{
            name: both(getattr(generated, name), getattr(reference, name) if reference else None)
            for name in ("atom_counts", "atom_types", "ring_sizes")
        },
        "bond_lengths": {
            pair: both(generated.bond_lengths.get(pair, {}), theirs.get(pair, {}) if reference else None)
            for pair in sorted(generated.bond_lengths.keys() | theirs.keys())
        },
    }


def ring_statistics(verdicts: Iterable[Verdict], sizes: Sequence[int] = (3, 4, 5, 6)) -> dict[str, dict[str, Any]]:
    """Rings of the valid molecules, by their size.

    Args:
        verdicts: molecules that are not valid among them are passed over.
        sizes: each on its own; all others together are ``other``.

    Returns:
        Size -> ``rings``, how many there are, ``per_molecule``, their mean number, and ``molecules``, the share of
        molecules that have one, as ``value``, ``count`` and ``of``.
    """
    names = {size: str(size) for size in sizes}
    rings: Counter[str] = Counter()
    having: Counter[str] = Counter()
    n_molecules = 0
    for verdict in verdicts:
        if verdict.is_valid:
            found = [names.get(size, "other") for size in verdict.ring_sizes]
            rings.update(found)
            having.update(set(found))
            n_molecules += 1
    return {
        name: {
            "rings": rings[name],
            "per_molecule": Rate(rings[name], n_molecules).value,
            "molecules": Rate(having[name], n_molecules).to_json(),
        }
        for name in (*names.values(), "other")
    }


def jensen_shannon(first: Mapping[str, int], second: Mapping[str, int]) -> float | None:
    """Jensen-Shannon divergence of two histograms in bits: 0 for equal ones, 1 where they share nothing.

    None where one of them is empty. Few counts inflate it: about (bins - 1) / (5.5 x counts) of it is noise.
    """
    if not first or not second:
        return None
    keys = first.keys() | second.keys()
    p, q = (np.array([histogram.get(key, 0) for key in keys], dtype=np.float64) for histogram in (first, second))
    p, q = p / p.sum(), q / q.sum()
    divergence = _entropy((p + q) / 2) - (_entropy(p) + _entropy(q)) / 2
    return min(max(divergence, 0.0), 1.0)


def _entropy(p: np.ndarray) -> float:
    p = p[p > 0]
    return float(-(p * np.log2(p)).sum())


@cache
def _composition(formula: str) -> dict[str, int]:
    return dict(Formula(formula).count())
