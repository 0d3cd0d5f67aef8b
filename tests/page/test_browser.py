"""The page in a browser: opened from a file, without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rdkit import Chem

from gschnet_pyg.page.frames import view_molecules
from gschnet_pyg.page.writing import write_page
from tests.molecules import coordinates
from tests.page.reports import SMILES, entry, molecules

PATIENCE = 60_000  # milliseconds; machines may be busy

Opened = Callable[..., Any]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One file, and two."""
    folder = tmp_path_factory.mktemp("pages")
    one, two = folder / "one.html", folder / "two.html"
    write_page(one, [entry()], workers=1, progress=False)
    write_page(two, [entry("cold.db"), entry("warm.db", compared=False, full=False)], workers=1, progress=False)
    return one, two


@pytest.fixture
def opened(start: Any, tmp_path: Path) -> Iterator[Opened]:
    """Opens a page; at the end, nothing but the page has been asked for and nothing has gone wrong in it."""
    contexts: list[Any] = []
    asked: list[str] = []
    wrong: list[str] = []
    pages: list[Path] = []

    def open_page(path: Path, *, width: int = 1280, patient: bool = True, **more: Any) -> Any:
        context = start(tmp_path / f"profile-{len(contexts)}", viewport={"width": width, "height": 900}, **more)
        contexts.append(context)
        pages.append(path)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(path.as_uri())
        if patient:
            page.wait_for_selector(".card")
        return page

    try:
        yield open_page
        # a download is a blob of the page's own
        assert {url for url in asked if not url.startswith("blob:")} == {path.as_uri() for path in pages}
        assert wrong == []
    finally:
        for context in contexts:
            context.close()


def numbers(page: Any) -> list[int]:
    return [int(card.get_attribute("data-number")) for card in page.query_selector_all(".card")]


def chip_count(page: Any, name: str) -> int:
    return int(page.locator(f'[data-chip="{name}"] b').inner_text())


def is_wider_than_the_window(page: Any) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


def test_it_renders(opened: Opened, pages: tuple[Path, Path]) -> None:
    page = opened(pages[0])
    assert page.locator("h1").inner_text() == "first.db"
    assert len(numbers(page)) == len(molecules())
    assert page.locator(".headlines li").count() == 6
    assert all(box.bounding_box()["height"] > 40 for box in page.locator(".figure svg").all())
    assert page.locator(".card .drawing svg").count() == len(SMILES) + 3
    assert not is_wider_than_the_window(page)


def test_filters(opened: Opened, pages: tuple[Path, Path]) -> None:
    page = opened(pages[0])
    for name, expected in (("valid", len(SMILES)), ("invalid", 5), ("radical", 1), ("bad_coordinates", 2), ("all", 16)):
        assert chip_count(page, name) == expected
        page.click(f'[data-chip="{name}"]')
        assert len(numbers(page)) == expected
    page.click('[data-chip="novel"]')
    assert len(numbers(page)) == chip_count(page, "novel") == len(set(SMILES)) - 2
    page.click('[data-chip="novel"]')
    page.fill("#search", "CCO")
    assert [n for n in numbers(page) if n <= len(SMILES)] == [1, len(SMILES)]
    page.fill("#search", "no such molecule")
    assert numbers(page) == []
    assert page.locator("#download").is_disabled()


def test_sorting(opened: Opened, pages: tuple[Path, Path]) -> None:
    page = opened(pages[0])
    page.select_option("#sort", "atoms")
    sizes = [len(molecules()[number - 1][0]) for number in numbers(page)]
    assert sizes == sorted(sizes)
    page.click("#direction")
    sizes = [len(molecules()[number - 1][0]) for number in numbers(page)]
    assert sizes == sorted(sizes, reverse=True)
    page.select_option("#sort", "strain")
    assert numbers(page)[:2] == [2, 1]  # the only ones that were relaxed; the others follow in either direction
    page.click("#direction")
    assert numbers(page)[:2] == [1, 2]


def test_a_molecule_rotates(opened: Opened, pages: tuple[Path, Path]) -> None:
    page = opened(pages[0])
    page.click('.card[data-number="4"] .open')
    canvas = page.wait_for_selector("#stage canvas")
    page.wait_for_selector("#stage-note", state="hidden")
    box = canvas.bounding_box()
    before = page.screenshot(clip=box)
    assert page.screenshot(clip=box) == before
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 80, y + 40, steps=5)
    page.mouse.up()
    page.wait_for_timeout(300)
    assert page.screenshot(clip=box) != before
    assert "C[C@H](N)C(=O)O" in page.inner_text("#facts")


def test_keys_go_from_molecule_to_molecule(opened: Opened, pages: tuple[Path, Path]) -> None:
    page = opened(pages[0])
    page.focus('.card[data-number="1"] .open')
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]")
    assert page.locator("#previous").is_disabled()
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#molecule-title").startswith("Molecule 2 ")
    page.keyboard.press("ArrowLeft")
    assert page.inner_text("#molecule-title").startswith("Molecule 1 ")
    assert "strain (MMFF94)" in page.inner_text("#facts")
    assert "similarity 0.75" in page.inner_text("#nearest")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="hidden")


def test_a_dialog_that_is_closed_at_once(opened: Opened, pages: tuple[Path, Path]) -> None:
    page = opened(pages[0])
    page.click('.card[data-number="1"] .open')
    page.keyboard.press("Escape")
    page.wait_for_function("window.$3Dmol !== undefined")
    page.wait_for_timeout(300)
    page.click('.card[data-number="2"] .open')
    page.wait_for_selector("#stage canvas")


def test_every_molecule_can_be_opened(opened: Opened, pages: tuple[Path, Path]) -> None:
    page = opened(pages[0])
    page.click('.card[data-number="1"] .open')
    for _ in molecules()[1:]:
        page.keyboard.press("ArrowRight")
    page.wait_for_selector("#stage-note")
    assert "no coordinates" in page.inner_text("#stage-note")
    assert page.inner_text("#molecule-title").startswith(f"Molecule {len(molecules())} ")


@pytest.mark.parametrize("ticked", [(), (2, 12)])
def test_download(opened: Opened, pages: tuple[Path, Path], ticked: tuple[int, ...], tmp_path: Path) -> None:
    page = opened(pages[0])
    for number in ticked:
        page.check(f'.card[data-number="{number}"] input')
    with page.expect_download() as download:
        page.click("#download")
    download.value.save_as(tmp_path / "molecules.sdf")
    found = list(Chem.SDMolSupplier(str(tmp_path / "molecules.sdf")))
    assert all(mol is not None for mol in found)
    there = ticked or tuple(range(1, len(SMILES) + 4))  # the last two have nothing to write
    assert [int(mol.GetProp("number")) for mol in found] == list(there)
    for mol in found:
        if mol.GetProp("verdict") == "valid":
            assert Chem.MolToSmiles(mol) == mol.GetProp("SMILES")
        else:
            assert mol.GetProp("failure")


def test_it_fits_a_phone(opened: Opened, pages: tuple[Path, Path]) -> None:
    for path in pages:
        page = opened(path, width=375, has_touch=True)
        assert not is_wider_than_the_window(page)
        page.locator(".card .open").first.click()
        page.wait_for_selector("#stage canvas")
        assert not is_wider_than_the_window(page)
        assert page.evaluate("element => element.scrollWidth <= innerWidth", page.query_selector("#molecule"))


def test_light_and_dark(opened: Opened, pages: tuple[Path, Path]) -> None:
    def colours(page: Any) -> tuple[str, str, str]:
        page.wait_for_timeout(100)
        found: list[str] = page.evaluate(
            """() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color,
            getComputedStyle(document.querySelector(".figure svg text")).fill]"""
        )
        return found[0], found[1], found[2]

    light, dark = (opened(pages[0], color_scheme=scheme) for scheme in ("light", "dark"))
    bright = colours(light)
    assert all(a != b for a, b in zip(bright, colours(dark), strict=True))
    light.click("#theme")
    assert colours(light) == colours(dark)
    light.click("#theme")
    assert colours(light) == bright


def test_files_are_switched_and_sorted(opened: Opened, pages: tuple[Path, Path]) -> None:
    page = opened(pages[1])
    assert page.locator('[data-part="1"]').first.is_hidden()
    assert page.locator("#targets-0").is_visible()
    page.select_option("#part", "1")
    assert page.locator('article[data-part="0"]').is_hidden()
    assert page.locator('article[data-part="1"]').is_visible()
    assert page.input_value("#file-filter") == "1"
    assert page.locator('.bar [data-section="targets"]').is_hidden()
    page.select_option("#file-filter", "-1")
    assert chip_count(page, "all") == 2 * len(molecules())
    page.click("#compare thead button >> nth=0")
    assert [row.inner_text().split()[0] for row in page.query_selector_all("#compare tbody tr")] == [
        "cold.db",
        "warm.db",
    ]
    page.click("#compare thead button >> nth=0")
    assert [row.inner_text().split()[0] for row in page.query_selector_all("#compare tbody tr")] == [
        "warm.db",
        "cold.db",
    ]
    page.click('#compare [data-show="0"]')
    assert page.locator('article[data-part="0"]').is_visible()


def test_numbers_and_plots_need_no_script(opened: Opened, pages: tuple[Path, Path]) -> None:
    page = opened(pages[1], java_script_enabled=False, patient=False)
    assert page.locator('article[data-part="1"] .headlines').is_visible()
    assert page.locator(".figure svg").first.is_visible()
    assert page.locator("noscript").inner_text().startswith("The gallery needs JavaScript")
    assert page.locator("#theme").is_hidden()


def test_without_webgl_the_rest_stays(opened: Opened, pages: tuple[Path, Path]) -> None:
    page = opened(pages[0])
    page.evaluate("HTMLCanvasElement.prototype.getContext = () => null")
    page.click('.card[data-number="1"] .open')
    page.wait_for_selector("#stage-note")
    assert "WebGL" in page.inner_text("#stage-note")
    assert page.locator("#plane svg").is_visible()


def test_frames_are_looked_through(opened: Opened, tmp_path: Path) -> None:
    captions = ["first", "<b>second</b>", "third"]
    path = view_molecules([coordinates("CCO"), coordinates("O"), coordinates("C")], captions).write(tmp_path / "v.html")
    page = opened(path, patient=False)
    page.wait_for_selector("#stage canvas")
    assert page.locator("#caption").inner_text() == "first"
    page.locator("#forth").click()
    assert page.locator("#caption").inner_text() == "<b>second</b>"
    assert page.locator("#number").inner_text() == "2 of 3"
    page.locator("#slider").fill("2")
    assert page.locator("#caption").inner_text() == "third"
    page.locator("#forth").click()
    assert page.locator("#number").inner_text() == "3 of 3"
    assert page.locator("#legend").is_hidden()
