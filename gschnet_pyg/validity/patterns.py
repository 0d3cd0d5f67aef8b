"""What a molecule must have for a pattern to match at all: looked up faster than patterns are matched.

Worker processes import this module: RDKit only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache, reduce

from rdkit import Chem

Alternatives = frozenset[frozenset[int]]
"""Sets of kinds of atoms; a molecule needs all of one of them. The empty set is no need at all."""

_AROMATIC = 0
"""Kind of any aromatic atom. ``z`` is that of an aliphatic element, ``1000 + z`` of an aromatic, ``-z`` of either."""

_NOTHING: Alternatives = frozenset([frozenset()])
_ELEMENT = re.compile(r"(AtomType|AtomAtomicNum) (\d+) = val")


def kinds_of(mol: Chem.Mol) -> frozenset[int]:
    """The kinds of atoms that a molecule has, under all of their names."""
    kinds: set[int] = set()
    for atom in mol.GetAtoms():
        number = atom.GetAtomicNum()
        kinds.update((1000 + number, -number, _AROMATIC) if atom.GetIsAromatic() else (number, -number))
    return frozenset(kinds)


def needs(pattern: Chem.Mol) -> Alternatives:
    """Kinds of atoms without which a SMARTS pattern matches no molecule.

    What is negated, and whatever is not said of an element, is not counted: the pattern may need more than this.
    """
    return _all(_needs_of_atom(atom.GetSmarts()) for atom in pattern.GetAtoms())


def _needs_of_atom(smarts: str) -> Alternatives:
    """Of an atom as RDKit writes it: ``;`` binds most loosely, then ``,``, then ``&``."""
    if not smarts.startswith("["):
        return _needs_of_primitive(smarts)
    return _all(
        _any(_all(map(_needs_of_primitive, _split(some, "&"))) for some in _split(part, ","))
        for part in _split(smarts[1:-1], ";")
    )


@cache
def _needs_of_primitive(primitive: str) -> Alternatives:
    if primitive.startswith("!"):
        return _NOTHING
    if primitive.startswith("$("):
        inner = Chem.MolFromSmarts(primitive[2:-1])
        return _NOTHING if inner is None else needs(inner)
    query = Chem.MolFromSmarts(f"[{primitive}]")
    if query is None or query.GetNumAtoms() != 1:
        return _NOTHING
    said = query.GetAtomWithIdx(0).DescribeQuery().strip()
    if said == "AtomIsAromatic 1 = val":
        return frozenset([frozenset([_AROMATIC])])
    found = _ELEMENT.fullmatch(said)
    if found is None or int(found[2]) % 1000 == 1:  # what is written of hydrogen means different things in company
        return _NOTHING
    return frozenset([frozenset([int(found[2]) if found[1] == "AtomType" else -int(found[2])])])


def _split(text: str, separator: str) -> Iterator[str]:
    """At the separators that are in no brackets."""
    depth, start = 0, 0
    for place, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if character == separator and not depth:
            yield text[start:place]
            start = place + 1
    yield text[start:]


def _all(parts: Iterable[Alternatives]) -> Alternatives:
    return reduce(lambda some, others: _least(one | other for one in some for other in others), parts, _NOTHING)


def _any(parts: Iterable[Alternatives]) -> Alternatives:
    return _least(one for part in parts for one in part)


def _least(sets: Iterable[frozenset[int]]) -> Alternatives:
    """Without those that ask for more than another one."""
    different = frozenset(sets)
    return frozenset(one for one in different if not any(other < one for other in different))
