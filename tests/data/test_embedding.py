"""SMILES become coordinates that mean the same molecule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rdkit import Chem

from gschnet_pyg.bonds import PerceptionOptions, canonical_smiles, perceive
from gschnet_pyg.data.embedding import Embedded, embed_best

MOLECULES = [
    "C", "O", "CCO", "C#N", "c1ccccc1", "C1CC1", "CC(=O)O", "NC=O", "c1ccoc1", "C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O",
    "C/C=C/C", "C/C=C\\C", "F/C(Cl)=C(/Br)I", "CC(=O)Oc1ccccc1C(=O)O", "CC(=O)Nc1ccc(O)cc1",
    "Cn1c(=O)c2c(ncn2C)n(C)c1=O",
    "CC(C)Cc1ccc([C@@H](C)C(=O)O)cc1", "C[C@@H](O)[C@H](N)C(=O)O", "OC[C@H]1OC(O)[C@H](O)[C@@H](O)[C@@H]1O",
    "CN1CCC[C@H]1c1cccnc1", "C[C@]12CC[C@H]3[C@@H](CC[C@H]4CC(=O)CC[C@@]43C)[C@@H]1CC[C@@H]2O",
    "NCCc1ccc(O)c(O)c1", "O=S(=O)(N)c1ccccc1", "CSCC[C@H](N)C(=O)O", "FC(F)(F)c1ccccc1", "C1C[C@@H]2CC[C@H]1C2",
    "O=C1c2ccccc2C(=O)N1", "CC1=C(C(=O)OC)C(c2ccccc2)C(C(=O)OC)=C(C)N1", "CCN(CC)CC(=O)Nc1c(C)cccc1C",
    "N1=CC2=C(N3CC2C3)O1",
]  # fmt: skip
"""Drugs and others, with rings, multiple bonds and stereochemistry."""


def smiles_of(found: Embedded, **options: Any) -> str:
    """What is perceived from the coordinates alone."""
    mol = perceive(found.z, found.pos, options=PerceptionOptions(**options)).mol
    assert mol is not None
    return canonical_smiles(mol, stereo=True)


@pytest.mark.parametrize("smiles", MOLECULES)
def test_the_coordinates_mean_the_molecule(smiles: str) -> None:
    found = embed_best(smiles, conformers=2)
    assert isinstance(found, Embedded)
    wanted = Chem.MolFromSmiles(smiles)
    seen = Chem.MolFromSmiles(smiles_of(found))
    assert Chem.MolToSmiles(seen, isomericSmiles=False) == Chem.MolToSmiles(wanted, isomericSmiles=False)
    assert seen.HasSubstructMatch(wanted, useChirality=True)
    if not found.is_stereo_open:
        assert Chem.MolToSmiles(seen) == Chem.MolToSmiles(wanted) == found.smiles


def test_the_lowest_of_more_conformers_is_no_higher() -> None:
    few, many = (embed_best("CCCCC(O)CN", conformers) for conformers in (1, 20))
    assert isinstance(few, Embedded)
    assert isinstance(many, Embedded)
    assert many.energy < few.energy


def test_the_geometry_does_not_depend_on_how_the_smiles_is_written() -> None:
    first, other = embed_best("OCC"), embed_best("C(C)O")
    assert isinstance(first, Embedded)
    assert isinstance(other, Embedded)
    np.testing.assert_array_equal(first.pos, other.pos)
    assert first.smiles == other.smiles == "CCO"
    third = embed_best("CCO", seed=1)
    assert isinstance(third, Embedded)
    assert not np.array_equal(first.pos, third.pos)


def test_charges_and_radicals() -> None:
    ammonium = embed_best("[NH4+]")
    assert isinstance(ammonium, Embedded)
    assert smiles_of(ammonium, charges=(1,), charged_fragments=True) == "[NH4+]"
    methyl = embed_best("[CH3]")
    assert isinstance(methyl, Embedded)
    assert smiles_of(methyl, radicals=True) == "[CH3]"
    nitro = embed_best("C[N+](=O)[O-]")
    assert isinstance(nitro, Embedded)
    assert smiles_of(nitro, charged_fragments=True) == "C[N+](=O)[O-]"


@pytest.mark.parametrize(
    ("smiles", "open_"),
    [("CC(O)F", True), ("C[C@H](O)F", False), ("CC=CC", True), ("CCO", False), ("C[C@H](O)C(F)Cl", True)],
)
def test_stereochemistry_that_is_left_open(smiles: str, open_: bool) -> None:
    found = embed_best(smiles, conformers=1)
    assert isinstance(found, Embedded)
    assert found.is_stereo_open is open_


@pytest.mark.parametrize(
    ("smiles", "failure"),
    [
        ("", "empty"),
        ("C(C", "unreadable"),
        ("c1cccc1", "unreadable"),
        ("CC.O", "fragments"),
        ("C*", "no_element"),
        ("CB(O)O", "no_parameters"),
        ("C1CC23CC(CO2)OC13", "no_conformer"),
    ],
)
def test_why_a_molecule_has_no_coordinates(smiles: str, failure: str) -> None:
    assert embed_best(smiles, conformers=2) == failure
