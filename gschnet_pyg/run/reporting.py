"""Judge molecules, and keep what was found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gschnet_pyg.contracts import ValidityReport
from gschnet_pyg.data.arrays import MoleculeArrays
from gschnet_pyg.data.sources import read_as_is
from gschnet_pyg.errors import DataError, GschnetError
from gschnet_pyg.run.judged import Judged
from gschnet_pyg.run.measuring import Laboratory, Measurements
from gschnet_pyg.run.metadata import stored_metadata
from gschnet_pyg.run.references import OpenReference, open_reference
from gschnet_pyg.run_directory import RunDirectory
from gschnet_pyg.validity.calculators import load_calculator
from gschnet_pyg.validity.checks import Molecule, ValidityOptions
from gschnet_pyg.validity.judging import Judgement, judge_all
from gschnet_pyg.validity.metrics import summarise
from gschnet_pyg.validity.pieces import Pieces
from gschnet_pyg.validity.reference import classify
from gschnet_pyg.validity.results import judgement_key, load_judgement, save_judgement
from gschnet_pyg.validity.targets import Target, compare_targets

Say = Callable[[str], None]


def report(
    path: Path,
    reference: str | Path | None = None,
    options: ValidityOptions | None = None,
    **more: Any,
) -> ValidityReport:
    """Judge the molecules of a file; arguments and errors as :func:`judge`."""
    return judge(path, reference, options, **more).report


def judge(
    path: Path,
    reference: str | Path | OpenReference | None = None,
    options: ValidityOptions | None = None,
    **more: Any,
) -> Judged:
    """Judge the molecules of one file; arguments and errors as :func:`judge_files`."""
    return judge_files([path], reference, options, **more)[0]


def judge_generated(path: Path, run: Path, say: Say, *, progress: bool = True) -> Judged:
    """Judge what a model has generated, against the molecules of its run where these are at hand.

    Args:
        path: file of the molecules.
        run: directory of the model; a converted one does not know what it was trained on.
        say: takes a note if the data of the run cannot be opened any more.
        progress: show bars on a terminal.
    """
    known = None
    if RunDirectory(run).split_file.is_file():
        try:
            known = open_reference(run, ValidityOptions(), download=False, progress=progress)
        except (GschnetError, OSError) as error:
            say(f"Note: judged without a reference, since the data of {run} cannot be used: {error}")
    return judge(path, known, progress=progress)


def judge_files(
    paths: Sequence[Path],
    reference: str | Path | OpenReference | None = None,
    options: ValidityOptions | None = None,
    *,
    split: Path | None = None,
    calculator: str | None = None,
    measurements: Measurements | None = None,
    force: bool = False,
    progress: bool = True,
) -> list[Judged]:
    """Judge the molecules of several files by the same rules and against the same reference.

    Verdicts are kept beside each file (``<file>.verdicts.json``) and read again as long as nothing has changed.

    Args:
        paths: files that ``open_dataset`` opens; atoms at one place and the like are verdicts, not errors. Of a file
            that :func:`generate` has written, the attempts that were abandoned count too, and targets are compared
            with what was reached.
        reference: molecules to tell new ones from: a file, ``demo``, or a run directory, whose split then tells
            unseen from novel; or one that is open already, judged by the same rules.
        options: how molecules are judged.
        split: of the reference, where that is a file: a ``split.npz`` of a run or of SchNetPack, or a run directory.
        calculator: of ASE, by name or as ``module:attribute``, for targets that do not follow from the atoms.
        measurements: what is measured on a sample of the valid molecules; strain by MMFF94 by default.
        force: judge anew whatever is kept.
        progress: show bars on a terminal.

    Raises:
        GschnetError: if a file cannot be read, or a calculator cannot be made or used.
    """
    task = _Task(options or ValidityOptions(), measurements or Measurements(), force=force, progress=progress)
    if split is not None and reference is None:
        raise DataError(f"{split}: a split says which reference molecules were seen; name the reference too")
    engine = load_calculator(calculator) if calculator is not None else None
    to_relax = task.measurements.checked_calculator()
    opened = [_open(path, progress) for path in paths]
    if reference is None or isinstance(reference, OpenReference):
        known = reference
    else:
        known = open_reference(reference, task.options, split=split, force=force, progress=progress)
    laboratory = Laboratory.of(task.measurements, task.options, known, to_relax, force=force, progress=progress)
    return [_judge(file, known, engine, laboratory, task) for file in opened]


@dataclass(frozen=True)
class _Task:
    """What holds for every file."""

    options: ValidityOptions
    measurements: Measurements
    force: bool
    progress: bool


@dataclass(frozen=True)
class _File:
    """A file of molecules.

    Attributes:
        path: of it.
        metadata: that generation has left.
        found: its content; none if no molecule was finished.
    """

    path: Path
    metadata: dict[str, Any]
    found: MoleculeArrays | None

    @property
    def molecules(self) -> Sequence[Molecule]:
        if self.found is None:
            return []
        return Pieces(self.found.z, self.found.pos, self.found.offsets)


def _open(path: Path, progress: bool) -> _File:
    metadata = stored_metadata(path)
    return _File(path, metadata, read_as_is(path, progress) if metadata.get("finished") != 0 else None)


def _judge(
    file: _File, reference: OpenReference | None, calculator: Any, laboratory: Laboratory, task: _Task
) -> Judged:
    """One file against a reference that is open."""
    molecules, metadata, known = file.molecules, file.metadata, reference.judged if reference is not None else None
    judgement = _judgement(file, molecules, task)
    # counts of another number of molecules belong to a file that has been changed since
    is_whole = metadata.get("finished") == len(molecules)
    targets = _targets(file)
    found = summarise(
        judgement,
        options=task.options,
        requested=int(metadata["requested"]) if is_whole else None,
        reference=known,
        targets=compare_targets(targets, molecules, judgement.verdicts, calculator, task.progress),
        source=_source(file),
    )
    geometry = laboratory.geometry(found, molecules, metadata)
    name = reference.name if reference is not None else None
    classes = classify(judgement.verdicts, known)
    return Judged(file.path, replace(found, geometry=geometry), classes, name, molecules)


def _judgement(file: _File, molecules: Sequence[Molecule], task: _Task) -> Judgement:
    """Verdicts, kept ones if they still hold."""
    if file.found is None:
        return Judgement.empty()
    key = judgement_key(file.found.hash_content(), task.options)
    kept = None if task.force else load_judgement(file.path, key)
    if kept is not None:
        return kept
    judgement = judge_all(molecules, task.options, progress=task.progress)
    save_judgement(file.path, key, judgement)
    return judgement


def _source(file: _File) -> dict[str, Any]:
    """The file, and what is stored of how it was made."""
    stored = {"generation": "settings", "recipe": "recipe", "version": "version", "appended": "appended"}
    return {
        "file": str(file.path),
        **{name: file.metadata[key] for name, key in stored.items() if key in file.metadata},
    }


def _targets(file: _File) -> list[Target]:
    """What the molecules were asked to be; nothing for other files.

    Raises:
        DataError: if the file has lost the targets of its molecules.
    """
    if file.found is None:
        return []
    targets = []
    for description in file.metadata.get("conditions", []):
        name = f"target_{description['property']}"
        if name not in file.found.properties:
            raise DataError(
                f"{file.path}: lacks {name}, the target of each molecule; restore the file as it was generated"
            )
        targets.append(Target(description, file.found.properties[name].values))
    return targets
