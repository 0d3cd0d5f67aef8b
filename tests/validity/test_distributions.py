from __future__ import annotations

import pytest

from gschnet_pyg.contracts import Comparison, Rate, RingStatistics
from gschnet_pyg.validity.checks import ValidityOptions
from gschnet_pyg.validity.distributions import compare, jensen_shannon, ring_statistics
from gschnet_pyg.validity.judging import judge_all
from gschnet_pyg.validity.tally import Tally
from tests.validity.molecules import embed, without

METHYL = without(embed("C"), 4)


def tally(*smiles: str) -> Tally:
    """Of these molecules and a radical."""
    return judge_all([*map(embed, smiles), METHYL], ValidityOptions(), workers=0, progress=False).tally


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
    found = compare(tally("C", "C", "c1ccccc1"), None)
    assert (found.molecules, found.reference_molecules) == (3, None)
    assert found.atom_counts.generated == {"5": 2, "12": 1}
    assert found.atom_types == Comparison({"C": 8, "H": 14}, None, None)
    assert found.ring_sizes.generated == {"6": 1}
    bonds = {pair: sum(each.generated.values()) for pair, each in found.bond_lengths.types.items()}
    assert bonds == {"C-H": 14, "C-C": 6}
    assert list(bonds) == ["C-H", "C-C"]  # the most frequent ones first
    assert list(found.bond_lengths.types["C-C"].generated) in (["1.38"], ["1.39"], ["1.40"], ["1.39", "1.40"])
    assert found.dihedrals.types == {"C-C-C-C": Comparison({"0": 6}, None, None)}
    assert found.bond_lengths.divergence is found.angles.divergence is None


def test_comparison_covers_what_only_one_side_has() -> None:
    found = compare(tally("C"), tally("c1ccccc1"))
    assert found.reference_molecules == 1
    assert found.atom_counts.divergence == 1
    assert found.ring_sizes == Comparison({}, {"6": 1}, None)
    assert found.bond_lengths.types["C-C"].generated == {}
    assert found.atom_types.divergence is not None
    assert 0 < found.atom_types.divergence < 1
    assert found.dihedrals.divergence is None


def test_a_set_does_not_diverge_from_itself() -> None:
    found = compare(tally("CCO", "CC(N)C=O"), tally("CC(N)C=O", "CCO"))
    for each in (found.atom_counts, found.atom_types, found.bond_lengths, found.angles, found.dihedrals):
        assert each.divergence == pytest.approx(0, abs=1e-12)


def test_types_count_by_their_number_in_the_reference() -> None:
    """One that was not generated shares nothing with the reference; one that the reference lacks has no weight."""
    found = compare(tally("CCO"), tally("CO", "CN", "CO")).bond_lengths
    divergence = {elements: each.divergence for elements, each in found.types.items()}
    assert divergence["C-C"] is divergence["C-N"] is None
    number = {"C-H": 9, "O-H": 2, "C-O": 2, "C-N": 1, "N-H": 2}
    shared = {each: 1.0 if divergence[each] is None else divergence[each] for each in number}
    assert found.divergence == pytest.approx(sum(number[each] * shared[each] for each in number) / 16)
    assert shared["N-H"] == 1
    assert list(found.types)[-1] == "C-C"


def test_rings_are_counted_by_size() -> None:
    found = ring_statistics(tally("C", "c1ccccc1", "C1C2C1C2", "C12C3C4C1C5C2C3C45", "C1CCCCCC1"), None)
    assert list(found) == ["3", "4", "5", "6", "other"]
    assert {size: entry.rings for size, entry in found.items()} == {"3": 2, "4": 6, "5": 0, "6": 1, "other": 1}
    assert found["3"] == RingStatistics(2, 0.4, Rate(1, 5))
    assert found["5"].molecules == Rate(0, 5)


def test_rings_of_the_reference_stand_beside() -> None:
    found = ring_statistics(tally("C"), tally("C1CC1C2CC2", "C1CCCCCCC1", "C"))
    assert found["3"] == RingStatistics(0, 0, Rate(0, 1), Rate(1, 3))
    assert found["other"].reference_molecules == Rate(1, 3)


def test_no_valid_molecule_has_no_rings() -> None:
    assert ring_statistics(tally(), None)["6"] == RingStatistics(0, 0, Rate(0, 0))
