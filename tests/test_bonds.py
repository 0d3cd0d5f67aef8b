from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from gschnet_pyg.bonds import (
    PerceptionOptions,
    canonical_smiles,
    fingerprint,
    perceive,
    perceived_fingerprints,
    smiles_fingerprint,
    tanimoto,
)
from tests.validity.molecules import embed, line, without

DEFAULT = PerceptionOptions()


@pytest.mark.parametrize(
    "smiles",
    [
        "C", "O", "N", "[H][H]", "N#N", "CCO", "C#C", "C=C", "O=C=O", "C#N", "C=O", "CC(=O)O", "c1ccccc1", "c1cc[nH]c1",
        "C1CC1", "CF", "CS(C)(=O)=O", "NCC(=O)O", "C[Si](C)(C)C", "ClC(Cl)Cl",
    ],
)  # fmt: skip
def test_molecules_are_recognised(smiles: str) -> None:
    perceived = perceive(*embed(smiles), options=DEFAULT)
    assert perceived.failure is None
    assert perceived.mol is not None
    assert canonical_smiles(perceived.mol) == Chem.CanonSmiles(smiles)


METHANE, ETHANE = embed("C"), embed("CC")
OXYGEN_WITH_FOUR_BONDS = (np.array([8, 6, 6, 6, 6, *[1] * 12]), embed("C[N+](C)(C)C")[1][[1, 0, *range(2, 17)]])


@pytest.mark.parametrize(
    ("molecule", "failure"),
    [
        pytest.param((np.zeros(0, int), np.zeros((0, 3))), "empty", id="nothing"),
        pytest.param(line((6, 0.0), (8, np.nan)), "bad_coordinates", id="nan"),
        pytest.param(line((6, 0.0), (8, np.inf)), "bad_coordinates", id="infinite"),
        pytest.param(line((6, 0.0), (8, 0.0)), "bad_coordinates", id="two atoms at one place"),
        pytest.param(line((6, 0.0), (122, 1.2)), "unknown_element", id="token"),
        pytest.param(line((0, 0.0), (6, 1.2)), "unknown_element", id="dummy"),
        pytest.param(line((1, 0.0), (1, 0.74), (1, 9.0), (1, 9.74)), "disconnected", id="two hydrogen molecules"),
        pytest.param(embed("C[N+](=O)[O-]"), "sanitisation", id="nitro group without charges"),
        pytest.param(embed("C[NH+](C)C"), "sanitisation", id="ammonium"),
        pytest.param(OXYGEN_WITH_FOUR_BONDS, "bond_orders", id="oxygen with four bonds"),
        pytest.param(without(METHANE, 4), "radical", id="methyl"),
        pytest.param(without(ETHANE, 7), "radical", id="ethyl"),
        pytest.param(line((8, 0.0), (1, 0.97)), "radical", id="hydroxyl"),
    ],
)
def test_every_reason_why_not(molecule: tuple[np.ndarray, np.ndarray], failure: str) -> None:
    perceived = perceive(*molecule, options=DEFAULT)
    assert perceived.failure == failure
    assert perceived.mol is None


def test_the_search_for_bond_orders_is_bounded() -> None:
    chain = (np.full(20, 16), np.array([(1.6 * i, 0.8 * (i % 2), 0.0) for i in range(20)]))  # 3^20 choices of valences
    assert perceive(*chain, options=DEFAULT).failure == "iterations"


@pytest.mark.parametrize(
    ("smiles", "options"),
    [
        ("C[N+](=O)[O-]", PerceptionOptions(charged_fragments=True)),
        ("C[N+](C)(C)C", PerceptionOptions(charged_fragments=True, charges=(0, 1))),
        ("CC(=O)[O-]", PerceptionOptions(charged_fragments=True, charges=(0, 1, -1))),
    ],
)
def test_charges_can_be_allowed(smiles: str, options: PerceptionOptions) -> None:
    mol = perceive(*embed(smiles), options=options).mol
    assert mol is not None
    assert canonical_smiles(mol) == smiles


def test_radicals_can_be_allowed() -> None:
    mol = perceive(*without(METHANE, 4), options=PerceptionOptions(radicals=True)).mol
    assert mol is not None
    assert canonical_smiles(mol) == "[CH3]"


def test_options_that_contradict_are_refused() -> None:
    with pytest.raises(ValueError, match="charged_fragments"):
        PerceptionOptions(charges=(1,))
    with pytest.raises(ValueError, match="total charge"):
        PerceptionOptions(charges=())


def test_shapes_that_do_not_fit_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match=r"\[N, 3\]"):
        perceive(np.array([6, 1]), np.zeros((3, 3)), options=DEFAULT)


@pytest.mark.parametrize("smiles", ["C[C@H](O)F", "C[C@@H](O)F", "C/C=C/C", "C/C=C\\C", "[H]/N=C/C", "[H]/N=C\\C"])
def test_stereo_is_read_from_the_coordinates_or_ignored(smiles: str) -> None:
    z, pos = embed(smiles)
    mol = perceive(z, pos, options=DEFAULT).mol
    assert mol is not None
    assert canonical_smiles(mol) == Chem.CanonSmiles(smiles)
    flat = Chem.MolFromSmiles(smiles)
    Chem.RemoveStereochemistry(flat)
    assert canonical_smiles(mol, stereo=False) == Chem.CanonSmiles(Chem.MolToSmiles(Chem.RemoveHs(flat)))
    mirrored = perceive(z, -pos, options=DEFAULT).mol
    assert mirrored is not None
    assert (canonical_smiles(mirrored) == canonical_smiles(mol)) == ("@" not in smiles)


def test_the_molecule_keeps_its_atoms_and_is_not_changed_by_naming_it() -> None:
    z, pos = embed("CC(=O)N")
    mol = perceive(z, pos, options=DEFAULT).mol
    assert mol is not None
    assert [atom.GetAtomicNum() for atom in mol.GetAtoms()] == z.tolist()
    np.testing.assert_allclose(mol.GetConformer().GetPositions(), pos)
    before = mol.ToBinary()
    canonical_smiles(mol)
    assert mol.ToBinary() == before


def test_names_do_not_depend_on_the_order_of_atoms_or_the_frame() -> None:
    z, pos = embed("CC(=O)Nc1ccc(O)cc1")
    rng = np.random.default_rng(0)
    order = rng.permutation(len(z))
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    rotation *= np.linalg.det(rotation)
    first, second = (perceive(*each, options=DEFAULT).mol for each in ((z, pos), (z[order], pos[order] @ rotation + 5)))
    assert first is not None
    assert second is not None
    assert canonical_smiles(first) == canonical_smiles(second) == "CC(=O)Nc1ccc(O)cc1"


def test_rdkit_stays_quiet_here_and_loud_elsewhere(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    perceive(*embed("C[N+](=O)[O-]"), options=DEFAULT)
    assert capfd.readouterr().err + caplog.text == ""
    Chem.MolFromSmiles("C(C)(C)(C)(C)C")
    assert "valence" in capfd.readouterr().err + caplog.text  # PoseBusters, once imported, sends it to Python's logs


@pytest.mark.parametrize("smiles", ["C", "CCO", "c1ccncc1", "C[C@H](O)F", "[H]/N=C/C", "C/C=C\\C", "FC(F)F", "NC=O"])
def test_fingerprints_from_coordinates_and_from_smiles_agree(smiles: str) -> None:
    mol = perceive(*embed(smiles), options=DEFAULT).mol
    assert mol is not None
    before = mol.ToBinary()
    bits = fingerprint(mol, 2, 1024)
    assert mol.ToBinary() == before
    assert (bits.dtype, bits.shape) == (np.uint8, (1024,))
    assert set(bits.tolist()) == {0, 1}
    np.testing.assert_array_equal(bits, smiles_fingerprint(smiles, 2, 1024))


def test_fingerprints_tell_isomers_apart_within_their_radius() -> None:
    ethanol, ether, mirrored = (smiles_fingerprint(smiles) for smiles in ("CCO", "COC", "OCC"))
    assert tanimoto(ethanol, mirrored) == 1
    assert 0 < tanimoto(ethanol, ether) < 1
    assert tanimoto(smiles_fingerprint("CCCCCCO", 0), smiles_fingerprint("CCCCO", 0)) == 1


@pytest.mark.parametrize("smiles", ["", "C(", "xyz", "C(C)(C)(C)(C)C"])
def test_what_is_no_smiles_has_no_fingerprint(smiles: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="is no SMILES of a molecule"):
        smiles_fingerprint(smiles)
    assert capfd.readouterr().err == ""


def test_the_similarity_is_the_shared_part_of_all_bits() -> None:
    a, b = np.array([1, 1, 1, 0], dtype=np.uint8), np.array([0, 1, 1, 1], dtype=np.uint8)
    assert tanimoto(a, b) == tanimoto(b, a) == 0.5
    assert tanimoto(a, 1 - a) == 0
    assert tanimoto(0 * a, 0 * b) == 1
    first, second = Chem.MolFromSmiles("CCCO"), Chem.MolFromSmiles("CCC=O")
    bits = [rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048).GetFingerprint(m) for m in (first, second)]
    expected = DataStructs.TanimotoSimilarity(*bits)
    assert tanimoto(fingerprint(first), fingerprint(second)) == pytest.approx(expected)
    with pytest.raises(ValueError, match="cannot be compared"):
        tanimoto(a, np.zeros(8))


def test_packed_fingerprints_are_empty_where_the_bonds_are_not_known() -> None:
    molecules = [METHANE, line((8, 0.0), (1, 0.97)), embed("CO")]
    z, pos = (np.concatenate(each) for each in zip(*molecules, strict=True))
    packed = perceived_fingerprints(z, pos, np.array([0, 5, 7, 13]), 2, 64)
    assert packed.shape == (3, 8)
    expected = [smiles_fingerprint("C", 2, 64), np.zeros(64), smiles_fingerprint("CO", 2, 64)]
    np.testing.assert_array_equal(np.unpackbits(packed, axis=1), expected)
