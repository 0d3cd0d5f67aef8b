from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import Fragments

from gschnet_pyg.bonds import PerceptionOptions, heavy_atoms, perceive, smiles_fingerprint
from gschnet_pyg.validity.chemistry import find_groups, group_names, on_bits
from tests.validity.molecules import embed


def heavy(smiles: str) -> Chem.Mol:
    mol = perceive(*embed(smiles), options=PerceptionOptions()).mol
    assert mol is not None
    return heavy_atoms(mol, stereo=False)


def names(smiles: str) -> set[str]:
    return {group_names()[place] for place in find_groups(heavy(smiles))}


@pytest.mark.parametrize(
    ("smiles", "groups"),
    [
        ("C", set()),
        ("CCO", {"aliphatic hydroxyl groups", "aliphatic hydroxyl groups excluding tert-OH"}),
        ("CN", {"primary amines"}),
        ("CC#N", {"nitriles", "tertiary amines"}),
        ("CC=O", {"aldehydes", "carbonyl O", "carbonyl O, excluding COOH"}),
        ("c1ccccc1", {"benzene rings"}),
        ("COC", {"ether oxygens (including phenoxy)", "methoxy groups -OCH3"}),
        (
            "CC(=O)O",
            {"aliphatic carboxylic acids", "carbonyl O", "carboxylic acids (COO)", "carboxylic acids (COO2)"},
        ),
        ("C1CO1", {"epoxide rings", "ether oxygens (including phenoxy)"}),
    ],
)
def test_functional_groups(smiles: str, groups: set[str]) -> None:
    assert names(smiles) == groups


@pytest.mark.parametrize("smiles", ["CC(N)C(=O)OC", "c1cc[nH]c1", "OC1CC1C#CC=NO", "CCCCCC", "NC(=O)NC=O", "CSC"])
def test_groups_are_those_that_rdkit_counts(smiles: str) -> None:
    functions = [getattr(Fragments, each) for each in sorted(dir(Fragments)) if each.startswith("fr_")]
    mol = Chem.MolFromSmiles(smiles)
    assert find_groups(heavy(smiles)) == tuple(place for place, count in enumerate(functions) if count(mol))


def test_every_group_has_a_name_of_its_own() -> None:
    found = group_names()
    assert len(set(found)) == len(found) == sum(each.startswith("fr_") for each in dir(Fragments))
    assert len(found) < 256  # they travel as bytes
    assert {"imines", "tertiary amines", "C(OH)CCN-Ctert-alkyl or C(OH)CCNcyclic", "XCCNR groups"} <= set(found)
    assert not any(each.startswith("Number of") or "  " in each for each in found)


@pytest.mark.parametrize("smiles", ["C", "C/C=N/O", "C[C@H](N)C(=O)O", "c1ccncc1"])
def test_bits_are_those_of_the_fingerprint(smiles: str) -> None:
    bits = on_bits(heavy(smiles))
    assert bits.dtype == np.uint16
    np.testing.assert_array_equal(bits, np.flatnonzero(smiles_fingerprint(smiles)))
