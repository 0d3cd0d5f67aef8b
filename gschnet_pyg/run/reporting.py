"""Judge molecules, and keep what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gschnet_pyg.build.data import dataset
from gschnet_pyg.build.model import cutoffs
from gschnet_pyg.contracts import Cutoffs, ValidityReport
from gschnet_pyg.data.annotating import copy_rows, write_back
from gschnet_pyg.data.arrays import MoleculeArrays
from gschnet_pyg.data.cache import user_cache
from gschnet_pyg.data.connectivity import connected
from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.data.sources import DEMO, open_dataset, read_as_is
from gschnet_pyg.data.splits import Split, load_split, read_split
from gschnet_pyg.errors import DataError
from gschnet_pyg.run.metadata import stored_metadata
from gschnet_pyg.run_directory import RunDirectory
from gschnet_pyg.validity.calculators import load_calculator
from gschnet_pyg.validity.checks import Molecule, ValidityOptions
from gschnet_pyg.validity.judging import Judgement, judge_all
from gschnet_pyg.validity.metrics import summarise
from gschnet_pyg.validity.pieces import Pieces
from gschnet_pyg.validity.rates import MoleculeClasses
from gschnet_pyg.validity.reference import Reference, classify, judge_reference
from gschnet_pyg.validity.results import judgement_key, load_judgement, save_judgement
from gschnet_pyg.validity.targets import Target, compare_targets

Kept = Literal["valid", "unique", "unseen", "novel"]


@dataclass(frozen=True)
class Judged:
    """A file of molecules with the verdicts on them.

    Attributes:
        path: the file.
        report: what the verdicts say together.
        classes: which molecules are valid, unique, unseen and novel.
        reference: that tells, if there is one.
    """

    path: Path
    report: ValidityReport
    classes: MoleculeClasses
    reference: str | Path | None = None

    def write_back(self) -> None:
        """Write verdicts and SMILES into the database that was judged, beside each molecule.

        Raises:
            DataError: if it is no ASE database, or cannot be written.
        """
        write_back(self.path, self._columns(), {"gschnet_pyg_validity": self._options})

    def write_filtered(self, output: Path, kept: Kept = "valid") -> int:
        """Write some of the molecules to a new file, with verdicts and SMILES.

        Args:
            output: ASE database, extxyz or SDF.
            kept: which; ``unique`` are valid too, ``unseen`` and ``novel`` are unique too.

        Returns:
            Number of molecules written.

        Raises:
            DataError: if the output cannot be written, or there is no reference to tell what is new.
        """
        mask = getattr(self.classes, f"is_{kept}")
        if mask is None:
            raise DataError(f"{kept} molecules can only be told with a reference; name one (--reference)")
        count = int(mask.sum())
        metadata: dict[str, Any] = {"gschnet_pyg_validity": {**self._options, "kept": kept}}
        if made_by := stored_metadata(self.path):
            metadata["gschnet_pyg"] = {**made_by, "requested": count, "finished": count, "kept": kept}
        return copy_rows(self.path, output, np.flatnonzero(mask), self._columns(), metadata)

    def _columns(self) -> dict[str, Sequence[Any]]:
        verdicts, classes = self.report.verdicts, self.classes
        columns: dict[str, Sequence[Any]] = {
            "valid": classes.is_valid.tolist(),
            "smiles": [verdict.smiles for verdict in verdicts],
            "failure": [verdict.failure for verdict in verdicts],
            "unique_molecule": classes.is_unique.tolist(),
        }
        for name, mask in (("unseen", classes.is_unseen), ("novel", classes.is_novel)):
            columns[name] = [None] * len(verdicts) if mask is None else mask.tolist()
        return columns

    @property
    def _options(self) -> dict[str, Any]:
        return {**self.report.options, "reference": None if self.reference is None else str(self.reference)}


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
    reference: str | Path | None = None,
    options: ValidityOptions | None = None,
    *,
    split: Path | None = None,
    calculator: str | None = None,
    force: bool = False,
    progress: bool = True,
) -> Judged:
    """Judge the molecules of a file.

    Verdicts are kept beside the file (``<file>.verdicts.json``) and read again as long as nothing has changed.

    Args:
        path: any file that ``open_dataset`` opens; atoms at one place and the like are verdicts, not errors. Of a
            file that :func:`generate` has written, the attempts that were abandoned count too, and targets are
            compared with what was reached.
        reference: molecules to tell new ones from: a file, ``demo``, or a run directory, whose split then tells
            unseen from novel.
        options: how molecules are judged.
        split: of the reference, where that is a file: a ``split.npz`` of a run or of SchNetPack, or a run directory.
        calculator: of ASE, by name or as ``module:attribute``, for targets that do not follow from the atoms.
        force: judge anew whatever is kept.
        progress: show bars on a terminal.

    Raises:
        GschnetError: if a file cannot be read, or the calculator cannot be made.
    """
    options = options or ValidityOptions()
    if split is not None and reference is None:
        raise DataError(f"{split}: a split says which reference molecules were seen; name the reference too")
    engine = load_calculator(calculator) if calculator is not None else None
    metadata = stored_metadata(path)
    found = read_as_is(path, progress) if metadata.get("finished") != 0 else None
    molecules: Sequence[Molecule] = Pieces(found.z, found.pos, found.offsets) if found is not None else []
    known = _judged_reference(reference, split, options, force, progress) if reference is not None else None
    judgement = _judgement(path, found, molecules, options, force, progress)
    # counts of another number of molecules belong to a file that has been changed since
    requested = int(metadata["requested"]) if metadata.get("finished") == len(molecules) else None
    targets = _targets(path, found, metadata)
    compared = compare_targets(targets, molecules, judgement.verdicts, engine, progress)
    result = summarise(judgement, options=options, requested=requested, reference=known, targets=compared)
    return Judged(path, result, classify(judgement.verdicts, known), reference)


def _judgement(
    path: Path,
    found: MoleculeArrays | None,
    molecules: Sequence[Molecule],
    options: ValidityOptions,
    force: bool,
    progress: bool,
) -> Judgement:
    """The kept one if it still holds."""
    if found is None:
        return Judgement.empty()
    key = judgement_key(found.hash_content(), options)
    kept = None if force else load_judgement(path, key)
    if kept is not None:
        return kept
    judgement = judge_all(molecules, options, progress=progress)
    save_judgement(path, key, judgement)
    return judgement


def _targets(path: Path, found: MoleculeArrays | None, metadata: dict[str, Any]) -> list[Target]:
    """What the molecules were asked to be; nothing for other files.

    Raises:
        DataError: if the file has lost the targets of its molecules.
    """
    if found is None:
        return []
    targets = []
    for description in metadata.get("conditions", []):
        name = f"target_{description['property']}"
        if name not in found.properties:
            raise DataError(f"{path}: lacks {name}, the target of each molecule; restore the file as it was generated")
        targets.append(Target(description, found.properties[name].values))
    return targets


def _judged_reference(
    reference: str | Path, split: Path | None, options: ValidityOptions, force: bool, progress: bool
) -> Reference:
    """Verdicts on the reference; with its split, if that is known."""
    parts: Split | None = None
    if reference == DEMO or not Path(reference).is_dir():
        molecules = open_dataset(reference, properties=(), progress=progress)
        if split is not None:
            parts = _split_of(split, molecules, Cutoffs(), progress)
    else:
        directory = RunDirectory(Path(reference))
        recipe = directory.recipe()
        here = recipe.run.model_copy(update={"data_work_directory": None})  # that was of the machine that trained
        molecules = dataset(recipe.model_copy(update={"run": here}))
        if split is None:
            parts = load_split(directory.split_file, molecules)
        else:
            parts = _split_of(split, molecules, cutoffs(recipe), progress)
    judged = judge_reference(molecules, options, cache=user_cache(), force=force, progress=progress)
    return judged if parts is None else judged.with_seen(np.concatenate([parts.train, parts.validation]))


def _split_of(split: Path, molecules: MoleculeDataset, rule: Cutoffs, progress: bool) -> Split:
    """The split of a file or a run; SchNetPack's counts the molecules that hold together under a placement rule."""
    file = RunDirectory(split).split_file if split.is_dir() else split
    return read_split(file, molecules, connected(molecules, rule, progress))
