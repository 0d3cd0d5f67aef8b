from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from gschnet_pyg.contracts import FunctionalGroup, Rate, ValidityReport, Verdict
from gschnet_pyg.validity.checks import ValidityOptions
from gschnet_pyg.validity.judging import judge_all
from gschnet_pyg.validity.metrics import summarise
from gschnet_pyg.validity.reference import Reference
from gschnet_pyg.validity.report import render, save_report
from tests.validity.judgements import judgement_of
from tests.validity.molecules import embed

OPTIONS = ValidityOptions()


def valid(smiles: str, formula: str = "CH4", **fields: object) -> Verdict:
    verdict = Verdict(formula, smiles, None, 5, 5, smiles, n_clashes=0)
    return replace(verdict, **fields)  # type: ignore[arg-type]


BROKEN = Verdict("CH3", None, "radical", 4, 3, "[CH3]")
JUDGEMENT = judgement_of(
    [valid("C"), valid("C"), valid("CC"), valid("CCC", n_clashes=2), BROKEN, replace(BROKEN, failure="timeout")]
)


@pytest.fixture
def reference() -> Reference:
    """Ethane was trained on, propane kept for the test."""
    return Reference.of(judgement_of([valid("CC"), valid("CCC"), BROKEN]), OPTIONS).with_seen([0, 2])


@pytest.fixture
def report(reference: Reference) -> ValidityReport:
    return summarise(JUDGEMENT, options=OPTIONS, requested=10, reference=reference)


def test_rates_are_over_requested_molecules(report: ValidityReport) -> None:
    assert report.rdkit == {
        "valid": Rate(4, 10), "valid_unique": Rate(3, 10), "unseen": Rate(2, 10), "novel": Rate(1, 10),
    }  # fmt: skip
    assert report.edm == {
        "atom_stable": Rate(26, 28), "molecule_stable": Rate(4, 10), "valid": Rate(6, 10), "valid_unique": Rate(4, 10),
    }  # fmt: skip


def test_failures_and_valid_molecules_add_up(report: ValidityReport) -> None:
    assert report.failures == {"unfinished": 4, "radical": 1, "timeout": 1}
    assert report.timeouts == 1
    assert sum(report.failures.values()) + report.rdkit["valid"].count == report.requested  # type: ignore[union-attr]


def test_clashes_are_counted_in_molecules(report: ValidityReport) -> None:
    assert (report.geometry.clashes, report.geometry.reference_clashes) == (Rate(1, 4), Rate(0, 2))


def test_the_most_frequent_molecules(report: ValidityReport) -> None:
    assert [(each.smiles, each.count, each.reference) for each in report.chemistry.frequent] == [
        ("C", 2, 0), ("CC", 1, 1), ("CCC", 1, 1),
    ]  # fmt: skip
    alone = summarise(JUDGEMENT, options=OPTIONS).chemistry
    assert [each.reference for each in alone.frequent] == [None] * 3
    assert alone.similarity is None


def test_a_plain_file_requested_what_it_holds() -> None:
    report = summarise(JUDGEMENT, options=OPTIONS)
    assert report.requested == report.finished == 6
    assert "unfinished" not in report.failures
    assert report.rdkit["unseen"] is None
    assert report.rdkit["novel"] is None


def test_without_a_split_all_of_the_reference_counts_as_seen(reference: Reference) -> None:
    report = summarise(JUDGEMENT, options=OPTIONS, reference=replace(reference, seen=None))
    assert report.rdkit["unseen"] == report.rdkit["novel"] == Rate(1, 6)


def test_nothing_finished() -> None:
    report = summarise(judgement_of([]), options=OPTIONS, requested=5)
    assert report.rdkit["valid"] == Rate(0, 5)
    assert report.edm["atom_stable"].value == 0
    assert report.failures == {"unfinished": 5}
    assert "0/5" in printed(report)


def test_counts_that_contradict_are_refused(reference: Reference) -> None:
    with pytest.raises(ValueError, match="only 3 were requested"):
        summarise(JUDGEMENT, options=OPTIONS, requested=3)
    with pytest.raises(ValueError, match="other options"):
        summarise(JUDGEMENT, options=ValidityOptions(stereo="ignore"), reference=reference)


def test_the_json_has_the_agreed_form(report: ValidityReport, tmp_path: Path) -> None:
    path = tmp_path / "new" / "report.json"
    save_report(report, path)
    content = json.loads(path.read_text())
    assert content == report.to_json()
    assert content["format"] == 1
    assert (content["requested"], content["finished"]) == (10, 6)
    assert content["rdkit"]["valid"] == {"value": 0.4, "count": 4, "of": 10}
    assert content["rdkit"]["failures"] == {"unfinished": 4, "radical": 1, "timeout": 1}
    assert set(content["edm"]) == {"atom_stable", "molecule_stable", "valid", "valid_unique"}
    assert {"charges", "charged_fragments", "radicals", "max_iterations", "stereo", "timeout", "rdkit"} == set(
        content["options"]
    )
    assert [verdict["smiles"] for verdict in content["verdicts"]] == ["C", "C", "CC", "CCC", None, None]
    assert list(path.parent.iterdir()) == [path]
    assert json.loads(json.dumps(summarise(JUDGEMENT, options=OPTIONS).to_json()))["rdkit"]["novel"] is None


def printed(report: ValidityReport) -> str:
    file = io.StringIO()
    Console(file=file, width=80).print(render(report))
    return file.getvalue()


def test_the_table_shows_every_denominator_and_the_options(report: ValidityReport) -> None:
    text = printed(report)
    for part in (
        *("10 molecules requested, 6 finished", "40.0 %  4/10", "66.7 %  4/6", "10.0 %  1/10", "unfinished", "radical"),
        *("68.1", "QM9 itself (published)", "stereo keep", "timeout 5.0", "3 molecules", "2 in training"),
    ):
        assert part in text
    assert "\x1b" not in text
    assert "…" not in text
    assert max(len(line) for line in text.splitlines()) <= 80


def test_only_reasons_that_occur_are_printed() -> None:
    within_time = judgement_of([valid("C"), BROKEN])
    assert "timeout  " not in printed(summarise(within_time, options=OPTIONS))
    assert summarise(within_time, options=OPTIONS).to_json()["timeouts"] == 0
    assert "timeout  " in printed(summarise(JUDGEMENT, options=OPTIONS))


def test_the_table_without_a_reference() -> None:
    text = printed(summarise(JUDGEMENT, options=OPTIONS))
    assert "no reference" in text
    assert "unfinished" not in text
    assert "radicals no" in text


def test_functional_groups_stand_in_the_order_of_their_number() -> None:
    molecules = [embed(smiles) for smiles in ("CO", "CCO", "CN", "CC=O")]
    judged = judge_all(molecules, OPTIONS, workers=0, progress=False)
    known = Reference.of(judge_all(molecules[2:], OPTIONS, workers=0, progress=False), OPTIONS)
    groups = summarise(judged, options=OPTIONS, requested=4, reference=known).chemistry.functional_groups
    assert next(iter(groups)) == "aliphatic hydroxyl groups"
    assert groups["aliphatic hydroxyl groups"] == FunctionalGroup(Rate(2, 4), Rate(0, 2))
    assert groups["primary amines"] == FunctionalGroup(Rate(1, 4), Rate(1, 2))
    counts = [(group.molecules.count, group.reference.count, name) for name, group in groups.items()]
    assert counts == sorted(counts, key=lambda each: (-each[0], -each[1], each[2]))
