"""Bond lengths, angles and dihedrals of molecules, binned and packed into whole numbers; clashes.

Worker processes import this module: NumPy and RDKit only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, reduce

import numpy as np
from rdkit import Chem

from gschnet_pyg.bonds import pair_distances, pairs

CLASH_FACTOR = 0.68
"""Of the sum of two van der Waals radii; closer atoms clash unless they have a common bond or angle.

RDKit's radii (those of Blue Obelisk: H 1.2, C 1.7, N 1.6, O 1.55 Å). 0.25 % of QM9's 112,068 valid molecules have
such a pair, mostly that of a short hydrogen bond; with 0.70 it would be 0.5 %, with 0.75 3.5 %.
"""

_SLACK = 1e-6
"""Of a bin; keeps what lies on an edge, up to rounding, in the upper bin."""

_STRAIGHT = np.sin(np.radians(5)) ** 2
"""Chains with an angle closer to 180 degrees than this have no dihedral."""

_BITS_OF_BIN, _BITS_OF_SYMBOL, _ENDS = 14, 7, 4


@dataclass(frozen=True)
class Kind:
    """What is measured.

    Attributes:
        name: as in ``contracts.Distributions``.
        unit, bin_width: of the histogram.
        n_bins: most there can be; the last one holds everything above.
        n_atoms: that it takes.
    """

    name: str
    unit: str
    bin_width: float
    n_bins: int
    n_atoms: int

    def edge(self, number: int) -> str:
        """Lower edge of a bin."""
        return f"{number * self.bin_width:.2f}" if self.bin_width < 1 else f"{number * self.bin_width:.0f}"


KINDS = (
    Kind("bond_lengths", "Å", 0.01, 1 << _BITS_OF_BIN, 2),
    Kind("angles", "degrees", 2.0, 90, 3),
    Kind("dihedrals", "degrees", 5.0, 36, 4),
)
"""Angles between neighbouring bonds; dihedrals without sign, of chains of four heavy atoms."""


def geometry_rules() -> list[float]:
    """What kept counts depend on: the widths of the bins, and what a clash is."""
    return [*(kind.bin_width for kind in KINDS), CLASH_FACTOR]


def measure_geometry(z: np.ndarray, pos: np.ndarray, bonds: np.ndarray) -> np.ndarray:
    """Everything that is counted of the geometry of molecules; of many at once takes little longer than of one.

    Args:
        z: ``[sum N]`` atomic numbers, hydrogens too.
        pos: ``[sum N, 3]`` Å.
        bonds: ``[B, 2]`` atoms of every bond, each bond once.

    Returns:
        ``[n]`` int64, one code for every bond, angle and dihedral, see :func:`decode`.
    """
    pos = np.asarray(pos, dtype=np.float64)
    rank = _ranks()[z]
    both = np.concatenate([bonds, bonds[:, ::-1]])
    first, second = both[both[:, 0].argsort(kind="stable")].T  # both directions, sorted by the first atom
    span = pos[second] - pos[first]
    length = np.sqrt(_dot(span, span))
    once = first < second
    lengths = _codes(0, rank[np.stack([first[once], second[once]])], length[once])
    angles = _codes(1, *_angles(rank, first, second, span, length))
    dihedrals = _codes(2, *_dihedrals(rank, z, pos, first, second))
    return np.concatenate([lengths, angles, dihedrals])


def count_clashes(z: np.ndarray, pos: np.ndarray, adjacency: np.ndarray) -> int:
    """Number of pairs of atoms that clash in one molecule.

    Args:
        z: ``[N]`` atomic numbers.
        pos: ``[N, 3]`` Å.
        adjacency: ``[N, N]`` 1 where there is a bond.
    """
    first, second = pairs(len(z))
    radius = CLASH_FACTOR * _radii()[z]
    close = np.flatnonzero(pair_distances(np.asarray(pos, dtype=np.float64)) < radius[first] + radius[second])
    bonded = adjacency.astype(np.float32)
    near = bonded + bonded @ bonded
    return int(np.count_nonzero(near[first[close], second[close]] == 0))


def decode(counts: Mapping[int, int]) -> dict[str, dict[str, dict[str, int]]]:
    """Histograms by kind, elements and lower edge of a bin, the last ascending.

    Args:
        counts: of codes from :func:`measure_geometry`.
    """
    symbols = _symbols()
    found: dict[str, dict[str, dict[str, int]]] = {kind.name: {} for kind in KINDS}
    for code in sorted(counts):
        rest, number = divmod(code, 1 << _BITS_OF_BIN)
        ranks = []
        for _ in range(_ENDS):
            rest, rank = divmod(rest, 1 << _BITS_OF_SYMBOL)
            ranks.append(rank)
        kind = KINDS[rest]
        elements = "-".join(symbols[rank] for rank in reversed(ranks) if rank)
        found[kind.name].setdefault(elements, {})[kind.edge(number)] = counts[code]
    return found


def _codes(kind: int, ranks: np.ndarray, values: np.ndarray) -> np.ndarray:
    """``[n]`` from ranks of the elements ``[k, n]`` and values ``[n]``: the reading with the smaller ranks."""
    packed, mirrored = (_pack(each) for each in (ranks, ranks[::-1]))
    bins = np.minimum((values / KINDS[kind].bin_width + _SLACK).astype(np.int64), KINDS[kind].n_bins - 1)
    head = (kind << (_BITS_OF_SYMBOL * _ENDS)) + np.minimum(packed, mirrored)
    codes: np.ndarray = (head << _BITS_OF_BIN) + bins
    return codes


def _pack(ranks: Iterable[np.ndarray]) -> np.ndarray:
    return reduce(lambda packed, rank: (packed << _BITS_OF_SYMBOL) + rank, ranks)


def _continued(first: np.ndarray, ends: np.ndarray, n_atoms: int) -> tuple[np.ndarray, np.ndarray]:
    """Continue walks by one bond.

    Args:
        first: ``[2 B]`` first atoms of all bonds in both directions, ascending.
        ends: ``[n]`` last atoms of the walks.
        n_atoms: of the molecule.

    Returns:
        ``(walk [m], bond [m])`` numbers of the walk and of the bond that continues it.
    """
    degree = np.bincount(first, minlength=n_atoms)
    start = np.cumsum(degree) - degree
    many = degree[ends]
    walk = np.repeat(np.arange(len(ends)), many)
    bond = np.arange(len(walk)) + np.repeat(start[ends] - np.cumsum(many) + many, many)
    return walk, bond


def _angles(
    rank: np.ndarray, first: np.ndarray, second: np.ndarray, span: np.ndarray, length: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Ranks ``[3, n]`` and degrees ``[n]`` of all pairs of bonds at an atom."""
    one, other = _continued(first, first, len(rank))  # bonds that leave from where each bond leaves from
    keep = one < other
    one, other = one[keep], other[keep]
    cosine = _dot(span[one], span[other]) / (length[one] * length[other])
    return rank[np.stack([second[one], first[one], second[other]])], np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def _dihedrals(
    rank: np.ndarray, z: np.ndarray, pos: np.ndarray, first: np.ndarray, second: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Ranks ``[4, n]`` and degrees ``[n]`` of all chains of four different heavy atoms, straight ones left out."""
    heavy = (z[first] > 1) & (z[second] > 1)
    first, second = first[heavy], second[heavy]
    walk, bond = _continued(first, second, len(z))
    a, b, c = first[walk], second[walk], second[bond]
    bent = a != c
    a, b, c = a[bent], b[bent], c[bent]
    walk, bond = _continued(first, c, len(z))
    a, b, c, d = a[walk], b[walk], c[walk], second[bond]
    keep = (d != b) & (a < d)  # each chain once; a ring of three is none
    a, b, c, d = a[keep], b[keep], c[keep], d[keep]
    x, y, w = pos[b] - pos[a], pos[c] - pos[b], pos[d] - pos[c]
    xx, yy, ww, xy, yw = _dot(x, x), _dot(y, y), _dot(w, w), _dot(x, y), _dot(y, w)
    left, right = xx * yy - xy**2, yy * ww - yw**2  # squares of the normals of the two planes
    defined = (left > _STRAIGHT * xx * yy) & (right > _STRAIGHT * yy * ww)
    cosine = (xy * yw - _dot(x, w) * yy) / np.sqrt(np.where(defined, left * right, 1))
    degrees = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    return rank[np.stack([a, b, c, d])][:, defined], degrees[defined]


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    product: np.ndarray = np.einsum("ij,ij->i", a, b)
    return product


@cache
def _symbols() -> tuple[str, ...]:
    """By rank from 1: alphabetical, hydrogen last."""
    table = Chem.GetPeriodicTable()
    symbols = [str(table.GetElementSymbol(number)) for number in range(1, 119)]
    return "", *sorted(symbols, key=lambda symbol: (symbol == "H", symbol))


@cache
def _ranks() -> np.ndarray:
    """``[119]`` rank of every element."""
    table = Chem.GetPeriodicTable()
    ranks = {symbol: rank for rank, symbol in enumerate(_symbols())}
    return np.array([0, *(ranks[table.GetElementSymbol(number)] for number in range(1, 119))], dtype=np.int64)


@cache
def _radii() -> np.ndarray:
    """``[119]`` van der Waals radii, Å."""
    table = Chem.GetPeriodicTable()
    return np.array([0.0, *(table.GetRvdw(number) for number in range(1, 119))])
