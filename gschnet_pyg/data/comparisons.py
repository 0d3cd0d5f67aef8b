"""Comparisons as text; recipes read them without the weight of a dataset."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from gschnet_pyg.errors import RecipeError

COMPOSITION, N_ATOMS, N_HEAVY_ATOMS = "composition", "n_atoms", "n_heavy_atoms"
"""What is counted from the atoms, whatever the source carries under these names."""
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
    from ase.data import atomic_numbers  # takes its time, and few recipes have formulas
    from ase.formula import Formula

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
