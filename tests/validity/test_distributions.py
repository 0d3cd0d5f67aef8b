from __future__ import annotations

import pytest

from gschnet_pyg.validity.checks import ValidityOptions
from gschnet_pyg.validity.distributions import Distributions, compare, jensen_shannon
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
