from __future__ import annotations

import time
import weakref
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest

from gschnet_pyg.bonds import smiles_fingerprint
from gschnet_pyg.validity.checks import Molecule, Stereo, ValidityOptions, examine, hill_formula
from gschnet_pyg.validity.judging import Judgement, judge, judge_all
from gschnet_pyg.validity.metrics import summarise
from gschnet_pyg.workers.pool import CHUNK
from tests.validity.judgements import judgement_of
from tests.validity.molecules import DIES, HANGS, embed, examine_with_accidents, line, without

OPTIONS = ValidityOptions()
ETHANOL = embed("CCO")


@pytest.mark.parametrize(
    ("z", "formula"),
    [([8, 1, 6, 1, 1, 1], "CH4O"), ([1, 8, 1], "H2O"), ([17, 11], "ClNa"), ([6], "C"), ([], ""), ([7, 123], "NX")],
)
def test_formulas_are_in_hill_order(z: list[int], formula: str) -> None:
    assert hill_formula(np.array(z, dtype=int)) == formula


def test_a_good_molecule() -> None:
    verdict = judge(*ETHANOL, OPTIONS)
    assert (verdict.formula, verdict.smiles, verdict.failure) == ("C2H6O", "CCO", None)
    assert verdict.is_valid
    assert verdict.is_stable
    assert verdict.n_atoms == verdict.n_stable_atoms == 9
    assert verdict.edm_smiles is not None
    assert verdict.ring_sizes == ()
    assert verdict.n_clashes == 0


def test_rings_are_symmetric() -> None:
    assert judge(*embed("C1CC2CC1CC2"), OPTIONS).ring_sizes == (5, 5)
    assert judge(*embed("C12C3C4C1C5C2C3C45"), OPTIONS).ring_sizes == (4,) * 6  # cubane: SSSR alone has five


def test_a_radical_fails_but_its_other_atoms_are_stable() -> None:
    verdict = judge(*without(ETHANOL, 8), OPTIONS)
    assert (verdict.smiles, verdict.failure) == (None, "radical")
    assert not verdict.is_stable
    assert verdict.n_stable_atoms == 7
    assert verdict.n_clashes is None


@pytest.mark.parametrize("molecule", [line((6, 0.0), (8, np.nan)), line((6, 0.0), (122, 1.2)), line((0, 0.0))])
def test_what_is_no_geometry_is_neither_stable_nor_valid(molecule: tuple[np.ndarray, np.ndarray]) -> None:
    verdict = judge(*molecule, OPTIONS)
    assert verdict.failure in {"bad_coordinates", "unknown_element"}
    assert (verdict.n_stable_atoms, verdict.edm_smiles) == (0, None)


def test_a_molecule_without_atoms() -> None:
    verdict = judge(np.zeros(0, int), np.zeros((0, 3)), OPTIONS)
    assert (verdict.failure, verdict.edm_smiles, verdict.is_stable) == ("empty", None, False)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_many_are_judged_as_one_is(workers: int) -> None:
    molecules = [ETHANOL, without(ETHANOL, 8), embed("c1ccccc1"), line((6, 0.0), (6, 9.0))] * 20
    expected = tuple(judge(*molecule, OPTIONS) for molecule in molecules)
    judgement = judge_all(iter(molecules), OPTIONS, workers=workers, progress=False)
    assert judgement.verdicts == expected
    assert judgement.tally.formulas == {"C2H6O": 20, "C6H6": 20}
    assert judgement.tally.groups["aliphatic hydroxyl groups"] == judgement.tally.groups["benzene rings"] == 20
    for row, smiles in enumerate(["CCO", None, "c1ccccc1", None]):
        bits = judgement.fingerprints.take(np.array([row])).bits
        assert bits.tolist() == ([] if smiles is None else np.flatnonzero(smiles_fingerprint(smiles)).tolist())


def test_no_molecules() -> None:
    judgement = judge_all([], OPTIONS)
    assert judgement == Judgement.empty()
    assert len(judgement.fingerprints) == 0


def test_a_molecule_that_hangs_or_kills_its_worker_is_judged_by_edm_alone() -> None:
    z, pos = ETHANOL
    hanging, deadly = (np.concatenate([[kind], z[1:]]) for kind in (HANGS, DIES))
    molecules = [ETHANOL, (hanging, pos), ETHANOL, (deadly, pos), ETHANOL]
    begin = time.monotonic()
    judgement = judge_all(molecules, ValidityOptions(timeout=1), workers=1, examine_one=examine_with_accidents)
    verdicts = judgement.verdicts
    assert time.monotonic() - begin < 20
    assert [verdict.failure for verdict in verdicts] == [None, "timeout", None, "crash", None]
    assert [verdict.n_atoms for verdict in verdicts] == [9] * 5
    assert verdicts[1].n_stable_atoms == len(z) - 5  # the carbon replaced, three hydrogens and its neighbour lack bonds
    assert verdicts[1].smiles is None
    assert judgement.tally.molecules == 3
    report = summarise(judgement, options=OPTIONS)
    assert (report.timeouts, report.to_json()["timeouts"]) == (1, 1)
    assert report.failures == {"timeout": 1, "crash": 1}


OXYGEN_WITH_FOUR_BONDS = (np.array([8, *[6] * 4, *[1] * 12]), embed("C[N+](C)(C)C")[1][[1, 0, *range(2, 17)]])
TWO_WATERS = np.concatenate([np.array(embed("O")[1]), np.array(embed("O")[1]) + 9])


@pytest.mark.parametrize(
    ("reason", "molecule"),
    [
        ("empty", (np.zeros(0, int), np.zeros((0, 3)))),
        ("bad_coordinates", line((1, 0.0), (1, np.inf))),
        ("bad_coordinates", line((6, 0.0), (8, 0.3))),
        ("unknown_element", line((0, 0.0), (1, 0.9))),
        ("disconnected", (np.tile(embed("O")[0], 2), TWO_WATERS)),
        ("bond_orders", OXYGEN_WITH_FOUR_BONDS),
        ("iterations", embed("c1ccc2ccccc2c1")),
        ("sanitisation", embed("C[N+](=O)[O-]")),
        ("radical", embed("[CH3]")),
        ("timeout", (np.array([HANGS, 1, 1]), embed("O")[1])),
        ("crash", (np.array([DIES, 1, 1]), embed("O")[1])),
    ],
)
def test_every_reason_why_a_molecule_is_not_valid(reason: str, molecule: Molecule) -> None:
    options = ValidityOptions(timeout=1, max_iterations=1 if reason == "iterations" else 10_000)
    judgement = judge_all([molecule], options, workers=1, examine_one=examine_with_accidents)
    assert [verdict.failure for verdict in judgement.verdicts] == [reason]
    assert summarise(judgement, options=options).failures == {reason: 1}


def test_what_was_never_finished_fails_as_unfinished() -> None:
    assert summarise(judgement_of([]), options=OPTIONS, requested=2).failures == {"unfinished": 2}


def test_molecules_are_taken_as_workers_need_them() -> None:
    """Whoever judges very many molecules need not hold them."""
    alive: list[weakref.ref] = []

    def made() -> Iterator[Molecule]:
        for number in range(600):
            z = ETHANOL[0].copy()
            alive.append(weakref.ref(z))
            if number % 50 == 0:
                assert sum(each() is not None for each in alive) <= 2 * 2 * CHUNK + CHUNK
            yield z, ETHANOL[1]

    assert len(judge_all(made(), OPTIONS, workers=2, progress=False).verdicts) == 600


def test_wrong_shapes_name_the_molecule() -> None:
    with pytest.raises(ValueError, match="molecule 1"):
        judge_all([ETHANOL, (np.array([1]), np.zeros((2, 3)))], OPTIONS, workers=0)


def test_a_timeout_must_be_positive() -> None:
    with pytest.raises(ValueError, match="timeout"):
        ValidityOptions(timeout=0)


L_ALANINE, D_ALANINE = "C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O"
# read from either end: the two centres of the meso compound have the same sign
MESO_TARTARIC = "O=C(O)[C@H](O)[C@H](O)C(=O)O"
L_TARTARIC, D_TARTARIC = "O=C(O)[C@H](O)[C@@H](O)C(=O)O", "O=C(O)[C@@H](O)[C@H](O)C(=O)O"
CIS, TRANS = "C/C=C\\C", "C/C=C/C"
CIS_RING = "C[C@H]1C[C@H]1C"


def names(smiles: Iterable[str], stereo: Stereo) -> list[str | None]:
    return [judge(*embed(each), ValidityOptions(stereo=stereo)).smiles for each in smiles]


@pytest.mark.parametrize(
    ("smiles", "kept", "no_enantiomers", "ignored"),
    [
        ([L_ALANINE, D_ALANINE], 2, 1, 1),
        ([L_TARTARIC, D_TARTARIC, MESO_TARTARIC], 3, 2, 1),
        ([CIS, TRANS], 2, 2, 1),
        (["C[C@H](O)/C=C/C", "C[C@@H](O)/C=C/C", "C[C@H](O)/C=C\\C"], 3, 2, 1),
        ([CIS_RING, "C[C@H]1C[C@@H]1C", "C[C@@H]1C[C@H]1C"], 3, 2, 1),
        (["CCO", "CCO"], 1, 1, 1),
    ],
)
def test_how_many_molecules_stereoisomers_are(smiles: list[str], kept: int, no_enantiomers: int, ignored: int) -> None:
    assert len(set(names(smiles, "keep"))) == kept
    assert len(set(names(smiles, "no_enantiomers"))) == no_enantiomers
    assert len(set(names(smiles, "ignore"))) == ignored


def test_of_mirror_images_the_smaller_name_stands() -> None:
    both = names([L_ALANINE, D_ALANINE], "keep")
    assert set(both) == {L_ALANINE, D_ALANINE}
    assert names([L_ALANINE, D_ALANINE], "no_enantiomers") == [min(L_ALANINE, D_ALANINE)] * 2
    assert names([L_ALANINE], "ignore") == ["CC(N)C(=O)O"]


@pytest.mark.parametrize("smiles", [CIS, TRANS, MESO_TARTARIC, "CCO", "c1ccccc1", CIS_RING])
def test_what_is_its_own_mirror_image_keeps_its_name(smiles: str) -> None:
    assert names([smiles], "no_enantiomers") == names([smiles], "keep")


def test_a_geometry_and_its_reflection_are_mirror_images() -> None:
    z, pos = embed("C[C@H](O)[C@@H](F)C#N")
    reflected = pos * [1, -1, 1]
    for stereo, number in (("keep", 2), ("no_enantiomers", 1)):
        options = ValidityOptions(stereo=stereo)
        assert len({judge(z, pos, options).smiles, judge(z, reflected, options).smiles}) == number


@pytest.mark.parametrize("stereo", [True, False, "no", None])
def test_stereo_is_one_of_three(stereo: Any) -> None:
    with pytest.raises(ValueError, match="keep, no_enantiomers, ignore"):
        ValidityOptions(stereo=stereo)


def test_the_callers_arrays_are_not_changed() -> None:
    z, pos = (array.copy() for array in ETHANOL)
    z.flags.writeable = pos.flags.writeable = False
    examine((z.astype(np.uint8), pos.astype(np.float32)), OPTIONS)
    judge(z, pos, OPTIONS)
