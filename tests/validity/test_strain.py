from __future__ import annotations

import sys

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import AllChem
from scipy.spatial.transform import Rotation

from gschnet_pyg.validity.checks import Molecule, ValidityOptions
from gschnet_pyg.validity.strain import Relaxed, perceived_name, relax, superposed_rmsd
from gschnet_pyg.workers.pool import map_in_workers
from tests.validity.molecules import embed, line, without

OPTIONS = ValidityOptions()
CAGE = (
    np.array([6, 6, 6, 1, 8, 8, 6, 6, 6, 1, 1, 1, 1, 1]),
    np.array(
        [
            *([0.87, 0.0, 0.0], [-0.28, 0.8, 0.6], [-1.48, -0.15, 0.7], [-1.83, -0.5, -0.3], [0.57, -1.35, 0.3]),
            *([-1.03, -1.35, 1.4], [0.37, -1.15, 1.75], [0.52, 0.4, 1.95], [1.82, 0.55, 1.1], [0.77, -1.85, 2.45]),
            *([0.32, 0.85, 2.9], [-2.28, 0.3, 1.25], [2.12, 1.6, 0.9], [2.67, -0.05, 1.4]),
        ]
    ),
)
"""A cage that is perceived as one molecule here, and as none in MMFF94's minimum."""


def stretched(molecule: Molecule, first: int, second: int, by: float) -> Molecule:
    """The second atom moved along the bond, Å."""
    z, pos = molecule
    bond = pos[second] - pos[first]
    moved = pos.copy()
    moved[second] += by * bond / np.linalg.norm(bond)
    return z, moved


def relaxed(molecule: Molecule) -> Relaxed:
    found = relax(molecule, OPTIONS)
    assert isinstance(found, Relaxed), found
    return found


def stretch_of_c_h(change: float) -> float:
    """MMFF94's energy of a C-H bond of sp3 carbon, kcal/mol, for a change of its length in Å."""
    return 143.9325 / 2 * 4.766 * change**2 * (1 - 2 * change + 7 / 3 * change**2)


@pytest.mark.parametrize("smiles", ["C", "O", "CC", "C#N", "CC=O", "c1ccccc1"])
def test_a_molecule_at_its_minimum_has_no_strain(smiles: str) -> None:
    found = relaxed(embed(smiles))
    assert 0 <= found.energy < 1e-3
    assert found.rmsd < 5e-3
    assert found.same_bonds


def test_a_stretched_bond_of_methane_has_the_strain_of_the_terms_of_mmff94() -> None:
    methane = embed("C")
    length = np.linalg.norm(methane[1][1] - methane[1][0])
    angles = 3 * 2.51210 * 0.115 * 0.1 * (np.degrees(np.arccos(-1 / 3)) - 108.836)  # coupled to the length
    expected = stretch_of_c_h(length + 0.1 - 1.093) - stretch_of_c_h(length - 1.093) + angles
    found = relaxed(stretched(methane, 0, 1, 0.1))
    assert found.energy == pytest.approx(expected, abs=2e-3)
    # superposed by the centres of five atoms of equal weight: 0.1 Å x sqrt(1/5 - 1/25)
    assert found.rmsd == pytest.approx(0.04, abs=1e-4)
    assert found.same_bonds


def test_a_stretched_bond_has_the_strain_that_rdkit_gives_without_any_perception() -> None:
    mol = Chem.AddHs(Chem.MolFromSmiles("CC(N)O"))
    AllChem.EmbedMolecule(mol, randomSeed=7)
    assert AllChem.MMFFOptimizeMolecule(mol, maxIters=10_000) == 0
    parameters = AllChem.MMFFGetMoleculeProperties(mol)
    minimum = AllChem.MMFFGetMoleculeForceField(mol, parameters).CalcEnergy()
    z = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()])
    at_minimum = mol.GetConformer().GetPositions()
    _, pos = stretched((z, at_minimum), 1, 0, 0.08)
    mol.GetConformer().SetPositions(pos)
    expected = AllChem.MMFFGetMoleculeForceField(mol, parameters).CalcEnergy() - minimum
    found = relaxed((z, pos))
    assert expected > 1
    assert found.energy == pytest.approx(expected, abs=1e-2)
    assert found.rmsd == pytest.approx(superposed_rmsd(pos, at_minimum), abs=1e-2)


def test_strain_does_not_depend_on_where_the_molecule_is() -> None:
    z, pos = stretched(embed("CCO"), 1, 2, 0.1)
    moved = Rotation.from_euler("xyz", [1, 2, 3]).apply(pos) + np.array([5, -3, 2])
    assert relaxed((z, moved)).energy == pytest.approx(relaxed((z, pos)).energy, abs=1e-3)


def test_what_cannot_be_relaxed_has_a_reason() -> None:
    assert relax(line((1, 0.0), (1, 0.74)), OPTIONS) == "no_parameters"
    assert relax(without(embed("C"), 4), OPTIONS) == "not_valid"
    assert relax(stretched(embed("CCO"), 1, 2, 0.1), OPTIONS, max_iterations=1) == "not_converged"


def test_bonds_are_those_that_the_relaxed_coordinates_show() -> None:
    assert perceived_name(CAGE, OPTIONS) is not None
    z, pos = embed("C[C@H](O)F")
    assert perceived_name((z, pos), OPTIONS) == perceived_name((z, -pos), OPTIONS) == "CC(O)F"
    assert not relaxed(CAGE).same_bonds


def test_the_molecule_is_left_as_it_is() -> None:
    z, pos = stretched(embed("CO"), 0, 1, 0.1)
    before = z.copy(), pos.copy()
    relaxed((z, pos))
    np.testing.assert_equal((z, pos), before)


def test_rmsd_of_a_rotated_and_moved_copy_is_zero() -> None:
    _, pos = embed("C[C@H](N)O")
    copy = Rotation.from_quat(np.random.default_rng(0).normal(size=4)).apply(pos) + np.array([1, 2, 3])
    assert superposed_rmsd(pos, copy) == pytest.approx(0, abs=1e-12)


def test_rmsd_does_not_superpose_mirror_images() -> None:
    _, pos = embed("C[C@H](N)O")
    assert superposed_rmsd(pos, pos * [-1, 1, 1]) > 0.3
    _, flat = embed("c1ccccc1")
    flat = flat - flat.mean(axis=0)
    assert superposed_rmsd(flat, -flat) == pytest.approx(0, abs=2e-3)  # planar: a rotation does the same


def test_rmsd_of_two_pairs_of_atoms_by_hand() -> None:
    _, near = line((6, -1.0), (6, 1.0))
    _, far = line((6, 4.0), (6, 7.0))
    assert superposed_rmsd(near, far) == pytest.approx(0.5)
    assert superposed_rmsd(near[:1], far[:1]) == 0


def modules_after(_: object) -> set[str]:
    relax(embed("C"), OPTIONS)
    return set(sys.modules)


def test_workers_need_neither_torch_nor_pandas() -> None:
    (loaded,) = map_in_workers(modules_after, [None], workers=1, timeout=30)
    assert "gschnet_pyg.validity.strain" in loaded
    assert not loaded & {"torch", "pandas", "matplotlib"}
