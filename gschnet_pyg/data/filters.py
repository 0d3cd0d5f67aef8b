"""Comparisons that hold molecules out of training and validation."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import atomic_numbers
from ase.formula import Formula

from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.data.properties import compositions, heavy_atom_counts
from gschnet_pyg.errors import DataError, RecipeError

COMPOSITION, N_ATOMS, N_HEAVY_ATOMS = "composition", "n_atoms", "n_heavy_atoms"
"""What is counted from the atoms, whatever the source carries under these names."""
_FUNCTIONS = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}
_OPERATOR = re.compile("([<>=!]=|[<>=])")
_EXAMPLE = "write it like 'gap < 4.5' or 'composition == C7H10O2'"


@dataclass(frozen=True)
class Comparison:
    """A property compared with a value.

    Attributes:
        property: name of a property with one component, or ``composition``, ``n_atoms``, ``n_heavy_atoms``.
        operator: ``==``, ``!=``, ``<``, ``<=``, ``>`` or ``>=``.
        value: in the units of the dataset, energies in eV; of a composition the number of atoms of each element,
            sorted by symbol.
    """

    property: str
    operator: str
    value: float | tuple[tuple[str, int], ...]


Filters = tuple[tuple[Comparison, ...], ...]
"""A molecule is held out where all comparisons of any entry hold."""


def parse_comparison(text: str) -> Comparison:
    """Read a comparison such as ``gap < 4.5`` or ``composition == C7H10O2``.

    Args:
        text: property, operator (``=`` means ``==``) and value: a number, or a formula for ``composition``, which can
            only be equal or not.

    Raises:
        RecipeError: if it is anything else; with an example.
    """
    parts = [part.strip() for part in _OPERATOR.split(text, maxsplit=1)]
    if len(parts) < 3 or not parts[0] or not parts[2]:
        raise RecipeError(f"split.hold_out: {text!r} is no comparison; {_EXAMPLE}")
    name, operator, value = parts
    operator = "==" if operator == "=" else operator
    if name != COMPOSITION:
        return Comparison(name, operator, _number(text, value))
    if operator not in ("==", "!="):
        raise RecipeError(f"split.hold_out: {text!r}: a composition can only be equal (==) or not (!=); {_EXAMPLE}")
    return Comparison(name, operator, _formula(text, value))


def _number(text: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise RecipeError(f"split.hold_out: {text!r}: {value!r} is no finite number; {_EXAMPLE}")
    return number


def _formula(text: str, value: str) -> tuple[tuple[str, int], ...]:
    """Number of atoms of each element, sorted by symbol."""
    try:
        counts = Formula(value).count()
    except ValueError:
        raise RecipeError(f"split.hold_out: {text!r}: {value!r} is no formula; {_EXAMPLE}") from None
    if strange := [symbol for symbol in counts if not atomic_numbers.get(symbol)]:
        raise RecipeError(f"split.hold_out: {text!r}: there is no element {strange[0]}; {_EXAMPLE}")
    return tuple(sorted((symbol, n) for symbol, n in counts.items() if n))


def parse_filters(entries: Sequence[str | Sequence[str]]) -> Filters:
    """Read filters: of several entries any suffices, inside one list all comparisons are required.

    Args:
        entries: comparisons, and lists of comparisons.

    Raises:
        RecipeError: if an entry is neither, or a list is empty; with an example.
    """
    if isinstance(entries, str):
        raise RecipeError(f"split.hold_out: {entries!r} is no list of comparisons; write [{entries}]")
    return tuple(_parse_entry(entry) for entry in entries)


def _parse_entry(entry: str | Sequence[str]) -> tuple[Comparison, ...]:
    comparisons = [entry] if isinstance(entry, str) else entry
    is_list = isinstance(comparisons, Sequence) and all(isinstance(each, str) for each in comparisons)
    if not is_list or not comparisons:
        raise RecipeError(f"split.hold_out: {entry!r} is neither a comparison nor a list of some; {_EXAMPLE}")
    return tuple(parse_comparison(each) for each in comparisons)


def properties_needed(filters: Filters) -> list[str]:
    """Properties that the dataset must carry for some filters, in order, each once."""
    counted = (COMPOSITION, N_ATOMS, N_HEAVY_ATOMS)
    names = (comparison.property for entry in filters for comparison in entry)
    return list(dict.fromkeys(name for name in names if name not in counted))


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
