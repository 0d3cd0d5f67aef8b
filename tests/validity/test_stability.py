from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gschnet_pyg.validity.edm_bond_lengths import LENGTH, MARGIN, VALENCES
from gschnet_pyg.validity.stability import bond_orders, edm_smiles, is_stable
from tests.validity.molecules import embed, line, without


@pytest.mark.parametrize(
    ("distance", "order"),
    [(1.229, 3), (1.231, 2), (1.389, 2), (1.391, 1), (1.639, 1), (1.641, 0)],
)
def test_orders_of_carbon_bonds_change_at_length_plus_margin(distance: float, order: int) -> None:
    assert bond_orders(*line((6, 0.0), (6, distance)))[0, 1] == order


def test_orders_are_symmetric_and_an_atom_has_no_bond_to_itself() -> None:
    orders = bond_orders(*embed("CC(=O)N"))
    np.testing.assert_array_equal(orders, orders.T)
    assert not np.diag(orders).any()


def test_pairs_without_a_length_never_bond() -> None:
    assert bond_orders(*line((2, 0.0), (6, 0.5)))[0, 1] == 0


@pytest.mark.parametrize("smiles", ["C", "O", "N", "CCO", "C#C", "C=C", "C=O", "CC#N", "C1CC1", "CF"])
def test_every_atom_of_these_is_stable(smiles: str) -> None:
    z, pos = embed(smiles)
    assert is_stable(z, bond_orders(z, pos)).all()


HAND_COUNTED = {
    "hydrogen": (line((1, 0.0), (1, 0.741)), [1, 1], [True, True]),
    "hydrogen fluoride": (line((9, 0.0), (1, 0.917)), [1, 1], [True, True]),
    "nitrogen": (line((7, 0.0), (7, 1.098)), [3, 3], [True, True]),
    "oxygen": (line((8, 0.0), (8, 1.208)), [2, 2], [True, True]),
    "fluorine": (line((9, 0.0), (9, 1.412)), [1, 1], [True, True]),
    "hydroxyl": (line((8, 0.0), (1, 0.970)), [1, 1], [False, True]),
    "nitric oxide": (line((7, 0.0), (8, 1.154)), [2, 2], [False, True]),
    "carbon monoxide": (line((6, 0.0), (8, 1.128)), [3, 3], [False, False]),
    "carbon dioxide": (line((8, 0.0), (6, 1.162), (8, 2.324)), [2, 4, 2], [True, True, True]),
    "hydrogen cyanide": (line((1, 0.0), (6, 1.065), (7, 2.218)), [1, 4, 3], [True, True, True]),
    "acetylene": (line((1, 0.0), (6, 1.060), (6, 2.263), (1, 3.323)), [1, 4, 4, 1], [True] * 4),
    "water": (embed("O"), [2, 1, 1], [True] * 3),
    "hydrogen sulfide": (embed("S"), [2, 1, 1], [False, True, True]),  # EDM knows sulfur with four bonds only
    "ammonia": (embed("N"), [3, 1, 1, 1], [True] * 4),
    "methane": (embed("C"), [4, 1, 1, 1, 1], [True] * 5),
    "formaldehyde": (embed("C=O"), [4, 2, 1, 1], [True] * 4),
    "ethene": (embed("C=C"), [4, 4, 1, 1, 1, 1], [True] * 6),
    "nitromethane": (embed("C[N+](=O)[O-]"), [4, 5, 2, 2, 1, 1, 1], [True, False, *[True] * 5]),
    "methylammonium": (embed("C[NH3+]"), [4, 4, *[1] * 6], [True, False, *[True] * 6]),
}


@pytest.mark.parametrize("name", HAND_COUNTED)
def test_valences_counted_by_hand(name: str) -> None:
    """Linear molecules have measured bond lengths, the others those of a force field."""
    (z, pos), valences, stable = HAND_COUNTED[name]
    orders = bond_orders(z, pos)
    assert orders.sum(axis=1).tolist() == valences
    assert is_stable(z, orders).tolist() == stable


def test_an_atom_that_lacks_a_bond_is_not_stable() -> None:
    z, pos = without(embed("C"), 4)
    np.testing.assert_array_equal(is_stable(z, bond_orders(z, pos)), [False, True, True, True])


def test_charged_atoms_are_not_stable() -> None:
    z, pos = embed("C[N+](C)(C)C")
    stable = is_stable(z, bond_orders(z, pos))
    np.testing.assert_array_equal(stable, z != 7)


def test_elements_without_valences_are_not_stable() -> None:
    assert not is_stable(np.array([2]), np.zeros((1, 1), dtype=int)).any()


def test_the_largest_fragment_counts() -> None:
    ethane, water = embed("CC"), embed("O")
    z, pos = np.concatenate([water[0], ethane[0]]), np.concatenate([water[1] + 20, ethane[1]])
    assert edm_smiles(z, bond_orders(z, pos)) == edm_smiles(ethane[0], bond_orders(*ethane))


def test_a_missing_hydrogen_is_valid_but_another_molecule() -> None:
    whole, part = embed("C"), without(embed("C"), 4)
    names = {edm_smiles(z, bond_orders(z, pos)) for z, pos in (whole, part)}
    assert len(names) == 2
    assert None not in names


def test_too_many_bonds_are_not_valid() -> None:
    z, pos = embed("C[N+](C)(C)C")
    assert edm_smiles(z, bond_orders(z, pos)) is None


@pytest.mark.shared
def test_the_table_is_the_published_one(shared: Path) -> None:
    published = json.loads((shared / "data" / "edm_bond_lengths.json").read_text())
    for order, name in ((1, "single"), (2, "double"), (3, "triple")):
        assert MARGIN[order] == published["margin"][name]
        ours = {frozenset(pair): row[pair[1]] for a, row in LENGTH[order].items() for pair in ((a, b) for b in row)}
        theirs = {frozenset((a, b)): length for a, row in published[name].items() for b, length in row.items()}
        assert ours == theirs
    assert {symbol: list(valences) for symbol, valences in VALENCES.items()} == published["valence"]
