"""Requested conditions -> target values, checked against what the model was trained with."""

from __future__ import annotations

import difflib
import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from ase.data import atomic_numbers, chemical_symbols
from ase.formula import Formula

from gschnet_pyg.bonds import smiles_fingerprint
from gschnet_pyg.errors import RecipeError
from gschnet_pyg.model.conditions import CompositionCondition, Condition, Ranges, ScalarCondition, VectorCondition

Target = dict[str, np.ndarray]
"""One value ``[k]`` for every condition, by name."""

_FAR = 0.1
"""Share of the range seen in training by which a target may lie outside before a warning."""
_MAX_TARGETS = 100_000
_RANGE = re.compile(r"(-?[\d.]*\d)\s*(?::|-|\.\.)\s*(-?[\d.]*\d)(?::[\d.]+)?")
"""What looks like one to people, and is not read as one: 4:8, 4-8, 4..8."""


def parse_targets(requested: Mapping[str, Any], conditions: Sequence[Condition]) -> list[Target]:
    """All combinations of the requested values, the last condition changing fastest.

    Args:
        requested: by name of the condition: a number, a formula (or counts by element), a SMILES where a fingerprint is
            asked for; several of them as a list; numbers also as ``{"from": 4, "to": 8, "steps": 5}``.
        conditions: of the model.

    Returns:
        At least one target; an empty one for a model without conditions.

    Raises:
        RecipeError: if a condition is missing or unknown, or a value does not fit it.
    """
    names = [condition.name for condition in conditions]
    if unknown := [name for name in requested if name not in names]:
        near = difflib.get_close_matches(unknown[0], names, n=1)
        has = f"; did you mean {near[0]}?" if near else f"; it has: {', '.join(names) or 'none'}"
        raise RecipeError(f"conditions.{unknown[0]}: the model was not trained with this condition{has}")
    if missing := [condition for condition in conditions if condition.name not in requested]:
        examples = " ".join(f"--condition {condition.name}={_example(condition)}" for condition in missing)
        raise RecipeError(
            f"conditions: the model needs a target for {', '.join(c.name for c in missing)}; for example {examples}"
        )
    values = [_several(condition, requested[condition.name]) for condition in conditions]
    if (number := math.prod(map(len, values))) > _MAX_TARGETS:
        raise RecipeError(f"conditions: {number:,} combinations are too many; ask for at most {_MAX_TARGETS:,}")
    return [dict(zip(names, combination, strict=True)) for combination in itertools.product(*values)]


def far_targets(targets: Sequence[Target], conditions: Sequence[Condition]) -> Iterator[str]:
    """A warning for every value that lies far outside what the model has seen in training."""
    for condition in conditions:
        if not condition.observed:
            continue
        places = condition.counted if isinstance(condition, CompositionCondition) else range(condition.n_values)
        for value in np.unique(np.array([target[condition.name] for target in targets]), axis=0):
            ranges = _known(condition)
            far = [place for place in places if _is_far(value[place], *ranges[place])]
            if far:
                low, high = ranges[far[0]]
                yield (
                    f"{condition.name} = {describe(condition, value)} lies far outside the training molecules"
                    f"{_of_component(condition, far[0])}, nearly all of which range from {low:.6g} to {high:.6g}"
                )


def describe(condition: Condition, value: np.ndarray) -> str:
    """A target as text: ``4.5 eV``, ``C7H10O2``, ``1024 numbers``."""
    match condition:
        case CompositionCondition():
            counts = {chemical_symbols[z]: int(n) for z, n in zip(condition.atom_types, value, strict=True) if n}
            return str(Formula.from_dict(counts).format("hill")) if counts else "no atoms"
        case ScalarCondition():
            return f"{float(value[0]):.6g}" + (f" {condition.unit}" if condition.unit else "")
    return f"{condition.n_values} numbers"


def _known(condition: Condition) -> Ranges:
    """Ranges that the model knows: of its training molecules, as far as the Gaussians reach."""
    if not isinstance(condition, ScalarCondition):
        return condition.observed
    low, high = condition.observed[0]
    reach = condition.spacing / 2
    known = (max(low, condition.minimum - reach), min(high, condition.maximum + reach))
    return (known,) if known[0] < known[1] else condition.observed


def _is_far(value: float, low: float, high: float) -> bool:
    margin = _FAR * (high - low)
    return not low - margin <= value <= high + margin


def _several(condition: Condition, requested: Any) -> list[np.ndarray]:
    """One or several values of a condition."""
    is_list = isinstance(requested, (list, tuple))
    if isinstance(condition, VectorCondition) and is_list:
        whole = (list, tuple, str) if _is_fingerprint(condition) else (list, tuple)
        if not any(isinstance(each, whole) for each in requested):
            return [_value(condition, requested)]
    if isinstance(requested, Mapping) and {"from", "to"} & set(requested):
        requested = _range(condition, requested)
    elif not is_list:
        requested = [requested]
    if not len(requested):
        raise RecipeError(f"conditions.{condition.name}: no value is given; write one, such as {_example(condition)}")
    return [_value(condition, each) for each in requested]


def _range(condition: Condition, requested: Mapping[str, Any]) -> list[float]:
    """Evenly spaced values."""
    place = f"conditions.{condition.name}"
    if not isinstance(condition, ScalarCondition):
        raise RecipeError(f"{place}: only numbers have ranges; write a list of values")
    if set(requested) != {"from", "to", "steps"}:
        raise RecipeError(f"{place}: a range is written {{from: 4, to: 8, steps: 5}}, got {dict(requested)}")
    steps = requested["steps"]
    if not isinstance(steps, int) or isinstance(steps, bool) or not 2 <= steps <= _MAX_TARGETS:
        raise RecipeError(f"{place}.steps: must be a whole number from 2 to {_MAX_TARGETS:,}, got {steps!r}")
    first, last = (_number(condition, requested[end]) for end in ("from", "to"))
    return [float(value) for value in np.linspace(first, last, steps)]


def _value(condition: Condition, value: Any) -> np.ndarray:
    match condition:
        case ScalarCondition():
            return np.array([_number(condition, value)])
        case CompositionCondition():
            return _composition(condition, value)
        case VectorCondition():
            return _vector(condition, value)
    raise TypeError(f"no targets for {type(condition).__name__}")


def _number(condition: Condition, value: Any) -> float:
    """A finite number; YAML takes some for text, such as 1e-3."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        if ends := _RANGE.fullmatch(value.strip()) if isinstance(value, str) else None:
            first, last = ends.groups()
            raise RecipeError(
                f"conditions.{condition.name}: {value!r} is no number; "
                f"a range is written {{from: {first}, to: {last}, steps: 5}}"
            )
        unit = f" in {condition.unit}" if condition.unit else ""
        raise RecipeError(
            f"conditions.{condition.name}: must be a number{unit}, such as {_example(condition)}, got {value!r}"
        )
    return number


def _composition(condition: CompositionCondition, value: Any) -> np.ndarray:
    """Counts of the atom types, from a formula or a mapping."""
    place = f"conditions.{condition.name}"
    try:
        counts = dict(value) if isinstance(value, Mapping) else Formula(str(value), strict=True).count()
    except ValueError:
        hint = " (YAML reads NO as false: put it in quotes)" if value is False else ""
        raise RecipeError(f"{place}: {value!r} is no formula; write one like {_example(condition)}{hint}") from None
    for symbol, count in counts.items():
        if atomic_numbers.get(symbol, 0) not in condition.atom_types:
            known = ", ".join(chemical_symbols[z] for z in condition.atom_types)
            raise RecipeError(f"{place}: {symbol} is no atom type of the model, which knows {known}")
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise RecipeError(f"{place}: the number of {symbol} must be a whole number, got {count!r}")
    if not sum(counts.values()):
        raise RecipeError(f"{place}: asks for no atoms at all; write a formula like {_example(condition)}")
    return np.array([counts.get(chemical_symbols[z], 0) for z in condition.atom_types], dtype=np.float64)


def _vector(condition: VectorCondition, value: Any) -> np.ndarray:
    """The numbers themselves, or the fingerprint of a SMILES."""
    place, computed = f"conditions.{condition.name}", condition.computed
    if isinstance(value, str) and computed is not None and _is_fingerprint(condition):
        try:
            return smiles_fingerprint(value, computed["radius"], computed["bits"]).astype(np.float64)
        except ValueError as error:
            raise RecipeError(f"{place}: {error}") from None
    try:
        numbers = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        numbers = np.full(1, np.nan)
    if numbers.shape != (condition.size,) or not np.isfinite(numbers).all():
        wanted = "a SMILES" if _is_fingerprint(condition) else f"{condition.size} numbers"
        raise RecipeError(f"{place}: must be {wanted}, such as {_example(condition)}, got {str(value)[:60]}")
    return numbers


def _is_fingerprint(condition: VectorCondition) -> bool:
    return (condition.computed or {}).get("kind") == "fingerprint"


def _example(condition: Condition) -> str:
    """A value as one would write it."""
    match condition:
        case ScalarCondition():
            return f"{(condition.minimum + condition.maximum) / 2:.4g}"
        case CompositionCondition():
            return (
                "C7H10O2" if {1, 6, 8} <= set(condition.atom_types) else chemical_symbols[condition.atom_types[0]] + "2"
            )
        case VectorCondition():
            if _is_fingerprint(condition):
                return "c1ccccc1O"
            ranges = condition.observed or ((0.0, 0.0),) * condition.size
            shown = [f"{(low + high) / 2:.4g}" for low, high in ranges[:4]]
            return f"[{','.join([*shown, '...'] if condition.size > len(shown) else shown)}]"
    return "..."


def _of_component(condition: Condition, place: int) -> str:
    match condition:
        case CompositionCondition():
            return f" in its number of {chemical_symbols[condition.atom_types[place]]}"
        case VectorCondition():
            return f" in component {place}"
    return ""
