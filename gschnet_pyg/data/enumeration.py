"""Enumerate small organic molecules as SMILES: grown atom by atom, kept where chemists would keep them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import combinations, product

from rdkit import Chem

from gschnet_pyg.data.readers import bar

_SEEDS = (
    "C", "N", "O",
    "c1ccccc1", "c1ccncc1", "c1ccnnc1", "c1cncnc1", "c1cnccn1", "c1ncncn1",
    "c1cc[nH]c1", "c1ccoc1", "c1c[nH]cn1", "c1cn[nH]c1", "c1cocn1", "c1cnoc1", "c1nnco1", "c1ncon1",
    "c1nc[nH]n1", "c1nn[nH]c1",
)  # fmt: skip
"""The growth starts here; aromatic rings are given since their parts alone would be forbidden."""

_FORBIDDEN = (
    # heteroatoms in a row, other than in aromatic rings, oximes and hydrazones
    "[F][!#6]",
    "[!#6;!a]~[!#6]~[!#6]",
    "[!#6;!a]=,#[!#6]",
    "[O;!a]~[O;!a]",
    "[N,O;!a]-[N,O;!a;!$(N=C)]-[!#6]",
    "[NX3,OX2;!a]-[NX3,OX2]",
    "[n,o]-[N,O,F]",
    "o~o",
    # two heteroatoms at one carbon, other than acetals, difluoro and trifluoro groups
    "[CX4]([N,n])[#7,#8]",
    "[CX4](F)[#7,#8]",
    "[CX4](O)(O)O",
    "[CX3;!a]F",
    "[CX3](=O)(O)O",
    "[CX3](=N)(O)[#7,#8]",
    # neighbours that react with each other: 1,2-dicarbonyls, anhydrides, carbamic acids
    "[CX3](=O)([OH])[#7]",
    "[CX3](=[O,N])[CX3]=[O,N]",
    "[CX3](=O)O[CX3]=O",
    # triple bonds beside heteroatoms or each other
    "C#C[!#6]",
    "N#C[O,F]",
    "N#CN=*",
    "*#**#*",
    # cumulated double bonds other than in open hydrocarbon allenes
    "[!#6]=*=*",
    "[!#6]~*=*=*",
    "*=*=*=*",
    "*=*=*~*=*",
    "[R]=*=*",
    "*=[R]=*",
    # double bonds that leave an aromatic ring, and large aromatic rings
    "a=[!a]",
    "[a;r7]",
    # strained rings
    "[r3]=*",
    "[r3,r4]=[r3,r4]",
    "*@#*",
    "[r3;!#6]1[!#6]*1",
    "[r4;!#6]1[!#6]**1",
    "[r4;!#6]1*[!#6]*1",
    "[r3,r4;R2]@[r3,r4;R2]",
    "[R2;!a]=*",
    "[R3]",
    "a@[R2]",
)
"""No molecule may hold one of these, nor be grown from one that does."""

_UNSTABLE = (
    "[CX4]([OH])O",
    "[OH,NH,NH2][CX3;!a]=[CX3;!a]",
    "[OH][CX3;!a]=N",
    "[CX3;!$(C[#7])]=[NH]",
    "[CH2]=N",
    "[NX2]=[CX3][NX2]",
)
"""Molecules with one of these are grown further, since the next atom can stabilise them, but not kept."""

_ORDERS = {1: Chem.BondType.SINGLE, 2: Chem.BondType.DOUBLE, 3: Chem.BondType.TRIPLE}
_VALENCE = {6: 4, 7: 3, 8: 2, 9: 1}
_MAX_RINGS = 2


def enumerate_smiles(max_heavy: int, progress: bool = True) -> list[list[str]]:
    """Canonical SMILES of small molecules of H, C, N, O and F: one sorted list for each number of heavy atoms.

    Args:
        max_heavy: largest number of heavy atoms.
        progress: show a bar.
    """
    seeds = [Chem.MolFromSmiles(smiles) for smiles in _SEEDS]
    level: dict[str, Chem.Mol] = {}
    kept = []
    for n_heavy in range(1, max_heavy + 1):
        level = _next_level(bar(level.values(), f"enumerating {n_heavy} heavy atoms", progress, len(level)))
        level |= {Chem.MolToSmiles(mol): mol for mol in seeds if mol.GetNumAtoms() == n_heavy}
        kept.append(sorted(smiles for smiles, mol in level.items() if not _matches(mol, _patterns(_UNSTABLE))))
    return kept


def _next_level(parents: Iterable[Chem.Mol]) -> dict[str, Chem.Mol]:
    """All allowed molecules with one atom more, by canonical SMILES."""
    children: dict[str, Chem.Mol] = {}
    seen = set()
    for parent in parents:
        for child in _grow(parent):
            if Chem.SanitizeMol(child, catchErrors=True):
                continue
            smiles = Chem.MolToSmiles(child)
            if smiles not in seen:
                seen.add(smiles)
                if child.GetRingInfo().NumRings() <= _MAX_RINGS and not _matches(child, _patterns(_FORBIDDEN)):
                    children[smiles] = Chem.MolFromSmiles(smiles)
    return children


def _grow(parent: Chem.Mol) -> Iterator[Chem.RWMol]:
    """Add one atom: at the end of a bond of any order, or as a bridge that closes a ring."""
    free = {atom.GetIdx(): atom.GetTotalNumHs() for atom in parent.GetAtoms() if atom.GetTotalNumHs()}
    for z, valence in _VALENCE.items():
        for atom, order in product(free, _ORDERS):
            if order <= min(valence, free[atom]):
                yield _attach(parent, z, {atom: order})
        if valence > 1 and parent.GetRingInfo().NumRings() < _MAX_RINGS:
            for a, b in combinations(free, 2):
                yield _attach(parent, z, {a: 1, b: 1})


def _attach(parent: Chem.Mol, z: int, bonds: dict[int, int]) -> Chem.RWMol:
    child = Chem.RWMol(parent)
    new = child.AddAtom(Chem.Atom(z))
    for atom, order in bonds.items():
        child.AddBond(atom, new, _ORDERS[order])
        site = child.GetAtomWithIdx(atom)
        if site.GetNumExplicitHs():
            site.SetNumExplicitHs(max(0, site.GetNumExplicitHs() - order))
    return child


def _matches(mol: Chem.Mol, patterns: tuple[Chem.Mol, ...]) -> bool:
    return any(mol.HasSubstructMatch(pattern) for pattern in patterns)


@cache
def _patterns(smarts: tuple[str, ...]) -> tuple[Chem.Mol, ...]:
    return tuple(Chem.MolFromSmarts(pattern) for pattern in smarts)
