from __future__ import annotations

import pytest

from gschnet_pyg.validity.checks import ValidityOptions
from gschnet_pyg.validity.distributions import Distributions, compare, jensen_shannon, ring_statistics
from gschnet_pyg.validity.judging import judge
from tests.validity.molecules import embed, without

METHANE, BENZENE = (judge(*embed(smiles), ValidityOptions()) for smiles in ("C", "c1ccccc1"))
METHYL = judge(*without(embed("C"), 4), ValidityOptions())


def test_equal_histograms_do_not_diverge() -> None:
    assert jensen_shannon({"a": 1, "b": 3}, {"a": 10, "b": 30}) == pytest.approx(0, abs=1e-12)


def test_histograms_that_share_nothing_are_one_bit_apart() -> None:
    assert jensen_shannon({"a": 5}, {"b": 7}) == pytest.approx(1)


def test_a_known_divergence() -> None:
    # H(3/4, 1/4) - H(1/2, 1/2) / 2 in bits
    assert jensen_shannon({"a": 1}, {"a": 1, "b": 1}) == pytest.approx(0.311278, abs=1e-6)


def test_nothing_cannot_be_compared() -> None:
    assert jensen_shannon({}, {"a": 1}) is None


def test_valid_molecules_are_counted() -> None:
    found = Distributions.of([METHANE, METHANE, BENZENE, METHYL])
    assert found.molecules == 3
    assert found.atom_counts == {"5": 2, "12": 1}
    assert found.atom_types == {"C": 8, "H": 14}
    assert found.ring_sizes == {"6": 1}
    assert {pair: sum(bins.values()) for pair, bins in found.bond_lengths.items()} == {"C-C": 6, "C-H": 14}
    assert list(found.bond_lengths["C-C"]) in (["1.38"], ["1.40"], ["1.38", "1.40"])


def test_comparison_covers_what_only_one_side_has() -> None:
    found = compare(Distributions.of([METHANE]), Distributions.of([BENZENE]))
    assert found["atom_counts"]["divergence"] == 1
    assert found["ring_sizes"] == {"generated": {}, "reference": {"6": 1}, "divergence": None}
    assert found["bond_lengths"]["C-C"]["generated"] == {}
    assert 0 < found["atom_types"]["divergence"] < 1


def test_without_a_reference_the_own_counts_stand_alone() -> None:
    found = compare(Distributions.of([METHANE]), None)
    assert found["atom_types"] == {"generated": {"C": 1, "H": 4}, "reference": None, "divergence": None}


def test_rings_are_counted_by_size() -> None:
    bicyclobutane, cubane, cycloheptane = (
        judge(*embed(smiles), ValidityOptions()) for smiles in ("C1C2C1C2", "C12C3C4C1C5C2C3C45", "C1CCCCCC1")
    )
    found = ring_statistics([METHANE, BENZENE, METHYL, bicyclobutane, cubane, cycloheptane])
    assert list(found) == ["3", "4", "5", "6", "other"]
    assert {size: entry["rings"] for size, entry in found.items()} == {"3": 2, "4": 6, "5": 0, "6": 1, "other": 1}
    assert found["3"] == {"rings": 2, "per_molecule": 0.4, "molecules": {"value": 0.2, "count": 1, "of": 5}}
    assert found["5"]["molecules"] == {"value": 0, "count": 0, "of": 5}


def test_rings_of_the_sizes_asked_for() -> None:
    assert {size: entry["rings"] for size, entry in ring_statistics([BENZENE], sizes=(5,)).items()} == {
        "5": 0, "other": 1,
    }  # fmt: skip


def test_no_valid_molecule_has_no_rings() -> None:
    assert ring_statistics([METHYL])["6"] == {
        "rings": 0, "per_molecule": 0, "molecules": {"value": 0, "count": 0, "of": 0},
    }  # fmt: skip
