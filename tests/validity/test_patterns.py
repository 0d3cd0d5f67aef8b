from __future__ import annotations

from collections.abc import Sequence

import pytest
from rdkit import Chem
from rdkit.Chem import Fragments

from gschnet_pyg.data.enumeration import enumerate_smiles
from gschnet_pyg.validity.patterns import kinds_of, needs

MORE = (
    *("CS(=O)(=O)NC", "OP(=O)(O)OC", "c1ccsc1", "Clc1ccccc1", "C=S", "CN=C=S", "BrCCI", "[H]/N=C/C", "[H][H]", "N"),
    *("Oc1ccc(N)cc1", "C[N+](=O)[O-]", "O=[N+]([O-])c1ccccc1", "CN=[N+]=[N-]", "C[N+](C)(C)C", "c1nnn[nH]1", "[O-]C=O"),
    "O=C1CC(=O)NC(=O)N1",
    *("O=C1CN=C(c2ccccc2)c2ccccc2N1", "CC(=O)Oc1ccccc1C(=O)O", "FC(F)(F)F", "CC#C", "OCCNC(C)(C)C"),
)  # fmt: skip
FUNCTIONS = [function for name, function in sorted(vars(Fragments).items()) if name.startswith("fr_")]


@pytest.mark.parametrize(
    ("smarts", "needed"),
    [
        ("CO", [{6, 8}]),
        ("[#6]-n", [{-6, 1007}]),
        ("[N,n;H1]", [{7}, {1007}]),
        ("[!#6]~[!C]~*", [set()]),
        ("[N&!$(N=O)]C", [{6, 7}]),
        ("[$(CO),$(aN);!$(S)]", [{6, 8}, {0, 7}]),
        ("[$(CO),*]F", [{9}]),
        ("[$(C[$(O),$(N=S)])]", [{6, 8}, {6, 7, 16}]),
        ("[C:1][15N+]", [{6, 7}]),
        ("[H1,C]", [set()]),
        ("[C,$(CN)]", [{6}]),
    ],
)
def test_what_a_pattern_needs(smarts: str, needed: Sequence[set[int]]) -> None:
    assert needs(Chem.MolFromSmarts(smarts)) == {frozenset(each) for each in needed}


def test_kinds_of_atoms() -> None:
    assert kinds_of(Chem.MolFromSmiles("Cc1ccccc1")) == {6, 1006, -6, 0}
    assert kinds_of(Chem.MolFromSmiles("C=O")) == {6, 8, -6, -8}


def test_whatever_lacks_what_a_pattern_needs_does_not_match() -> None:
    patterns = [function.__defaults__[-1] for function in FUNCTIONS]
    needed = [needs(pattern) for pattern in patterns]
    passed_over = 0
    for smiles in [*(each for level in enumerate_smiles(5, progress=False) for each in level), *MORE]:
        mol = Chem.MolFromSmiles(smiles)
        kinds = kinds_of(mol)
        for pattern, alternatives in zip(patterns, needed, strict=True):
            if not any(each <= kinds for each in alternatives):
                passed_over += 1
                assert not mol.HasSubstructMatch(pattern), (smiles, Chem.MolToSmarts(pattern))
    assert passed_over > 1000
