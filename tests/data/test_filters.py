"""Filters pick molecules by what they are made of and by their properties."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms, units
from ase.build import molecule

from gschnet_pyg.data.arrays import Collector
from gschnet_pyg.data.comparisons import Comparison, parse_comparison, parse_filters, properties_needed
from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.data.filters import held_out
from gschnet_pyg.data.sources import open_dataset
from gschnet_pyg.errors import DataError, RecipeError

NAMES = ("H2O", "CH4", "C6H6", "CH3CH2OH", "CH3OCH3")
GAPS = (9.0, 11.0, 6.0, 8.0, 8.5)


@pytest.fixture
def dataset() -> MoleculeDataset:
    collector = Collector("five.xyz")
    for number, name in enumerate(NAMES):
        atoms = molecule(name)
        collector.add(number, atoms.numbers, atoms.positions, {"gap": GAPS[number], "dipole": [0.0, 0.0, 1.0]})
    return MoleculeDataset(collector.finish())


def picked(dataset: MoleculeDataset, entries: Sequence[str | Sequence[str]]) -> list[str]:
    """Names of the molecules that some filters hold out."""
    chosen = held_out(parse_filters(entries), dataset)
    assert chosen.shape == (len(dataset),)
    return [NAMES[i] for i in dataset.ids[chosen]]


def test_isomers_share_a_composition(dataset):
    assert picked(dataset, ["composition == C2H6O"]) == ["CH3CH2OH", "CH3OCH3"]
    assert picked(dataset, ["composition = CH3CH2OH"]) == ["CH3CH2OH", "CH3OCH3"]
    assert picked(dataset, ["composition != OC2H6"]) == ["H2O", "CH4", "C6H6"]


def test_a_part_of_a_molecule_is_another_composition(dataset):
    assert picked(dataset, ["composition == H2"]) == []
    assert picked(dataset, ["composition == CH2"]) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gap < 8", ["C6H6"]),
        ("gap <= 8", ["C6H6", "CH3CH2OH"]),
        ("gap > 9", ["CH4"]),
        ("gap>=9.0", ["H2O", "CH4"]),
        ("gap = 8.5", ["CH3OCH3"]),
        ("gap == 8.5", ["CH3OCH3"]),
        ("gap != 8.5", ["H2O", "CH4", "C6H6", "CH3CH2OH"]),
        ("n_atoms == 3", ["H2O"]),
        ("n_atoms >= 9", ["C6H6", "CH3CH2OH", "CH3OCH3"]),
        ("n_heavy_atoms < 2", ["H2O", "CH4"]),
        ("n_heavy_atoms == 6", ["C6H6"]),
    ],
)
def test_operators(dataset, text, expected):
    assert picked(dataset, [text]) == expected


def test_all_of_a_list_but_any_of_several_entries(dataset):
    assert picked(dataset, [["gap < 9", "n_atoms < 12"]]) == ["CH3CH2OH", "CH3OCH3"]
    assert picked(dataset, [["gap < 9", "n_atoms < 12"], "composition == CH4"]) == ["CH4", "CH3CH2OH", "CH3OCH3"]
    assert picked(dataset, []) == []


def test_a_view_has_one_answer_for_each_of_its_molecules(dataset):
    assert picked(dataset.subset([4, 0, 2]), ["composition == C2H6O", "gap < 7"]) == ["CH3OCH3", "C6H6"]


def test_energies_are_compared_in_ev(tmp_path: Path, molecules: list[Atoms]):
    for atoms in molecules:
        atoms.info["gap"] /= units.Hartree
    ase.io.write(tmp_path / "a.extxyz", molecules)
    dataset = open_dataset(tmp_path / "a.extxyz", units={"gap": "Hartree"}, progress=False)
    assert held_out(parse_filters(["gap > 3"]), dataset).tolist() == [False, False, True, True]


def test_computed_properties_can_be_compared(dataset):
    computed = dataset.with_computed({"rank": np.arange(5.0)[:, None]})
    assert picked(computed, ["rank > 3"]) == ["CH3OCH3"]


def test_what_is_read():
    assert parse_comparison("HOMO-LUMO gap <= -1e-3") == Comparison("HOMO-LUMO gap", "<=", -0.001)
    assert parse_comparison("composition=C7H10O2") == Comparison("composition", "==", (("C", 7), ("H", 10), ("O", 2)))
    filters = parse_filters(
        ["composition == CH4", ["gap < 3", "n_atoms > 4"], ["mu > 1", "gap > 9", "n_heavy_atoms < 2"]]
    )
    assert [len(entry) for entry in filters] == [1, 2, 3]
    assert properties_needed(filters) == ["gap", "mu"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gap", "'gap' is no comparison"),
        ("< 4", "is no comparison"),
        ("gap <", "is no comparison"),
        ("gap < big", "'big' is no finite number"),
        ("gap < nan", "'nan' is no finite number"),
        ("gap =< 4", "'< 4' is no finite number"),
        ("gap < 4 < 5", "is no finite number"),
        ("composition < CH4", "can only be equal"),
        ("composition == water", "'water' is no formula"),
        ("composition == Xx2", "there is no element Xx"),
        ("composition == X2", "there is no element X;"),
    ],
)
def test_malformed_comparisons_are_refused_with_an_example(text, message):
    with pytest.raises(RecipeError, match=rf"split\.hold_out: .*{message}.*write it like 'gap < 4.5'"):
        parse_comparison(text)


@pytest.mark.parametrize("entries", [[[]], [3], [["gap < 3", 4]], [{"gap": 3}], [[["gap < 3"]]]])
def test_entries_that_are_no_comparisons_are_refused(entries):
    with pytest.raises(RecipeError, match="neither a comparison nor a list"):
        parse_filters(entries)


def test_one_text_is_no_list():
    with pytest.raises(RecipeError, match=r"write \[gap < 3\]"):
        parse_filters("gap < 3")


def test_properties_that_cannot_be_compared(dataset):
    with pytest.raises(DataError, match=r"five\.xyz: there is no property 'mu' to compare; there are: dipole, gap"):
        picked(dataset, ["mu < 3"])
    with pytest.raises(DataError, match="'dipole' has 3 components"):
        picked(dataset, ["dipole < 3"])
