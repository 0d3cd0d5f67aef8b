"""EDM's stability and validity: bond orders from distances alone.

Source:
    Hoogeboom et al., Equivariant diffusion for molecule generation in 3D, ICML 2022, section 5.1.
"""

from __future__ import annotations

import numpy as np
from rdkit import Chem, rdBase

from gschnet_pyg.bonds import atom, pair_distances, pairs
from gschnet_pyg.validity.edm_bond_lengths import LENGTH, MARGIN, VALENCES

_N_ELEMENTS = 119
_MAX_VALENCE = 15
_BOND_TYPES = {1: Chem.BondType.SINGLE, 2: Chem.BondType.DOUBLE, 3: Chem.BondType.TRIPLE}


def _number(symbol: str) -> int:
    return int(Chem.GetPeriodicTable().GetAtomicNumber(symbol))


def _thresholds() -> np.ndarray:
    """``[3, 119, 119]`` pm; a bond of order 1, 2, 3 between two elements exists below it. 0 where there is none."""
    table = np.zeros((3, _N_ELEMENTS, _N_ELEMENTS))
    for order, rows in LENGTH.items():
        for first, row in rows.items():
            for second, length in row.items():
                i, j = _number(first), _number(second)
                table[order - 1, i, j] = table[order - 1, j, i] = length + MARGIN[order]
    return table


def _allowed() -> np.ndarray:
    """``[119, 16]`` whether a sum of bond orders is an allowed valence of an element."""
    table = np.zeros((_N_ELEMENTS, _MAX_VALENCE + 1), dtype=bool)
    for symbol, valences in VALENCES.items():
        table[_number(symbol), list(valences)] = True
    return table


_THRESHOLDS = _thresholds()
_ALLOWED = _allowed()


def bond_orders(z: np.ndarray, pos: np.ndarray) -> np.ndarray:
    """Bond order of every pair of atoms: single first, then double, then triple.

    Args:
        z: ``[N]`` atomic numbers from 0 to 118.
        pos: ``[N, 3]`` Å, finite.

    Returns:
        ``[N, N]`` int, symmetric, 0 where there is no bond and on the diagonal.
    """
    orders = np.zeros((len(z), len(z)), dtype=np.int64)
    first, second = pairs(len(z))
    distance_pm = 100 * pair_distances(np.asarray(pos, dtype=np.float64))
    single, double, triple = _THRESHOLDS
    bonded = np.flatnonzero(distance_pm < single[z[first], z[second]])  # few of all pairs
    first, second, distance_pm = first[bonded], second[bonded], distance_pm[bonded]
    is_double = distance_pm < double[z[first], z[second]]
    is_triple = is_double & (distance_pm < triple[z[first], z[second]])
    orders[first, second] = orders[second, first] = 1 + is_double + is_triple
    return orders


def is_stable(z: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """``[N]`` whether the bond orders of each atom sum to an allowed valence.

    Args:
        z: ``[N]`` atomic numbers from 0 to 118.
        orders: ``[N, N]`` from ``bond_orders``.
    """
    allowed: np.ndarray = _ALLOWED[z, np.minimum(orders.sum(axis=1), _MAX_VALENCE)]
    return allowed


def edm_smiles(z: np.ndarray, orders: np.ndarray) -> str | None:
    """Canonical SMILES of the largest fragment, or none where RDKit does not sanitise the molecule.

    Hydrogens stay and stereochemistry is absent, as in the source: a molecule that lacks a hydrogen is another one.

    Args:
        z: ``[N]`` atomic numbers from 0 to 118.
        orders: ``[N, N]`` from ``bond_orders``.
    """
    if not len(z):
        return None
    mol = Chem.RWMol()
    for number in z.tolist():
        mol.AddAtom(atom(number))
    first, second = np.nonzero(orders)
    for i, j, order in zip(first.tolist(), second.tolist(), orders[first, second].tolist(), strict=True):
        if i < j:
            mol.AddBond(i, j, _BOND_TYPES[order])
    with rdBase.BlockLogs():
        try:
            Chem.SanitizeMol(mol)
        except Chem.MolSanitizeException:
            return None
        if len(Chem.GetMolFrags(mol)) > 1:
            mol = max(Chem.GetMolFrags(mol, asMols=True), key=lambda fragment: fragment.GetNumAtoms())
        return str(Chem.MolToSmiles(mol))
