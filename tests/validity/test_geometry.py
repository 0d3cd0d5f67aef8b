from __future__ import annotations

from collections import Counter
from itertools import combinations, pairwise, permutations
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from rdkit import Chem
from rdkit.Chem import rdMolTransforms

from gschnet_pyg.bonds import PerceptionOptions, perceive
from gschnet_pyg.validity.checks import Molecule, ValidityOptions
from gschnet_pyg.validity.geometry import KINDS, count_clashes, decode, measure_geometry
from gschnet_pyg.validity.judging import judge
from tests.validity.molecules import embed

Histograms = dict[str, dict[str, dict[str, int]]]


def mol_of(molecule: Molecule) -> Chem.Mol:
    mol = perceive(*molecule, options=PerceptionOptions()).mol
    assert mol is not None
    return mol


def measured(molecule: Molecule) -> Histograms:
    codes = measure_geometry(*molecule, bonds_of(molecule))
    return decode(Counter(codes.tolist()))


def bonds_of(molecule: Molecule) -> np.ndarray:
    bonds = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in mol_of(molecule).GetBonds()]
    return np.array(bonds, dtype=np.int64).reshape(-1, 2)


def clashes(mol: Chem.Mol, z: np.ndarray, pos: np.ndarray) -> int:
    return count_clashes(z, pos, Chem.GetAdjacencyMatrix(mol))


def water(angle: float = 104.5, length: float = 0.96) -> Molecule:
    half = np.radians(angle / 2)
    arm = length * np.array([np.cos(half), np.sin(half), 0.0])
    return np.array([8, 1, 1]), np.array([np.zeros(3), arm, arm * [1, -1, 1]])


def ethane(dihedral: float) -> Molecule:
    """Ideal angles; the second methyl group is turned."""
    tilt = np.radians(180 - 109.47)
    turns = np.radians([0, 120, 240])
    ring = np.stack([np.full(3, np.cos(tilt)), *(np.sin(tilt) * f(turns) for f in (np.cos, np.sin))], axis=1) * 1.09
    turned = np.radians(dihedral) + turns
    other = np.stack([np.full(3, np.cos(tilt)), *(np.sin(tilt) * f(turned) for f in (np.cos, np.sin))], axis=1) * 1.09
    pos = np.concatenate([[[0.0, 0, 0], [1.53, 0, 0]], ring * [-1, 1, 1], other + np.array([1.53, 0, 0])])
    return np.array([6, 6, *[1] * 6]), pos


def butane(degrees: float) -> Molecule:
    """Butane with this dihedral, its hydrogens embedded by RDKit."""
    mol = Chem.AddHs(Chem.MolFromSmiles("CCCC"))
    z, pos = embed("CCCC")
    conformer = Chem.Conformer(len(z))
    conformer.SetPositions(np.ascontiguousarray(pos))
    mol.AddConformer(conformer)
    rdMolTransforms.SetDihedralDeg(mol.GetConformer(), 0, 1, 2, 3, degrees)
    return z, mol.GetConformer().GetPositions()


@pytest.mark.parametrize(("angle", "edge"), [(104.5, "104"), (105.9, "104"), (106.0, "106"), (180.0, "178")])
def test_the_angle_of_water(angle: float, edge: str) -> None:
    assert measured(water(angle)) == {
        "bond_lengths": {"O-H": {"0.96": 2}},
        "angles": {"H-O-H": {edge: 1}},
        "dihedrals": {},
    }


def test_ethane_has_angles_of_two_types_and_no_heavy_chain() -> None:
    found = measured(ethane(60))
    assert found["bond_lengths"] == {"C-C": {"1.53": 1}, "C-H": {"1.09": 6}}
    assert found["angles"] == {"C-C-H": {"108": 6}, "H-C-H": {"108": 6}}
    assert found["dihedrals"] == {}


@pytest.mark.parametrize(
    ("degrees", "edge"), [(62.0, "60"), (-62.0, "60"), (0.0, "0"), (180.0, "175"), (-177.0, "175"), (123.0, "120")]
)
def test_dihedrals_have_no_sign(degrees: float, edge: str) -> None:
    assert measured(butane(degrees))["dihedrals"] == {"C-C-C-C": {edge: 1}}


def test_rounding_does_not_lose_flat_dihedrals() -> None:
    """Cosines a little below -1 or above 1 are those."""
    chains = [butane(degrees) for degrees in (180.0, 0.0)]
    random = np.random.default_rng(0)
    for _ in range(200):
        (z, pos), (_, other) = chains
        turn = np.linalg.qr(random.normal(size=(3, 3)))[0]
        assert measured((z, pos @ turn))["dihedrals"] == {"C-C-C-C": {"175": 1}}
        assert measured((z, other @ turn))["dihedrals"] == {"C-C-C-C": {"0": 1}}


def test_benzene_is_flat_and_regular() -> None:
    turns = np.radians(60 * np.arange(6))
    ring = np.stack([np.cos(turns), np.sin(turns), np.zeros(6)], axis=1)
    found = measured((np.array([6] * 6 + [1] * 6), np.concatenate([1.39 * ring, 2.48 * ring])))
    assert found == {
        "bond_lengths": {"C-C": {"1.39": 6}, "C-H": {"1.09": 6}},
        "angles": {"C-C-C": {"120": 6}, "C-C-H": {"120": 12}},
        "dihedrals": {"C-C-C-C": {"0": 6}},
    }


def test_elements_are_named_alike_from_both_ends() -> None:
    found = measured(embed("ClCCOC=N"))
    assert set(found["bond_lengths"]) == {"C-C", "C-Cl", "C-H", "C-N", "C-O", "N-H"}
    assert {"C-C-Cl", "C-C-H", "C-C-O", "C-N-H", "C-O-C", "H-C-H", "N-C-O", "Cl-C-H", "N-C-H", "O-C-H"} == set(
        found["angles"]
    )
    assert found["dihedrals"].keys() == {"Cl-C-C-O", "C-C-O-C", "C-O-C-N"}


def test_straight_chains_have_no_dihedral_and_rings_of_three_no_chain_in_them() -> None:
    assert measured(embed("CC#CC"))["dihedrals"] == {}
    assert measured(embed("C1CC1"))["dihedrals"] == {}


@pytest.mark.parametrize("smiles", ["CC(N)C(=O)OCC#N", "C1CC2CC1CC2", "FC(Cl)(Br)I", "c1ccc2[nH]ccc2c1", "CSSCC#N"])
def test_everything_agrees_with_rdkit_atom_by_atom(smiles: str) -> None:
    z, pos = embed(smiles)
    mol = mol_of((z, pos))
    conformer, symbols = mol.GetConformer(), [atom.GetSymbol() for atom in mol.GetAtoms()]
    bonded = Chem.GetAdjacencyMatrix(mol).astype(bool)
    expected: dict[str, Counter[str]] = {kind.name: Counter() for kind in KINDS}
    for a, b in combinations(range(len(z)), 2):
        if bonded[a, b]:
            expected["bond_lengths"][name(symbols, a, b)] += 1
    for a, b, c in permutations(range(len(z)), 3):
        if a < c and bonded[a, b] and bonded[b, c]:
            expected["angles"][name(symbols, a, b, c)] += 1
    degrees = []
    heavy = np.flatnonzero(z > 1).tolist()
    for chain in permutations(heavy, 4):
        if chain[0] < chain[3] and all(bonded[i, j] for i, j in pairwise(chain)):
            angles = [rdMolTransforms.GetAngleDeg(conformer, *chain[i : i + 3]) for i in (0, 1)]
            if max(angles) < 175:
                expected["dihedrals"][name(symbols, *chain)] += 1
                degrees.append(int(abs(rdMolTransforms.GetDihedralDeg(conformer, *chain)) // 5) * 5)
    found = measured((z, pos))
    for kind in KINDS:
        assert {elements: sum(bins.values()) for elements, bins in found[kind.name].items()} == expected[kind.name]
    bins: Counter[str] = Counter()
    for each in found["dihedrals"].values():
        bins.update(each)
    assert bins == Counter(str(min(value, 175)) for value in degrees)


def name(symbols: list[str], *atoms: int) -> str:
    """Read from the end that comes first in the alphabet, where hydrogen is last."""
    ends = [symbols[atom] for atom in atoms], [symbols[atom] for atom in reversed(atoms)]
    return "-".join(min(ends, key=lambda chain: [(symbol == "H", symbol) for symbol in chain]))


def test_many_molecules_are_measured_as_each_is() -> None:
    molecules = [embed(smiles) for smiles in ("CC(N)C(=O)O", "[He]", "O", "C1CC1C#N", "[H][H]")]
    first = np.cumsum([0, *(len(z) for z, _ in molecules)])
    together = measure_geometry(
        np.concatenate([z for z, _ in molecules]),
        np.concatenate([pos for _, pos in molecules]),
        np.concatenate([bonds_of(each) + start for each, start in zip(molecules, first, strict=False)]),
    )
    apart = [code for each in molecules for code in measure_geometry(*each, bonds_of(each)).tolist()]
    assert sorted(together.tolist()) == sorted(apart)


def test_geometry_does_not_change_when_a_molecule_is_turned() -> None:
    z, pos = embed("CC(N)C(=O)O")
    atoms = Atoms(z, pos)
    atoms.rotate(33, (1, 2, 3))
    atoms.translate((5, -4, 3))
    order = np.random.default_rng(0).permutation(len(z))
    assert measured((z[order], atoms.positions[order])) == measured((z, pos))


@pytest.mark.parametrize("smiles", ["[He]", "[H][H]", "C", "c1ccccc1", "CC(=O)NCC(=O)O"])
def test_good_molecules_do_not_clash(smiles: str) -> None:
    assert clashes(mol_of(embed(smiles)), *embed(smiles)) == 0


def test_atoms_that_come_too_close_clash() -> None:
    """Two hydrogens of pentane's ends pushed towards each other: 1.2 + 1.2 Å, of which 0.68 are 1.63 Å."""
    z, pos = embed("CCCCC")
    mol = mol_of((z, pos))
    one, other = 5, 14
    assert z[one] == z[other] == 1
    assert Chem.GetDistanceMatrix(mol)[one, other] == 6
    for distance, n_clashes in ((1.60, 1), (1.66, 0)):
        moved = pos + 0.0
        moved[[one, other]] = np.array([[0.0, 50, 0], [distance, 50, 0]])
        assert clashes(mol, z, moved) == n_clashes
    near = pos + 0.0
    near[[one, 6]] = np.array([[0.0, 50, 0], [0.5, 50, 0]])  # of one methyl group: an angle, not a clash
    assert clashes(mol, z, near) == 0


@pytest.mark.shared
def test_few_molecules_of_qm9_clash(shared: Path) -> None:
    with np.load(shared / "data" / "qm9_geometries.npz") as file:
        arrays = dict(file)
    offsets = np.concatenate([[0], np.cumsum(arrays["n_atoms"], dtype=np.int64)])
    rows = np.random.default_rng(1).permutation(len(offsets) - 1)[:3000]
    verdicts = [
        judge(arrays["z"][slice(*offsets[i : i + 2])], arrays["pos"][slice(*offsets[i : i + 2])], ValidityOptions())
        for i in rows
    ]
    clashing = [bool(verdict.n_clashes) for verdict in verdicts if verdict.is_valid]
    assert np.mean(clashing) < 0.005
