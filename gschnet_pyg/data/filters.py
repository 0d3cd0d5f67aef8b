"""Which molecules comparisons hold out of training and validation."""

from __future__ import annotations

import numpy as np
from ase.data import atomic_numbers

from gschnet_pyg.data.comparisons import COMPOSITION, N_ATOMS, N_HEAVY_ATOMS, Comparison, Filters
from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.data.properties import compositions, heavy_atom_counts
from gschnet_pyg.errors import DataError

_FUNCTIONS = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


def held_out(filters: Filters, molecules: MoleculeDataset) -> np.ndarray:
    """Which molecules some filters hold out of training and validation.

    Numbers are compared exactly, in the units of the dataset (energies in eV).

    Args:
        filters: of several entries any suffices, inside one all are required.
        molecules: the dataset, which carries the properties needed.

    Returns:
        ``[M]`` booleans.

    Raises:
        DataError: if the dataset does not carry a property, or it has several components or a molecule lacks it.
    """
    entries = [np.all([_holds(comparison, molecules) for comparison in entry], axis=0) for entry in filters]
    return np.any(entries, axis=0) if entries else np.zeros(len(molecules), dtype=bool)


def _holds(comparison: Comparison, molecules: MoleculeDataset) -> np.ndarray:
    if isinstance(comparison.value, tuple):
        is_equal = _is_composed(comparison.value, molecules)
        return is_equal if comparison.operator == "==" else ~is_equal
    answer: np.ndarray = _FUNCTIONS[comparison.operator](_numbers(comparison.property, molecules), comparison.value)
    return answer


def _is_composed(formula: tuple[tuple[str, int], ...], molecules: MoleculeDataset) -> np.ndarray:
    """Which molecules have exactly the atoms of a formula."""
    wanted = dict(formula)
    counts = compositions(molecules, [atomic_numbers[symbol] for symbol in wanted])
    has_all = (counts == list(wanted.values())).all(axis=1)
    answer: np.ndarray = has_all & (molecules.n_atoms == sum(wanted.values()))
    return answer


def _numbers(name: str, molecules: MoleculeDataset) -> np.ndarray:
    """``[M]`` values of a property, or counts of atoms."""
    if name == N_ATOMS:
        return molecules.n_atoms
    if name == N_HEAVY_ATOMS:
        return heavy_atom_counts(molecules)[:, 0]
    carried = molecules.properties
    if name not in carried:
        there = ", ".join([*sorted(carried), COMPOSITION, N_ATOMS, N_HEAVY_ATOMS])
        raise DataError(f"{molecules.source}: there is no property {name!r} to compare; there are: {there}")
    values = carried[name].values
    if values.shape[1] != 1:
        raise DataError(
            f"{molecules.source}: property {name!r} has {values.shape[1]} components and cannot be compared; "
            "choose one with a single number for each molecule"
        )
    is_missing = np.isnan(values[:, 0])
    if is_missing.any():
        raise DataError(
            f"{molecules.describe(int(np.argmax(is_missing)))}: has no value of {name!r} to compare; "
            "leave out the molecule or the comparison"
        )
    return values[:, 0]
