from __future__ import annotations

import numpy as np
import pytest

from gschnet_pyg.bonds import smiles_fingerprint, tanimoto
from gschnet_pyg.contracts import Verdict
from gschnet_pyg.validity import similarity as module
from gschnet_pyg.validity.checks import ValidityOptions
from gschnet_pyg.validity.fingerprints import N_BITS, Fingerprints
from gschnet_pyg.validity.judging import Judgement
from gschnet_pyg.validity.reference import Reference
from gschnet_pyg.validity.similarity import nearest, search_training
from tests.validity.judgements import judgement_of


def drawn(number: int, seed: int, rarest: float = 0.001) -> np.ndarray:
    """Random fingerprints, a few bits frequent and most of them rare, as those of molecules."""
    generator = np.random.default_rng(seed)
    often = np.maximum(0.6 / np.arange(1, N_BITS + 1), rarest)
    bits: np.ndarray = generator.random((number, N_BITS)) < generator.permutation(often)
    bits[:, 7] |= ~bits.any(axis=1)
    return bits


def packed(bits: np.ndarray) -> Fingerprints:
    return Fingerprints.of(np.flatnonzero(row).astype(np.uint16).tobytes() for row in bits)


@pytest.mark.parametrize("block", [1, 1000, 1 << 23])
@pytest.mark.parametrize("frequent", [0, 5, 128, N_BITS])
def test_the_nearest_one_is_what_comparing_all_finds(
    block: int, frequent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BLOCK", block)
    monkeypatch.setattr(module, "_FREQUENT", frequent)
    trained = drawn(150, seed=1)
    queries = np.concatenate([drawn(30, seed=2), trained[40:45], drawn(5, seed=3, rarest=0.02)])
    similarity, row = nearest(packed(queries), packed(trained))
    table = np.array([[tanimoto(mine, theirs) for theirs in trained] for mine in queries])
    np.testing.assert_allclose(similarity, table.max(axis=1), rtol=1e-12)
    np.testing.assert_allclose(table[np.arange(len(queries)), row], similarity, rtol=1e-12)
    assert (similarity[30:35] == 1).all()


def test_a_molecule_that_was_seen_finds_the_first_that_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    trained = drawn(20, seed=1)[[3, 5, 3, 7]]
    queries = packed(np.concatenate([trained[[2, 3]], np.zeros((1, N_BITS), dtype=bool)]))
    similarity, row = nearest(queries, packed(trained))
    assert similarity.tolist() == [1, 1, 0]
    assert row[:2].tolist() == [0, 3]
    monkeypatch.setattr(module, "_search", None)  # not needed for these
    assert nearest(queries.take(np.array([0, 1])), packed(trained))[1].tolist() == [0, 3]


def judgement(*smiles: str | None) -> Judgement:
    made = judgement_of(Verdict("X", each, None if each else "radical", 1, 1, None) for each in smiles)
    bits = [
        b"" if each is None else np.flatnonzero(smiles_fingerprint(each)).astype(np.uint16).tobytes() for each in smiles
    ]
    return Judgement(made.verdicts, made.tally, Fingerprints.of(bits))


KNOWN = Reference.of(judgement("CCO", "CCO", None, "c1ccccc1", "CCCO", "CC#N", "CCO"), ValidityOptions())


def test_molecules_are_searched_for_among_training_molecules() -> None:
    reference = KNOWN.with_seen([0, 1, 2, 3])
    found = search_training(judgement("CCCO", None, "CCO", "CCO", "CC#N"), reference)
    assert (found.trained, found.asked) == (2, 3)
    assert found.molecules == (0, 2, 4)
    assert [name for _, name in found.nearest[:2]] == ["CCO", "CCO"]
    expected = tanimoto(smiles_fingerprint("CCCO"), smiles_fingerprint("CCO"))
    assert [similarity for similarity, _ in found.nearest[:2]] == pytest.approx([expected, 1])
    assert found.unique is not None
    assert found.unseen is not None
    assert found.test is not None
    assert (found.unique.n, found.unseen.n) == (3, 2)
    assert found.test.n == 2  # propanol and acetonitrile; the ethanol among them was seen
    assert found.test.mean == pytest.approx(found.unseen.mean)


def test_without_a_split_nothing_was_kept_for_a_test() -> None:
    found = search_training(judgement("CCCO", "CCN"), KNOWN)
    assert (found.trained, found.test) == (4, None)
    assert found.unseen is not None
    assert found.unseen.n == 1


def test_of_very_many_a_sample_is_searched_for() -> None:
    molecules = judgement(*("C" * length for length in range(1, 30)))
    found, again, other = (search_training(molecules, KNOWN, most_pairs=40, seed=seed) for seed in (0, 0, 1))
    assert found.asked == len(found.molecules) == len(found.nearest) == 10
    assert found == again
    assert found.molecules != other.molecules
    assert list(found.molecules) == sorted(set(found.molecules))
    assert search_training(molecules, KNOWN, most_pairs=29 * 4).asked == 29


def test_nothing_to_search_for_or_among() -> None:
    nothing = search_training(judgement(None), KNOWN)
    assert (nothing.trained, nothing.asked, nothing.unique, nothing.nearest) == (4, 0, None, ())
    untrained = search_training(judgement("C"), KNOWN.with_seen([2]))
    assert (untrained.trained, untrained.asked, untrained.unseen, untrained.test) == (0, 1, None, None)


def test_fingerprints_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        Fingerprints(np.array([1, 2], dtype=np.uint16), np.array([0, 1]))
    with pytest.raises(ValueError, match="do not fit"):
        Fingerprints(np.array([N_BITS], dtype=np.uint16), np.array([0, 1]))


def test_rows_of_fingerprints() -> None:
    three = Fingerprints.of(np.array(bits, dtype=np.uint16).tobytes() for bits in ([1, 5], [], [7]))
    assert three.take(np.array([2, 0, 1, 0])) == Fingerprints.of(
        np.array(bits, dtype=np.uint16).tobytes() for bits in ([7], [1, 5], [], [1, 5])
    )
    assert len(three.take(np.zeros(0, dtype=int))) == 0
