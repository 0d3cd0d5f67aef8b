from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gschnet_pyg.data.arrays import MoleculeArrays
from gschnet_pyg.untrusted import sealed, unsealed
from gschnet_pyg.validity import checks, geometry
from gschnet_pyg.validity.checks import ValidityOptions
from gschnet_pyg.validity.judging import Judgement, judge_all
from gschnet_pyg.validity.results import judgement_key, load_judgement, results_file, save_judgement
from tests.validity.molecules import DIES, HANGS, embed, examine_with_accidents, without

OPTIONS = ValidityOptions()
MOLECULES = (embed("c1ccccc1O"), without(embed("C"), 4), embed("C"))
JUDGEMENT = judge_all(MOLECULES, OPTIONS, workers=0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


@pytest.fixture
def water() -> MoleculeArrays:
    z, pos = embed("O")
    return MoleculeArrays(z.astype(np.uint8), pos, np.array([0, 3]), np.array([1]), {}, "a.db")


def test_what_was_judged_is_known(path: Path) -> None:
    save_judgement(path, "key", JUDGEMENT)
    assert load_judgement(path, "key") == JUDGEMENT
    assert [entry.name for entry in path.parent.iterdir()] == ["a.db.verdicts.json"]


def test_no_molecules_are_a_result_too(path: Path) -> None:
    assert load_judgement(path, "key") is None
    save_judgement(path, "key", Judgement.empty())
    assert load_judgement(path, "key") == Judgement.empty()


def test_molecules_that_took_too_long_stay_so(path: Path) -> None:
    z, pos = embed("C")
    hanging = (np.array([HANGS, *z[1:]]), pos)
    dying = (np.array([DIES, *z[1:]]), pos)
    judged = judge_all([hanging, dying], ValidityOptions(timeout=0.5), workers=1, examine_one=examine_with_accidents)
    save_judgement(path, "key", judged)
    found = load_judgement(path, "key")
    assert found == judged
    assert [verdict.failure for verdict in found.verdicts] == ["timeout", "crash"]


def test_another_key_is_judged_anew(path: Path) -> None:
    save_judgement(path, "key", JUDGEMENT)
    assert load_judgement(path, "other") is None
    save_judgement(path, "other", Judgement.empty())
    assert load_judgement(path, "other") == Judgement.empty()


def test_all_that_decides_is_in_the_key(water: MoleculeArrays, monkeypatch: pytest.MonkeyPatch) -> None:
    def key(arrays: MoleculeArrays = water, options: ValidityOptions = OPTIONS) -> str:
        return judgement_key(arrays.hash_content(), options)

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
    keys.append(key())
    monkeypatch.setattr(geometry, "CLASH_FACTOR", 0.7)
    keys.append(key())
    monkeypatch.setattr(geometry, "KINDS", [replace(kind, bin_width=0.5) for kind in geometry.KINDS])
    assert len({*keys, key()}) == 9


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"key": "key"}', '{"key": "key", "verdicts": {"smiles": ["C"]}}', "\0\1"]
)
def test_damaged_results_are_made_again(path: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    results_file(path).write_text(text)
    with caplog.at_level(logging.WARNING):
        assert load_judgement(path, "key") is None
    assert "a.db.verdicts.json: damaged results" in caplog.text


def test_columns_of_different_length_are_damage(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    save_judgement(path, "key", JUDGEMENT)
    file = results_file(path)
    file.write_text(file.read_text().replace('"smiles":["Oc1ccccc1",', '"smiles":['))
    assert load_judgement(path, "key") is None
    assert "damaged results" in caplog.text


def test_where_nothing_can_be_written_nothing_is_kept(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    results_file(path).mkdir()  # as good as a folder without permission, even for root
    with caplog.at_level(logging.INFO):
        save_judgement(path, "key", JUDGEMENT)
    assert "not written" in caplog.text
    assert load_judgement(path, "key") is None
    assert len(list(path.parent.iterdir())) == 1


@pytest.mark.parametrize("part", ["tally", "fingerprints"])
def test_parts_that_are_missing_or_do_not_fit_are_damage(
    path: Path, part: str, caplog: pytest.LogCaptureFixture
) -> None:
    other = judge_all(MOLECULES * 2, OPTIONS, workers=0)
    for name, judgement in (("key", JUDGEMENT), ("other", other)):
        save_judgement(path.with_name(name), "key", judgement)
    content, wrong = (unsealed(results_file(path.with_name(name)).read_text()) for name in ("key", "other"))
    for spoilt in ({**content, part: wrong[part]}, {key: content[key] for key in content if key != part}):
        results_file(path).write_text("".join(sealed(spoilt)))
        assert load_judgement(path, "key") is None
    assert caplog.text.count("damaged results") == 2
