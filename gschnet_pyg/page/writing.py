"""Write a report as one HTML file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gschnet_pyg.files import replace_file
from gschnet_pyg.page.blocks import Section
from gschnet_pyg.page.chemistry import chemistry_section
from gschnet_pyg.page.composition import composition_section
from gschnet_pyg.page.geometry import geometry_section
from gschnet_pyg.page.packing import packed
from gschnet_pyg.page.provenance import option_rows, reference_rows, source_text, version_rows
from gschnet_pyg.page.records import (
    PageEntry,
    draw_all,
    perception_options,
    records,
    sampled_rows,
    smiles_to_draw,
    to_draw,
)
from gschnet_pyg.page.summary import Headline, comparison_columns, headlines, subtitle, validity_section
from gschnet_pyg.page.targets import target_section
from gschnet_pyg.page.viewer import load_viewer
from gschnet_pyg.page.words import TERMS, breakable, formula, interval, percent

__all__ = ["PageEntry", "write_page"]

_STYLES = ("base.css", "blocks.css", "gallery.css")
_SCRIPTS = ("unpack.js", "entries.js", "sdf.js", "gallery.js", "viewer.js", "dialog.js", "start.js")


@dataclass(frozen=True)
class _Part:
    """What the template shows of one file."""

    name: str
    subtitle: str
    headlines: list[Headline]
    sections: list[Section]
    shown: int
    finished: int
    options: list[tuple[str, str]]
    reference: list[tuple[str, str]]
    source: str


def write_page(
    path: Path,
    entries: Sequence[PageEntry],
    *,
    title: str | None = None,
    gallery: int = 1000,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = True,
) -> None:
    """Write a page that opens without a network; the file is whole or not there at all.

    Several files are compared in a table first; each then has its own sections.

    Args:
        path: to write.
        entries: files of molecules with their reports, at least one.
        title: of the page; the name of the file by default.
        gallery: most molecules that the page holds, of all files together; of larger files a sample.
        seed: of the sample.
        workers: most processes that draw molecules; one per available core by default.
        progress: show a bar on a terminal.

    Raises:
        ValueError: if there are no entries, or an entry has another number of molecules than verdicts.
        DataError: if the 3D viewer is not installed.
    """
    if not entries:
        raise ValueError("a page needs at least one file of molecules")
    for entry in entries:
        if len(entry.molecules) != len(entry.report.verdicts):
            raise ValueError(f"{entry.name}: {len(entry.molecules)} molecules, {len(entry.report.verdicts)} verdicts")
    viewer = load_viewer()
    chosen = sampled_rows([len(entry.molecules) for entry in entries], gallery, seed)
    parts, molecules = [], []
    others: dict[str, str | None] = {}
    for entry, rows in zip(entries, chosen, strict=True):
        options = perception_options(entry.report.options)
        smiles = smiles_to_draw(entry.report, rows)
        drawn = draw_all([*to_draw(entry, rows), *smiles], options, workers=workers, progress=progress)
        drawings = dict(zip(smiles, (each.svg for each in drawn[len(rows) :]), strict=True))
        molecules.append(records(entry, rows, drawn[: len(rows)]))
        others |= drawings
        parts.append(_part(entry, len(rows), drawings))
    data = {"files": [entry.name for entry in entries], "molecules": molecules, "others": others}
    html = (
        _environment()
        .get_template("page.html")
        .render(
            title=title or (entries[0].name if len(entries) == 1 else f"{len(entries)} files compared"),
            parts=parts,
            comparison=comparison_columns([entry.report for entry in entries]) if len(entries) > 1 else [],
            terms=TERMS,
            viewer=viewer,
            versions=version_rows(viewer),
            data=packed(json.dumps(data, separators=(",", ":"))),
            styles=Markup("\n".join(map(_asset, _STYLES))),
            scripts=Markup("\n".join(map(_asset, _SCRIPTS))),
        )
    )
    with replace_file(path) as temporary:
        temporary.write_text(html, encoding="utf-8")


def _part(entry: PageEntry, shown: int, drawings: dict[str, str | None]) -> _Part:
    report = entry.report
    sections = [
        validity_section(report),
        composition_section(report),
        geometry_section(report),
        chemistry_section(report, drawings),
        target_section(report),
    ]
    return _Part(
        name=entry.name,
        subtitle=subtitle(report),
        headlines=headlines(report),
        sections=[section for section in sections if section is not None],
        shown=shown,
        finished=report.finished,
        options=option_rows(report),
        reference=reference_rows(report),
        source=source_text(report),
    )


def _environment() -> Environment:
    """Everything is escaped unless it is marked as our own markup."""
    environment = Environment(
        loader=PackageLoader("gschnet_pyg.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = percent
    environment.filters["interval"] = interval
    environment.filters["formula"] = formula
    environment.filters["breakable"] = breakable
    return environment


def _asset(name: str) -> str:
    return files("gschnet_pyg.page").joinpath("assets", name).read_text(encoding="utf-8")
