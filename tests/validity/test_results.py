from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest

from gschnet_pyg.contracts import Verdict
from gschnet_pyg.data.arrays import MoleculeArrays
from gschnet_pyg.validity import checks
from gschnet_pyg.validity.checks import ValidityOptions
from gschnet_pyg.validity.judging import judge, judge_all
from gschnet_pyg.validity.results import load_verdicts, results_file, save_verdicts, verdict_key
from tests.validity.molecules import HANGS, embed, examine_with_accidents, without

OPTIONS = ValidityOptions()
VERDICTS = [judge(*molecule, OPTIONS) for molecule in (embed("c1ccccc1O"), without(embed("C"), 4), embed("C"))]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


@pytest.fixture
def water() -> MoleculeArrays:
    z, pos = embed("O")
    return MoleculeArrays(z.astype(np.uint8), pos, np.array([0, 3]), np.array([1]), {}, "a.db")


def test_what_was_judged_is_known(path: Path) -> None:
    save_verdicts(path, "key", VERDICTS)
    assert load_verdicts(path, "key") == VERDICTS
    assert [entry.name for entry in path.parent.iterdir()] == ["a.db.verdicts.json"]


def test_no_molecules_are_a_result_too(path: Path) -> None:
    assert load_verdicts(path, "key") is None
    save_verdicts(path, "key", [])
    assert load_verdicts(path, "key") == []


def test_molecules_that_took_too_long_stay_so(path: Path) -> None:
    z, pos = embed("C")
    hanging = (np.array([HANGS, *z[1:]]), pos)
    verdicts = judge_all([hanging], ValidityOptions(timeout=0.5), workers=1, examine_one=examine_with_accidents)
    save_verdicts(path, "key", [*verdicts, replace(verdicts[0], failure="crash")])
    found = load_verdicts(path, "key")
    assert found is not None
    assert [verdict.failure for verdict in found] == ["timeout", "crash"]


def test_another_key_is_judged_anew(path: Path) -> None:
    save_verdicts(path, "key", VERDICTS)
    assert load_verdicts(path, "other") is None
    save_verdicts(path, "other", VERDICTS[:1])
    assert load_verdicts(path, "other") == VERDICTS[:1]


def test_all_that_decides_is_in_the_key(water: MoleculeArrays, monkeypatch: pytest.MonkeyPatch) -> None:
    def key(arrays: MoleculeArrays = water, options: ValidityOptions = OPTIONS) -> str:
        return verdict_key(arrays.hash_content(), options)

    assert key() == key(replace(water, pos=water.pos.copy(), properties={}, source="b.db"), ValidityOptions())
    keys = [
        key(),
        key(replace(water, pos=water.pos + 1e-6)),
        key(replace(water, z=np.array([16, 1, 1], dtype=np.uint8))),
        key(options=ValidityOptions(stereo="ignore")),
        key(options=ValidityOptions(radicals=True)),
        key(options=ValidityOptions(timeout=9)),
    ]
    monkeypatch.setattr(checks.rdkit, "__version__", "1900.01.1")
    assert len({*keys, key()}) == 7


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"key": "key"}', '{"key": "key", "verdicts": {"smiles": ["C"]}}', "\0\1"]
)
def test_damaged_results_are_made_again(path: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    results_file(path).write_text(text)
    with caplog.at_level(logging.WARNING):
        assert load_verdicts(path, "key") is None
    assert "a.db.verdicts.json: damaged results" in caplog.text


def test_columns_of_different_length_are_damage(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    save_verdicts(path, "key", VERDICTS)
    file = results_file(path)
    file.write_text(file.read_text().replace('"smiles":["Oc1ccccc1",', '"smiles":['))
    assert load_verdicts(path, "key") is None
    assert "damaged results" in caplog.text


def test_where_nothing_can_be_written_nothing_is_kept(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    results_file(path).mkdir()  # as good as a folder without permission, even for root
    with caplog.at_level(logging.INFO):
        save_verdicts(path, "key", VERDICTS)
    assert "not written" in caplog.text
    assert load_verdicts(path, "key") is None
    assert len(list(path.parent.iterdir())) == 1


def test_ten_thousand_verdicts_load_in_a_moment(path: Path) -> None:
    verdict = Verdict("C9H16", "CC1CCCC1CCC", None, 25, 25, "C", (5,), {"C-C": (1.53,) * 9, "C-H": (1.09,) * 16})
    save_verdicts(path, "key", [verdict] * 10_000)
    start = perf_counter()
    assert load_verdicts(path, "key") == [verdict] * 10_000
    assert perf_counter() - start < 5  # 0.3 s on an idle core
