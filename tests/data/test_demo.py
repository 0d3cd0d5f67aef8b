from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from ase import units
from rdkit import Chem

from gschnet_pyg.bonds import PerceptionOptions, canonical_smiles, perceive
from gschnet_pyg.contracts import Cutoffs
from gschnet_pyg.data.connectivity import connected
from gschnet_pyg.data.demo import demo_smiles, embed, open_demo
from gschnet_pyg.data.enumeration import enumerate_smiles
from gschnet_pyg.data.orbitals import huckel_gap


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


def test_properties_are_in_ev_and_coordinates_repeat(demo):
    energy, gap = demo.properties["mmff94_energy"], demo.properties["huckel_gap"]
    assert energy.unit == gap.unit == "eV"
    assert np.abs(energy.values).max() < 10
    for i in range(0, len(demo), 500):
        mol, again = embed(demo.smiles[i])
        assert again["mmff94_energy"] == pytest.approx(energy.values[i, 0], abs=1e-6)
        assert again["huckel_gap"] == pytest.approx(gap.values[i, 0], abs=1e-3)
        pos = mol.GetConformer().GetPositions()
        np.testing.assert_allclose(pos, demo.pos[demo.offsets[i] : demo.offsets[i + 1]], atol=1e-4)


def gap_of(demo, smiles):
    return demo.properties["huckel_gap"].values[demo.smiles.index(smiles), 0]


def test_conjugation_narrows_the_gap(demo):
    saturated, double, conjugated = (gap_of(demo, smiles) for smiles in ("CCCC", "C=CCC", "C=CC=C"))
    assert saturated > 2 * double > 2 * conjugated > 0
    assert gap_of(demo, "C") > gap_of(demo, "CC") > gap_of(demo, "CCC")
    is_unsaturated = np.array(["=" in smiles or "#" in smiles or "c" in smiles for smiles in demo.smiles])
    gaps = demo.properties["huckel_gap"].values[:, 0]
    assert np.median(gaps[~is_unsaturated]) > 2 * np.median(gaps[is_unsaturated])


def test_hydrogen_has_the_gap_of_its_two_orbitals():
    """Wolfsberg-Helmholz by hand: H_ss is -13.6 eV, the 1s orbitals have the exponent 1.3."""
    mol = Chem.AddHs(Chem.MolFromSmiles("[H][H]"))
    conformer = Chem.Conformer(2)
    conformer.SetPositions(np.array([[0, 0, 0], [0.74, 0, 0]]))
    mol.AddConformer(conformer)
    rho = 1.3 * 0.74 / units.Bohr
    overlap = np.exp(-rho) * (1 + rho + rho**2 / 3)
    bonding, antibonding = (-13.6 * (1 + sign * 1.75 * overlap) / (1 + sign * overlap) for sign in (1, -1))
    assert huckel_gap(mol) == pytest.approx(antibonding - bonding, rel=1e-4)


def test_a_gap_is_found_quietly_and_by_many_threads_at_once(capfd):
    mols = [embed(smiles)[0] for smiles in ("CO", "CC=O", "C=C", "NC=O")] * 10
    alone = [huckel_gap(mol) for mol in mols]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(huckel_gap, mols)) == alone
    assert capfd.readouterr().err == ""
    os.write(2, b"heard again")
    assert capfd.readouterr().err == "heard again"


def test_an_element_without_parameters_does_not_end_the_process():
    with pytest.raises(ValueError, match="U is none of the elements"):
        huckel_gap(Chem.MolFromSmiles("[U]"))


def test_it_is_made_once(demo, monkeypatch):
    monkeypatch.setattr("gschnet_pyg.data.demo._build", lambda progress: pytest.fail("built again"))
    folder = demo.arrays.directory.parents[1]
    assert demo_smiles(cache_dir=folder, progress=False) == demo.smiles
    subset = open_demo(cache_dir=folder, progress=False).subset([5, 3])
    assert subset.smiles == [demo.smiles[5], demo.smiles[3]]
