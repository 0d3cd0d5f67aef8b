"""Molecules that were asked for the same, or for nearly the same, are counted together."""

from __future__ import annotations

import numpy as np
import pytest

from gschnet_pyg.bonds import smiles_fingerprint
from gschnet_pyg.validity import targets
from gschnet_pyg.validity.targets import MAX_DISTINCT, RANGES, Target, compare_targets
from tests.validity.test_targets import ATOMS, FINGERPRINT, VERDICTS, column, compare, methane


def test_many_different_numbers_are_put_into_ranges() -> None:
    asked = np.random.default_rng(0).permutation(np.linspace(2.0, 10.0, 80))
    [found] = compare_targets([Target(ATOMS, column(*asked))], *methane(80))
    assert len(found.groups) == RANGES
    assert [group.finished for group in found.groups] == [10] * RANGES
    assert found.groups[0].label == "2.00 to 2.91"
    assert found.groups[0].target == pytest.approx(np.mean(np.linspace(2.0, 10.0, 80)[:10]))
    assert found.overall is not None
    assert found.overall.error == pytest.approx(np.abs(asked - 5).mean())


def test_few_different_numbers_stay_apart() -> None:
    [found] = compare_targets([Target(ATOMS, column(*range(MAX_DISTINCT), 0))], *methane(MAX_DISTINCT + 1))
    assert [group.target for group in found.groups] == list(range(MAX_DISTINCT))
    assert found.groups[0].finished == 2


@pytest.mark.parametrize(
    ("span", "label"),
    [(0.08, "0.0000 to 0.0091"), (8.0, "0.00 to 0.91"), (80.0, "0.0 to 9.1"), (800.0, "0 to 91"), (8e4, "0 to 9114")],
)
def test_ranges_have_as_many_digits_as_tell_them_apart(span: float, label: str) -> None:
    [found] = compare_targets([Target(ATOMS, column(*np.linspace(0.0, span, 80)))], *methane(80))
    assert found.groups[0].label == label


def test_a_smiles_that_rdkit_does_not_read_is_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(smiles: str, *sizes: int) -> np.ndarray:
        raise ValueError(f"{smiles}: cannot be parsed")

    asked = np.array([smiles_fingerprint("CCO", 2, 1024)] * 4, dtype=float)
    monkeypatch.setattr(targets, "smiles_fingerprint", refuse)
    found = compare(FINGERPRINT, asked)
    assert (found.measured, found.reason) == (0, f"{VERDICTS[0].smiles}: cannot be parsed")


def test_fingerprints_are_numbered_in_the_order_in_which_they_were_asked_for() -> None:
    asked = np.array([smiles_fingerprint(smiles, 2, 1024) for smiles in ("CCO", "C", "CCO", "COC")], dtype=float)
    n_bits = [int(row.sum()) for row in asked]
    found = compare(FINGERPRINT, asked)
    labels = [f"1, {n_bits[0]} bits", f"2, {n_bits[1]} bits", f"3, {n_bits[3]} bits"]
    assert [group.label for group in found.groups] == labels
    assert [group.finished for group in found.groups] == [2, 1, 1]
