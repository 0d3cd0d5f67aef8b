from __future__ import annotations

import gzip
import json
import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gschnet_pyg.contracts import Rate
from gschnet_pyg.errors import DataError
from gschnet_pyg.page import records as page_records
from gschnet_pyg.page import viewer
from gschnet_pyg.page.records import sampled_rows
from gschnet_pyg.page.words import FAILURES, interval, percent
from gschnet_pyg.page.writing import PageEntry, write_page
from gschnet_pyg.workers.pool import Lost
from tests.page.reports import SMILES, entry, molecules

HOSTILE = '<script>alert("x")</script> & $x^2$'
VOID = {"wbr", "meta", "input", "br", "link", "img", "hr"}


class Structure(HTMLParser):
    """Ids, references to other files, text that is read, and whether every element is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.loaded: list[str] = []
        self.anchors: list[str] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "srcset", "data", "action", "poster") or (name == "href" and tag in ("link", "image")):
                self.loaded.append(value or "")
            if name in ("href", "xlink:href"):
                self.anchors.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())  # unbreakable spaces too


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def page_of(path: Path, *entries: PageEntry, **more: Any) -> str:
    write_page(path / "report.html", entries, workers=1, progress=False, **more)
    return (path / "report.html").read_text(encoding="utf-8")


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'id="data">([^<]*)<', page)
    assert found is not None
    content: dict[str, Any] = json.loads(gzip.decompress(b64decode(found[1])))
    return content


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> str:
    return page_of(tmp_path_factory.mktemp("page"), entry())


def test_the_page_is_whole_and_loads_nothing(full: str) -> None:
    found = Structure(full)
    assert found.open == []
    assert len(found.ids) == len(set(found.ids))
    assert found.loaded == []
    assert all(anchor.removeprefix("#") in found.ids for anchor in found.anchors)
    assert all(url.startswith("url(#") for url in re.findall(r"url\([^)]*", full))
    assert "@import" not in full


def test_shares_have_counts_and_intervals(full: str) -> None:
    words = Structure(full).words
    for rate in (Rate(11, 18), Rate(10, 18), Rate(8, 18)):  # valid, unique, and neither of the two that are known
        assert f"{percent(rate.value)} % {rate.count}/{rate.of} requested 95 %: {plain(interval(rate))}" in words
    assert f"16 finished: {percent(11 / 16)} %" in words
    assert "abandoned attempt 11.1 % 2" in words


def test_what_is_there_has_a_section(full: str) -> None:
    words = Structure(full).words
    for said in (
        "Why not valid", "GeoBFN 99.1 90.9 95.3 93.0", "Bond lengths", "Strain by MMFF94", "Distance from the origin",
        "PoseBusters 0.6.5", "Functional groups", "Similarity to the nearest training molecule",
        "Most frequent molecules", "gap: asked and reached", "name an ASE calculator", "temperature: 0.1",
        "Options in force", "3Dmol.js",
    ):  # fmt: skip
        assert said in words


def test_what_is_not_there_has_none(tmp_path: Path) -> None:
    words = Structure(page_of(tmp_path, entry(compared=False, full=False))).words
    for said in (
        "Strain",
        "PoseBusters",
        "Functional groups",
        "Targets",
        "How the molecules were made",
        "reference, %",
    ):
        assert said not in words
    assert "no reference to tell" in words


def test_licences_can_be_read(full: str) -> None:
    words = Structure(full).words
    assert "Redistribution and use in source and binary forms" in words
    assert "3dmol v2" in words


def test_names_and_reasons_are_text(tmp_path: Path) -> None:
    plain = entry(HOSTILE)
    verdicts = tuple(replace(each, failure=HOSTILE if each.failure else None) for each in plain.report.verdicts)
    gap, *others = plain.report.targets
    hostile = replace(
        plain,
        report=replace(
            plain.report,
            verdicts=verdicts,
            failures={HOSTILE: 3},
            options={**plain.report.options, HOSTILE: HOSTILE},
            source={"file": HOSTILE, "recipe": {HOSTILE: [HOSTILE]}},
            targets=(replace(gap, name=HOSTILE, unit=HOSTILE), *others),
        ),
    )
    page = page_of(tmp_path, hostile, replace(hostile, name=HOSTILE + "2"), title=HOSTILE)
    found = Structure(page)
    assert found.open == []
    assert "<script>alert" not in page
    assert found.words.count('<script>alert("x")</script>') > 10
    assert page.count("<script") == 3


def test_every_molecule_has_a_record(full: str) -> None:
    (records,) = data_of(full)["molecules"]
    assert [record["number"] for record in records] == list(range(1, len(molecules()) + 1))
    first = records[0]
    assert (first["smiles"], first["strain"], first["nearest"]) == (
        "CCO",
        [3.5, 0.1, "kcal/mol", "MMFF94"],
        [0.75, "CCCO"],
    )
    assert first["targets"] == [["gap", "eV", 4.0, 4.0], ["composition", "", "C2H6O", "C2H6O"]]
    assert (first["unique"], first["unseen"], records[2]["novel"]) == (True, False, True)
    assert records[len(SMILES)]["reason"] == FAILURES["radical"]
    assert "svg" not in records[-1]
    assert "CCCO" in data_of(full)["others"]


def test_a_drawing_that_hangs_costs_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def with_a_loss(function: Any, items: list[Any], **more: Any) -> Iterator[Any]:
        return (Lost.TIMEOUT if row == 1 else function(item) for row, item in enumerate(items))

    monkeypatch.setattr(page_records, "map_in_workers", with_a_loss)
    (records,) = data_of(page_of(tmp_path, entry()))["molecules"]
    assert [record["number"] for record in records if "svg" not in record] == [2, 15, 16]
    assert "svg" in records[2]


def test_large_files_are_sampled(tmp_path: Path) -> None:
    page = page_of(tmp_path, entry(), gallery=5, seed=3)
    assert "5 of 16 molecules, sampled" in Structure(page).words
    numbers = [record["number"] for record in data_of(page)["molecules"][0]]
    assert numbers == (sampled_rows([16], 5, 3)[0] + 1).tolist()
    assert numbers == sorted(set(numbers))


def test_samples_follow_their_seed() -> None:
    first, again, other = (sampled_rows([500, 40, 900], 300, seed) for seed in (1, 1, 2))
    assert [len(rows) for rows in first] == [100, 40, 100]
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[2], other[2])


def test_several_files_are_compared(tmp_path: Path) -> None:
    page = page_of(tmp_path, entry("cold.db"), entry("warm.db", compared=False, full=False))
    found = Structure(page)
    assert found.open == []
    assert len(found.ids) == len(set(found.ids))
    assert found.words.count("11/18") > 4
    assert data_of(page)["files"] == ["cold.db", "warm.db"]
    assert "2 files compared" in found.words
    assert "Headline numbers" in found.words
    assert "file temperature valid, %" in found.words  # the setting in which they differ
    assert "cold.db 0.1 " in found.words


def test_files_without_molecules_have_a_page(tmp_path: Path) -> None:
    found = entry(full=False, compared=False)
    nothing = replace(
        found.report, finished=0, requested=3, verdicts=(), failures={"unfinished": 3},
        rdkit={"valid": Rate(0, 3), "valid_unique": Rate(0, 3), "unseen": None, "novel": None},
        edm={name: Rate(0, 0 if name == "atom_stable" else 3) for name in found.report.edm},
        distributions=replace(found.report.distributions, molecules=0),
    )  # fmt: skip
    page = page_of(tmp_path, PageEntry("empty.db", nothing, (), found.classes))
    assert "All 0 finished molecules" in Structure(page).words
    assert data_of(page)["molecules"] == [[]]


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one"):
        write_page(tmp_path / "report.html", [])
    found = entry()
    with pytest.raises(ValueError, match=r"first\.db: 2 molecules, 16 verdicts"):
        write_page(tmp_path / "report.html", [replace(found, molecules=found.molecules[:2])])
    assert not list(tmp_path.iterdir())


def test_a_missing_viewer_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(viewer, "_PACKAGE", "no-such-package")
    viewer.load_viewer.cache_clear()
    with pytest.raises(DataError, match="pip install"):
        write_page(tmp_path / "report.html", [entry()], progress=False)
