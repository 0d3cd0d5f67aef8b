from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest
from rdkit import Chem

from gschnet_pyg.bonds import PerceptionOptions, canonical_smiles, perceive
from gschnet_pyg.page.drawing import Unsearched, draw
from tests.page.reports import SMILES, embed, molecules

DEFAULT = PerceptionOptions()


def read_back(block: str) -> Chem.Mol:
    supplier = Chem.SDMolSupplier()
    supplier.SetData(f"name{block}$$$$\n", removeHs=False)
    return supplier[0]


@pytest.mark.parametrize("smiles", SMILES)
def test_rdkit_reads_the_same_molecule_from_the_block(smiles: str) -> None:
    z, pos = embed(smiles)
    block, mol = draw((z, pos), DEFAULT).block, perceive(z, pos, options=DEFAULT).mol
    assert block is not None
    assert mol is not None
    assert Chem.MolToSmiles(Chem.RemoveHs(read_back(block))) == canonical_smiles(mol)


@pytest.mark.parametrize("row", [len(SMILES), len(SMILES) + 1, len(SMILES) + 2])
def test_rdkit_reads_what_is_known_of_an_invalid_molecule(row: int) -> None:
    z, pos = molecules()[row]
    block = draw((z, pos), DEFAULT).block
    assert block is not None
    mol = read_back(block)
    assert [atom.GetAtomicNum() for atom in mol.GetAtoms()] == z.tolist()
    assert not sum(atom.GetNumImplicitHs() for atom in mol.GetAtoms())
    np.testing.assert_allclose(mol.GetConformer().GetPositions(), pos, atol=1e-4)


def test_a_carbon_with_five_neighbours_can_be_read() -> None:
    z = np.array([6, 1, 1, 1, 1, 1])
    pos = np.concatenate([np.zeros((1, 3)), np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1]]) * 1.05])
    drawn = draw((z, pos), DEFAULT)
    assert drawn.block is not None
    assert read_back(drawn.block).GetNumBonds() == 5
    assert drawn.svg is not None


def test_hydrogens_of_an_invalid_molecule_are_part_of_its_letters() -> None:
    radical = draw(molecules()[len(SMILES)], DEFAULT).svg  # ethanol without the hydrogen of its oxygen
    assert radical is not None
    assert "".join(re.findall(r">([^<]+)</text>", radical)) in ("CH3CH2O", "OCH2CH3", "CH2OCH3", "CH3OCH2", "CH2CH3O")


def test_nothing_to_draw() -> None:
    for molecule in (molecules()[-2], molecules()[-1], (np.array([120, 1]), np.eye(2, 3))):
        drawn = draw(molecule, DEFAULT)
        assert drawn.svg is None
        assert drawn.block is None


def test_drawings_follow_the_theme() -> None:
    for item in (embed("NC(=O)CF"), "NC(=O)CF", molecules()[len(SMILES)]):
        svg = draw(item, DEFAULT).svg
        assert svg is not None
        assert not re.search(r"#\w{6}|style=|http", svg)
        assert 'class="O"' in svg


def test_stereo_is_drawn() -> None:
    chiral, plain = (draw(embed(smiles), DEFAULT).svg for smiles in ("C[C@H](N)C(=O)O", "CC(N)=C(O)O"))
    assert chiral is not None
    assert plain is not None
    assert chiral.count("M") > plain.count("M") or 'class="w"' in chiral


def test_bonds_are_those_of_the_options() -> None:
    radical = molecules()[len(SMILES)]
    allowed = draw(radical, PerceptionOptions(radicals=True)).block
    assert allowed is not None
    assert "  8  0\n" not in allowed


def test_workers_start_without_torch() -> None:
    code = "import sys, gschnet_pyg.page.drawing; print({'torch', 'matplotlib', 'pandas', 'jinja2'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "set()"


def test_what_rdkit_did_not_survive_is_not_given_to_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    z, pos = molecules()[0]

    def hang(*arguments: object, **more: object) -> None:
        raise AssertionError("bond orders were searched for")

    monkeypatch.setattr("gschnet_pyg.page.drawing.perceive", hang)
    drawn = draw(Unsearched(z, pos), DEFAULT)
    assert drawn.svg is not None
    assert drawn.block is not None
    assert Chem.MolFromMolBlock(drawn.block, sanitize=False, removeHs=False).GetNumAtoms() == len(z)


def test_coordinates_that_do_not_fit_their_columns_have_no_block() -> None:
    z, pos = molecules()[0]
    for shift, fits in ((9_000.0, True), (20_000.0, False)):
        assert (draw((z, pos + shift), DEFAULT).block is not None) is fits
