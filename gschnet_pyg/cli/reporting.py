"""``gschnet-pyg report``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gschnet_pyg.cli.commands import WHERE_TO
from gschnet_pyg.cli.options import Quiet
from gschnet_pyg.cli.output import Output, talking
from gschnet_pyg.errors import DataError

if TYPE_CHECKING:
    from gschnet_pyg.run import Judged


STANDARD_OUTPUT = Path("-")
KEPT = "Verdicts are kept of every file that was judged to its end; the same command goes on from there."


def _no_option(path: Path | None) -> Path | None:
    """Refuse what follows ``--json`` if that was written without a file."""
    if path is not None and path != STANDARD_OUTPUT and str(path).startswith("-"):
        raise DataError(f"--json {path}: {WHERE_TO}")
    return path


class Stereo(StrEnum):
    """Which stereoisomers are different molecules."""

    keep = "keep"
    no_enantiomers = "no_enantiomers"
    ignore = "ignore"


class Keep(StrEnum):
    """Which molecules are written."""

    valid = "valid"
    unique = "unique"
    unseen = "unseen"
    novel = "novel"


def report(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE", help="Molecules: ASE database, (ext)xyz, SDF, npz; several are set side by side."
        ),
    ],
    reference: Annotated[
        str | None,
        typer.Option(help="Molecules that are not new: a file, `demo`, or a run directory, whose split then counts."),
    ] = None,
    split: Annotated[
        Path | None, typer.Option(help="Split of the reference: split.npz (SchNetPack's too), or a run directory.")
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json", metavar="FILE|-", callback=_no_option, help="Write the report as JSON too; - for standard output."
        ),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with plots and the molecules; it opens without a network.")
    ] = None,
    gallery: Annotated[int, typer.Option(help="Most molecules in the page; a sample where there are more.", min=0)] = (
        1000
    ),
    plot: Annotated[
        Path | None, typer.Option(help="Plot targets against what was reached: PNG, PDF or SVG, by suffix.")
    ] = None,
    calculator: Annotated[
        str | None,
        typer.Option(
            help="ASE calculator, of the training data's level of theory, for targets such as a gap: "
            "`demo`, a name that ASE knows, or module:attribute."
        ),
    ] = None,
    sample: Annotated[
        int, typer.Option(help="Valid molecules that are relaxed by MMFF94 for their strain; 0 for none.", min=0)
    ] = 500,
    relax: Annotated[
        str | None, typer.Option(help="ASE calculator to relax them with as well; named as for --calculator.")
    ] = None,
    posebusters: Annotated[
        bool, typer.Option("--posebusters", help="Have PoseBusters check them as well, where it is installed.")
    ] = False,
    charge: Annotated[
        list[int] | None, typer.Option(help="Total charge that is allowed; again for more. Only 0 by default.")
    ] = None,
    charged_fragments: Annotated[
        bool, typer.Option("--charged-fragments", help="Allow formal charges, as in nitro groups.")
    ] = False,
    radicals: Annotated[bool, typer.Option("--radicals", help="Allow unpaired electrons.")] = False,
    stereo: Annotated[Stereo, typer.Option(help="Which stereoisomers are different molecules.")] = Stereo.keep,
    timeout: Annotated[float, typer.Option(help="Seconds for one molecule.")] = 5.0,
    force: Annotated[bool, typer.Option("--force", help="Judge anew what has been judged before.")] = False,
    write_back: Annotated[
        bool, typer.Option("--write-back", help="Write verdicts and SMILES into the database.")
    ] = False,
    filtered: Annotated[Path | None, typer.Option(help="Write some of the molecules to a new file.")] = None,
    keep: Annotated[Keep | None, typer.Option(help="Which ones; the valid ones by default.")] = None,
    quiet: Quiet = False,
) -> None:
    """Judge molecules: validity by RDKit, stability by EDM's rules, geometry, chemistry, and targets reached.

    Several files, such as those of ten temperatures, are compared. With --quiet the table is all that is printed, and
    not even that where a file is written.

    Examples:
        gschnet-pyg report runs/first/generated/1.db --reference runs/first --html report.html
        gschnet-pyg report cold.db warm.db --reference demo
        gschnet-pyg report molecules.sdf --json - --quiet
    """
    is_json_alone = json_file == STANDARD_OUTPUT
    with talking(quiet, is_json_alone, if_interrupted=KEPT) as out:
        outputs = _Outputs(json_file, html, plot, filtered, keep or Keep.valid)
        inputs = [Path(each) for each in (reference, split) if each is not None]
        outputs.check(files, inputs, has_reference=reference is not None, says_what=keep is not None)
        if write_back and (others := [file for file in files if file.suffix.lower() != ".db"]):
            raise DataError(
                f"{others[0]}: only an ASE database (.db) can be written back to; write a new one (--filtered)"
            )
        from gschnet_pyg import run
        from gschnet_pyg.validity.checks import ValidityOptions

        out.listen()
        try:
            options = ValidityOptions(
                tuple(charge or (0,)), charged_fragments, radicals, stereo=stereo.value, timeout=timeout
            )
        except ValueError as error:
            raise DataError(str(error)) from None
        judged = run.judge_files(
            files,
            reference,
            options,
            split=split,
            calculator=calculator,
            measurements=run.Measurements(sample, relax, posebusters),
            force=force,
            progress=out.progress,
        )
        if not (out.quiet and outputs.are_wanted):  # then the files are the essential
            _show(judged, out)
        if write_back:
            for each in judged:
                each.write_back()
                out.say(f"Verdicts and SMILES lie in {each.path}")
        outputs.write(judged, gallery, out)


def _show(judged: Sequence[Judged], out: Output) -> None:
    """The tables of one report, or of several side by side."""
    from gschnet_pyg import run
    from gschnet_pyg.validity.comparison_tables import comparison_console, render_comparison
    from gschnet_pyg.validity.report import render

    if len(judged) == 1:
        out.show(render(judged[0].report))
        return
    names = run.distinct_names([each.path for each in judged])
    reports = {name: each.report for name, each in zip(names, judged, strict=True)}
    out.show(render_comparison(reports), comparison_console(len(reports)))


@dataclass(frozen=True)
class _Outputs:
    """Files that were asked for."""

    json_file: Path | None
    html: Path | None
    plot: Path | None
    filtered: Path | None
    keep: Keep

    @property
    def are_wanted(self) -> bool:
        """Whether there are some."""
        return any((self.json_file, self.html, self.plot, self.filtered))

    def check(self, files: Sequence[Path], inputs: Sequence[Path], *, has_reference: bool, says_what: bool) -> None:
        """Refuse what could not be written, before any work is done."""
        from gschnet_pyg.files import is_writable

        given = {file.resolve() for file in files}
        if len(given) < len(files):
            raise DataError(f"{', '.join(map(str, files))}: one of them is named twice; name each file once")
        beside = {Path(f"{file}{more}").resolve() for file in files for more in (".json", ".verdicts.json")}
        taken = given | beside | {file.resolve() for file in inputs}
        json_file = None if self.json_file == STANDARD_OUTPUT else self.json_file
        for written in filter(None, (json_file, self.html, self.plot, self.filtered)):
            if written.is_dir() or not is_writable(written.absolute().parent):
                raise DataError(
                    f"{written}: cannot be written; name a file in a folder that exists, and that you may write to"
                )
            if written.resolve() in taken:
                raise DataError(f"{written}: is read, belongs to a file of molecules, or is named twice; name another")
            taken.add(written.resolve())
        if len(files) > 1 and (single := self.plot or self.filtered) is not None:
            raise DataError(f"{single}: is of one file of molecules; report on {files[0]} and the others one at a time")
        if self.html is not None and self.html.suffix.lower() not in (".html", ".htm"):
            raise DataError(f"{self.html}: a page ends in .html; name another file")
        if self.plot is not None:
            from gschnet_pyg.validity.plots import SUFFIXES  # matplotlib takes its time

            if self.plot.suffix.lower() not in SUFFIXES:
                raise DataError(f"{self.plot}: a plot ends in {', '.join(SUFFIXES)}; name another file")
        if self.filtered is None:
            if says_what:
                raise DataError(
                    f"--keep {self.keep.value}: says which molecules to write; name a file for them (--filtered)"
                )
            return
        if self.keep in (Keep.unseen, Keep.novel) and not has_reference:
            raise DataError(f"{self.keep.value} molecules can only be told with a reference; name one (--reference)")
        from gschnet_pyg.data.writing import check_writable

        check_writable(self.filtered)
        if self.filtered.exists():
            raise DataError(f"{self.filtered}: exists already; name another output, or remove it")

    def write(self, judged: Sequence[Judged], gallery: int, out: Output) -> None:
        """Write all of them, and say where they lie."""
        from gschnet_pyg import run
        from gschnet_pyg.validity.report import comparison_to_json, save_comparison, save_report

        first = judged[0]
        if self.json_file is not None:
            names = run.distinct_names([each.path for each in judged])
            reports = dict(zip(names, (each.report for each in judged), strict=True))
            if self.json_file == STANDARD_OUTPUT:
                out.result(None, **(first.report.to_json() if len(judged) == 1 else comparison_to_json(reports)))
            elif len(judged) == 1:
                save_report(first.report, self.json_file)
                out.say(f"The report lies in {self.json_file}")
            else:
                save_comparison(reports, self.json_file)
                out.say(f"The report lies in {self.json_file}")
        if self.html is not None:
            run.write_html(judged, self.html, gallery=gallery)
            out.say(f"The page lies in {self.html}; open it in a browser")
        if self.filtered is not None:
            count = first.write_filtered(self.filtered, self.keep.value)
            out.say(f"{count:,} {self.keep.value} molecules lie in {self.filtered}")
        if self.plot is not None and any(target.measured for target in first.report.targets):
            from gschnet_pyg.validity.plots import plot_targets

            plot_targets(first.report.targets, self.plot)
            out.say(f"The plot lies in {self.plot}")
        elif self.plot is not None:
            out.say(f"There are no targets that could be measured, so {self.plot} is not written.")
