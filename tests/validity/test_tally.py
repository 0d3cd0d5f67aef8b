from __future__ import annotations

import json

import pytest

from gschnet_pyg.contracts import Verdict
from gschnet_pyg.validity import tally as module
from gschnet_pyg.validity.checks import Molecule, ValidityOptions, examine
from gschnet_pyg.validity.judging import judge_all
from gschnet_pyg.validity.tally import Tally
from tests.validity.molecules import embed, without

MOLECULES = [*map(embed, ("CCO", "c1ccccc1O", "CC(=O)N", "C1CC1C#N", "CCO")), without(embed("C"), 4)]


def tally(molecules: list[Molecule]) -> Tally:
    return judge_all(molecules, ValidityOptions(), workers=0, progress=False).tally


def test_the_order_of_the_molecules_does_not_matter() -> None:
    assert tally(MOLECULES[::-1]) == tally(MOLECULES) != tally(MOLECULES[1:])


@pytest.mark.parametrize("molecules", [MOLECULES, []])
def test_what_is_kept_is_the_same(molecules: list[Molecule]) -> None:
    before = tally(molecules)
    after = Tally.from_json(json.loads(json.dumps(before.to_json())))
    assert after == before
    assert (after.molecules, after.atom_types, after.geometry) == (before.molecules, before.atom_types, before.geometry)


def test_counts_do_not_depend_on_how_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = tally(MOLECULES)
    monkeypatch.setattr(module, "_ROOM", 100)
    assert tally(MOLECULES) == expected


def test_codes_take_bounded_room() -> None:
    contents = examine(embed("CCO"), ValidityOptions()).contents
    assert contents is not None
    many = Tally()
    verdict = Verdict("C2H6O", "CCO", None, 9, 9, "CCO", n_clashes=1)
    for _ in range(10_000):
        many.add(verdict, contents)
        assert many._n_waiting <= module._ROOM + len(contents.pos)
    assert len(many._codes) < 50
    assert sum(many.geometry["bond_lengths"]["C-H"].values()) == 50_000
    assert (many.clashing, many.molecules) == (10_000, 10_000)


def test_what_is_not_valid_is_passed_over() -> None:
    empty = Tally()
    empty.add(Verdict("CH3", None, "radical", 4, 3, "[CH3]"), None)
    assert empty == Tally()


def test_what_was_not_kept_by_a_tally_is_refused() -> None:
    content = tally(MOLECULES).to_json()
    with pytest.raises(KeyError):
        Tally.from_json({key: content[key] for key in content if key != "groups"})
    codes, counts = content["geometry"]
    with pytest.raises(ValueError, match="not equally many"):
        Tally.from_json({**content, "geometry": [codes, counts[1:]]})
