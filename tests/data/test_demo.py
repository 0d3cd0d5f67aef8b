from __future__ import annotations

import hashlib

import numpy as np
import pytest
from rdkit import Chem

from gschnet_pyg.bonds import PerceptionOptions, canonical_smiles, perceive
from gschnet_pyg.contracts import Cutoffs
from gschnet_pyg.data.connectivity import connected
from gschnet_pyg.data.demo import demo_smiles, embed, open_demo
from gschnet_pyg.data.enumeration import enumerate_smiles


def test_a_few_thousand_small_organic_molecules(demo):
    assert 4000 <= len(demo) <= 6000
    assert demo.elements == (1, 6, 7, 8, 9)
    assert len(set(demo.smiles)) == len(demo)
    heavy = np.add.reduceat(demo.z > 1, demo.offsets[:-1])
    assert heavy.max() == 7
    assert demo.n_atoms.max() <= 23


def test_small_molecules_that_everybody_knows_are_there(demo):
    known = "C N O CO C=O C#N CC CCO CC(C)=O CC(=O)O CC(N)=O c1ccccc1 c1ccncc1 c1cc[nH]c1 COC FC(F)F C1CCCCC1"
    assert set(known.split()) <= set(demo.smiles)


def test_the_smiles_are_the_same_everywhere():
    """Up to five heavy atoms: the hash changes only when the rules do."""
    levels = enumerate_smiles(5, progress=False)
    assert [len(level) for level in levels] == [3, 8, 19, 72, 346]
    digest = hashlib.sha256("\n".join(smiles for level in levels for smiles in level).encode()).hexdigest()
    assert digest[:16] == "022da40f971847ba"


def test_smiles_are_canonical_neutral_and_within_the_valences():
    for smiles in enumerate_smiles(4, progress=False)[3]:
        mol = Chem.MolFromSmiles(smiles)
        assert Chem.MolToSmiles(mol) == smiles
        assert all(atom.GetFormalCharge() == 0 and not atom.GetNumRadicalElectrons() for atom in mol.GetAtoms())


@pytest.mark.parametrize("smiles", ["OO", "C=C=O", "C1=CC1", "NN", "FO", "C=CO", "OCO", "C=C=C=C", "FC(=O)C", "C#CN"])
def test_what_no_chemist_would_keep_is_not_there(smiles):
    assert Chem.CanonSmiles(smiles) not in {name for level in enumerate_smiles(4, progress=False) for name in level}


def test_every_molecule_is_perceived_as_what_it_is(demo):
    for i in range(0, len(demo), 25):
        found = perceive(demo[i].z.numpy(), demo[i].pos.numpy(), options=PerceptionOptions()).mol
        assert canonical_smiles(found, stereo=False) == demo.smiles[i]


def test_every_molecule_holds_together(demo):
    assert connected(demo, Cutoffs(), progress=False).all()


def test_energies_are_in_ev_and_coordinates_repeat(demo):
    energy = demo.properties["mmff94_energy"]
    assert energy.unit == "eV"
    assert np.abs(energy.values).max() < 10
    for i in range(0, len(demo), 500):
        mol, again = embed(demo.smiles[i])
        assert again == pytest.approx(energy.values[i, 0], abs=1e-6)
        pos = mol.GetConformer().GetPositions()
        np.testing.assert_allclose(pos, demo.pos[demo.offsets[i] : demo.offsets[i + 1]], atol=1e-4)


def test_it_is_made_once(demo, monkeypatch):
    monkeypatch.setattr("gschnet_pyg.data.demo._build", lambda progress: pytest.fail("built again"))
    folder = demo.arrays.directory.parents[1]
    assert demo_smiles(cache_dir=folder, progress=False) == demo.smiles
    subset = open_demo(cache_dir=folder, progress=False).subset([5, 3])
    assert subset.smiles == [demo.smiles[5], demo.smiles[3]]
