from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from gschnet_pyg.contracts import Rate, ReferenceSummary, Verdict
from gschnet_pyg.validity import geometry
from gschnet_pyg.validity import reference as module
from gschnet_pyg.validity.checks import ValidityOptions
from gschnet_pyg.validity.rates import rdkit_rates
from gschnet_pyg.validity.reference import Reference, classify, judge_reference
from tests.validity.judgements import judgement_of
from tests.validity.molecules import embed, without

OPTIONS = ValidityOptions()


@dataclass
class Flat:
    z: np.ndarray
    pos: np.ndarray
    offsets: np.ndarray


@pytest.fixture
def molecules() -> Flat:
    each = [embed("C"), embed("CO"), without(embed("C"), 4)]
    offsets = np.cumsum([0, *(len(z) for z, _ in each)])
    return Flat(np.concatenate([z for z, _ in each]), np.concatenate([pos for _, pos in each]), offsets)


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many molecules each call judged."""
    calls: list[int] = []
    genuine = module.judge_all

    def counting(each: list, *args: object, **kwargs: object) -> object:
        calls.append(len(each))
        return genuine(each, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "judge_all", counting)
    return calls


def test_reference_molecules_are_judged_once(molecules: Flat, judged: list[int], tmp_path: Path) -> None:
    first = judge_reference(molecules, OPTIONS, cache=tmp_path, workers=0)
    second = judge_reference(molecules, OPTIONS, cache=tmp_path, workers=0)
    assert first == second
    assert judged == [3]
    assert first.smiles == ("C", "CO", None)
    assert first.describe() == ReferenceSummary(3, None, Rate(2, 3), first.edm)
    assert first.tally.molecules == 2
    assert len(first.fingerprints) == 3
    assert first.fingerprints.counts[2] == 0
    assert judge_reference(molecules, OPTIONS, cache=tmp_path, workers=0, force=True) == first
    assert judged == [3, 3]
    assert [path.suffix for path in tmp_path.iterdir()] == [".npz"]


def test_other_molecules_options_or_no_cache_are_judged_anew(
    molecules: Flat, judged: list[int], tmp_path: Path
) -> None:
    judge_reference(molecules, OPTIONS, cache=tmp_path, workers=0)
    part = Flat(molecules.z[:5], molecules.pos[:5], molecules.offsets[:2])
    judge_reference(part, OPTIONS, cache=tmp_path, workers=0)
    radicals = judge_reference(molecules, ValidityOptions(radicals=True), cache=tmp_path, workers=0)
    judge_reference(molecules, OPTIONS, workers=0)
    assert judged == [3, 1, 3, 3]
    assert radicals.smiles == ("C", "CO", "[CH3]")


def test_other_bins_are_counted_anew(
    molecules: Flat, judged: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = judge_reference(molecules, OPTIONS, cache=tmp_path, workers=0)
    monkeypatch.setattr(geometry, "KINDS", tuple(replace(kind, bin_width=0.5) for kind in geometry.KINDS))
    assert judge_reference(molecules, OPTIONS, cache=tmp_path, workers=0).smiles == first.smiles
    assert judged == [3, 3]


@pytest.mark.parametrize("spoil", [lambda content: content[:50], lambda content: b"", lambda content: b"{}"])
def test_a_damaged_cache_is_made_again(
    molecules: Flat,
    judged: list[int],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[bytes], bytes],
) -> None:
    first = judge_reference(molecules, OPTIONS, cache=tmp_path, workers=0)
    (path,) = tmp_path.iterdir()
    path.write_bytes(spoil(path.read_bytes()))
    with caplog.at_level(logging.WARNING):
        assert judge_reference(molecules, OPTIONS, cache=tmp_path, workers=0) == first
    assert judged == [3, 3]
    assert "damaged cache" in caplog.text


def test_a_split_parts_seen_from_known(molecules: Flat) -> None:
    reference = judge_reference(molecules, OPTIONS, workers=0)
    assert reference.seen_smiles == reference.known_smiles == {"C", "CO"}
    assert reference.with_seen([1, 2]).seen_smiles == {"CO"}
    assert reference.with_seen([]).seen_smiles == frozenset()
    assert replace(reference, seen=None) == reference
    with pytest.raises(IndexError, match="3 reference molecules"):
        reference.with_seen([3])


def verdict(smiles: str | None) -> Verdict:
    return Verdict("X", smiles, None if smiles else "radical", 5, 5, None)


GENERATED = [verdict(smiles) for smiles in ("CC", "C", None, "C", "CCC", "CCCC", "CCCC", "CC")]
KNOWN = Reference.of(judgement_of(verdict(smiles) for smiles in ("C", "CC", None)), OPTIONS).with_seen([0, 2])


def test_classes_of_molecules() -> None:
    classes = classify(GENERATED, KNOWN)
    assert np.flatnonzero(~classes.is_valid).tolist() == [2]
    assert np.flatnonzero(classes.is_unique).tolist() == [0, 1, 4, 5]
    assert classes.is_unseen is not None
    assert classes.is_novel is not None
    assert np.flatnonzero(classes.is_unseen).tolist() == [0, 4, 5]
    assert np.flatnonzero(classes.is_novel).tolist() == [4, 5]


@pytest.mark.parametrize("known", [None, KNOWN, replace(KNOWN, seen=None)])
@pytest.mark.parametrize("n_molecules", [0, 3, 8])
def test_classes_and_rates_agree(known: Reference | None, n_molecules: int) -> None:
    verdicts = GENERATED[:n_molecules]
    classes = classify(verdicts, known)
    masks = (classes.is_valid, classes.is_unique, classes.is_unseen, classes.is_novel)
    rates = rdkit_rates(verdicts, 10, known and known.seen_smiles, known and known.known_smiles)
    assert [None if mask is None else mask.sum() for mask in masks] == [rate and rate.count for rate in rates.values()]
    assert all(mask is None or mask.shape == (n_molecules,) for mask in masks)


def test_without_a_reference_nothing_is_unseen_or_novel() -> None:
    classes = classify(GENERATED, None)
    assert classes.is_unseen is None
    assert classes.is_novel is None
