"""Histograms of the generated molecules beside those of the reference, and how far apart they are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gschnet_pyg.contracts import Comparison, Distributions, Histogram, Rate, RingStatistics, TypedComparison
from gschnet_pyg.validity.geometry import KINDS
from gschnet_pyg.validity.tally import RING_SIZES, Tally, ring_names


def compare(generated: Tally, reference: Tally | None) -> Distributions:
    """Histograms of both and the Jensen-Shannon divergences between them.

    Args:
        generated: of the molecules that are judged.
        reference: of the training data, if there are any.
    """
    mine, theirs = generated.geometry, reference.geometry if reference else None
    geometry = {kind.name: _by_type(mine[kind.name], theirs[kind.name] if theirs else None) for kind in KINDS}
    return Distributions(
        molecules=generated.molecules,
        reference_molecules=reference.molecules if reference else None,
        atom_counts=_both(_text(generated.atom_counts), _text(reference.atom_counts) if reference else None),
        atom_types=_both(generated.atom_types, reference.atom_types if reference else None),
        ring_sizes=_both(_text(generated.ring_sizes), _text(reference.ring_sizes) if reference else None),
        **{kind.name: _typed(kind.unit, kind.bin_width, geometry[kind.name]) for kind in KINDS},
    )


def ring_statistics(generated: Tally, reference: Tally | None) -> dict[str, RingStatistics]:
    """Rings of the valid molecules by their size; all sizes that have no name together are ``other``."""
    n_molecules = generated.molecules
    rings = dict.fromkeys(ring_names(), 0)
    for size, count in generated.ring_sizes.items():
        rings[str(size) if size in RING_SIZES else "other"] += count
    return {
        name: RingStatistics(
            rings=number,
            per_molecule=number / n_molecules if n_molecules else 0.0,
            molecules=Rate(generated.ring_molecules[name], n_molecules),
            reference_molecules=Rate(reference.ring_molecules[name], reference.molecules) if reference else None,
        )
        for name, number in rings.items()
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


def _text(histogram: Mapping[int, int]) -> Histogram:
    return {str(key): histogram[key] for key in sorted(histogram)}


def _both(mine: Histogram, theirs: Histogram | None) -> Comparison:
    return Comparison(mine, theirs, None if theirs is None else jensen_shannon(mine, theirs))


def _by_type(mine: Mapping[str, Histogram], theirs: Mapping[str, Histogram] | None) -> dict[str, Comparison]:
    """By elements, the most frequent ones of the reference first, without one those of the generated molecules."""
    found = {
        elements: _both(mine.get(elements, {}), None if theirs is None else theirs.get(elements, {}))
        for elements in sorted(mine.keys() | (theirs or {}).keys())
    }
    order = sorted(found, key=lambda elements: _weights(found[elements]), reverse=True)
    return {elements: found[elements] for elements in order}


def _weights(comparison: Comparison) -> tuple[int, int]:
    """Counts of the reference, then of the generated molecules."""
    return sum((comparison.reference or {}).values()), sum(comparison.generated.values())


def _typed(unit: str, bin_width: float, types: dict[str, Comparison]) -> TypedComparison:
    """The mean divergence is over all types of the reference; one that was not generated shares nothing with it."""
    weights = {elements: _weights(each) for elements, each in types.items()}
    total = sum(theirs for theirs, _ in weights.values())
    is_empty = not any(mine for _, mine in weights.values())
    divergence = None
    if total and not is_empty:
        each_has = ((weights[name][0], types[name].divergence) for name in types)
        divergence = sum(weight * (1.0 if value is None else value) for weight, value in each_has) / total
    return TypedComparison(unit, bin_width, divergence, types)
