"""The site builds without a warning, asks nobody for anything, and its links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urlsplit

import pytest

from tests.docs.pages import REPOSITORY

LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href", "video": "src"}


class _Page(HTMLParser):
    """What a page loads, what it links, and the names of its parts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        self.names.update(values[name] for name in ("id", "name") if name in values)
        if tag in LOADED and values.get("rel") not in ("canonical", "prev", "next", "alternate"):
            self.loaded.append(values.get(LOADED[tag], ""))
        if tag == "a" and "href" in values:
            self.links.append(values["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(REPOSITORY)}
    built = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert (built.returncode, built.stdout + built.stderr) == (0, "")
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, _Page]:
    return {path: _Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}


def test_pages_load_nothing_from_elsewhere(site: Path, pages: dict[Path, _Page]) -> None:
    assert len(pages) > 30
    for path, page in pages.items():
        assert [target for target in page.loaded if urlsplit(target).netloc] == [], path
    for path in site.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        assert re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", text) == [], path


def test_links_lead_to_pages_and_parts_that_exist(site: Path, pages: dict[Path, _Page]) -> None:
    for path, page in pages.items():
        for link in [*page.links, *page.loaded]:
            address, part = urldefrag(link)
            if urlsplit(address).scheme or path.name == "404.html":
                continue
            target = (path.parent / unquote(address)).resolve() if address else path
            target = target / "index.html" if target.is_dir() else target
            assert target.is_file(), f"{path.relative_to(site)}: {link}"
            if part and target in pages and not part.startswith("__"):
                assert unquote(part) in pages[target].names, f"{path.relative_to(site)}: {link}"


def test_every_page_is_reached_from_the_first(site: Path, pages: dict[Path, _Page]) -> None:
    first = site / "index.html"
    linked = {(first.parent / unquote(urldefrag(link)[0])).resolve() for link in pages[first].links} | {first}
    assert {path for path in pages if path.name != "404.html"} <= linked


def test_no_formula_is_left_as_text(pages: dict[Path, _Page]) -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in pages}
    assert [path for path, text in texts.items() if "arithmatex" in text] == []
    assert sum("<math" in text for text in texts.values()) >= 4


def test_search_works_in_pages_that_are_opened_as_files(start: Any, site: Path, tmp_path: Path) -> None:
    """Without a request to any other machine."""
    context = start(tmp_path / "profile", viewport={"width": 1280, "height": 900})
    try:
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto((site / "index.html").as_uri())
        page.click("input.md-search__input")
        page.keyboard.type("covalent", delay=20)
        page.wait_for_selector(".md-search-result__item", timeout=60_000)
        assert [url for url in asked if not url.startswith(("file:", "data:", "about:", "blob:"))] == []
    finally:
        context.close()
