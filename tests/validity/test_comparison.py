"""What distinguishes files that are compared, and where the comparison goes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gschnet_pyg.contracts import ValidityReport
from gschnet_pyg.errors import DataError
from gschnet_pyg.validity.checks import ValidityOptions
from gschnet_pyg.validity.comparison import differing_settings, setting_text
from gschnet_pyg.validity.metrics import summarise
from gschnet_pyg.validity.report import load_report, save_comparison, save_report
from tests.validity.judgements import judgement_of


def report(**generation: object) -> ValidityReport:
    found = summarise(judgement_of([]), options=ValidityOptions(), requested=3, reference=None)
    return replace(found, source={"generation": generation} if generation else {})


def test_settings_that_are_not_the_same_for_all() -> None:
    reports = [report(temperature=0.1, seed=1), report(temperature=0.1, seed=2), report(temperature=0.1, seed=1)]
    assert differing_settings(reports) == ["seed"]
    assert differing_settings(reports[::2]) == differing_settings([]) == differing_settings([report()]) == []


def test_a_setting_that_only_one_file_states_differs() -> None:
    reports = [report(), report(temperature=0.1)]
    assert differing_settings(reports) == ["temperature"]
    assert [setting_text(each, "temperature") for each in reports] == ["", "0.1"]


def test_a_comparison_holds_every_report_by_its_name(tmp_path: Path) -> None:
    reports = {"a.db": report(seed=1), "b.db": replace(report(seed=2), requested=5)}
    save_comparison(reports, tmp_path / "both.json")
    found = json.loads((tmp_path / "both.json").read_text())
    assert found["format"] == 1
    assert {name: each["requested"] for name, each in found["reports"].items()} == {"a.db": 3, "b.db": 5}


def test_a_report_of_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    save_report(report(seed=1), path)
    assert load_report(path) == report(seed=1)
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 2}))
    with pytest.raises(DataError, match=r"report\.json: a report of format 2; this version reads 1"):
        load_report(path)
    with pytest.raises(DataError, match=r"none\.json: cannot be read \(No such file or directory\)"):
        load_report(tmp_path / "none.json")
    path.write_text("{}")
    with pytest.raises(DataError, match=r"report\.json: holds no report \('format'\); write one with --json"):
        load_report(path)
