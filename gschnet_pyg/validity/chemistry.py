"""Functional groups and fingerprint of one molecule.

Worker processes import this module: NumPy and RDKit only.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache, lru_cache

import numpy as np
from rdkit import Chem
from rdkit.Chem import Fragments

from gschnet_pyg.bonds import heavy_fingerprint
from gschnet_pyg.validity.patterns import Alternatives, kinds_of, needs


def find_groups(heavy: Chem.Mol) -> tuple[int, ...]:
    """Which functional groups a molecule has, as places in :func:`group_names`.

    Args:
        heavy: as ``bonds.heavy_atoms`` gives it, without stereochemistry.
    """
    return tuple(place for place, pattern in _possible(kinds_of(heavy)) if heavy.HasSubstructMatch(pattern))


@cache
def group_names() -> tuple[str, ...]:
    """What RDKit calls its fragments: ``aliphatic hydroxyl groups``; different ones."""
    return tuple(name for name, _ in _groups())


def on_bits(heavy: Chem.Mol) -> np.ndarray:
    """``[n]`` uint16, ascending: the bits of ``bonds.fingerprint`` (radius 2, 2048 bits) that are set.

    Args:
        heavy: as ``bonds.heavy_atoms`` gives it, without stereochemistry.
    """
    return np.flatnonzero(heavy_fingerprint(heavy)).astype(np.uint16)


@lru_cache
def _possible(kinds: frozenset[int]) -> tuple[tuple[int, Chem.Mol], ...]:
    """Places and patterns of the groups that a molecule of these kinds of atoms may have; most need others."""
    return tuple(
        (place, pattern)
        for place, (needed, (_, pattern)) in enumerate(zip(_needed(), _groups(), strict=True))
        if any(each <= kinds for each in needed)
    )


@cache
def _needed() -> tuple[Alternatives, ...]:
    return tuple(needs(pattern) for _, pattern in _groups())


@cache
def _groups() -> tuple[tuple[str, Chem.Mol], ...]:
    """Names and patterns. The pattern is a default of RDKit's function, which counts what need only be found."""
    functions = {name[3:]: getattr(Fragments, name) for name in sorted(vars(Fragments)) if name.startswith("fr_")}
    said = {name: _readable(function.__doc__) for name, function in functions.items()}
    often = Counter(said.values())
    return tuple(
        (said[name] if often[said[name]] == 1 else f"{said[name]} ({name})", function.__defaults__[-1])
        for name, function in functions.items()
    )


def _readable(description: str) -> str:
    """``Number of Imines`` -> ``imines``; what begins with a formula keeps its capital."""
    text = " ".join(description.removeprefix("Number of ").split())
    return text[0].lower() + text[1:] if re.match(r"[A-Z][a-z]+\b", text) else text
