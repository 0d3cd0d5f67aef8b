"""The molecules that new ones are told from: a file, the demo set, or the data of a run with their split."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gschnet_pyg.build.data import dataset
from gschnet_pyg.build.growth import cutoffs
from gschnet_pyg.contracts import Cutoffs
from gschnet_pyg.data.cache import user_cache
from gschnet_pyg.data.connectivity import connected
from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.data.qm9 import qm9_is_there
from gschnet_pyg.data.sources import DEMO, open_dataset
from gschnet_pyg.data.splits import Split, load_split, read_split
from gschnet_pyg.errors import DataError, ModelError
from gschnet_pyg.recipe_sections.data import QM9Data
from gschnet_pyg.run_directory import RunDirectory
from gschnet_pyg.validity.checks import ValidityOptions
from gschnet_pyg.validity.reference import Reference, judge_reference


@dataclass(frozen=True)
class OpenReference:
    """Reference molecules and what was found about them.

    Attributes:
        name: as the user gave it.
        molecules: all of them.
        judged: verdicts on them, with the split if that is known.
    """

    name: str | Path
    molecules: MoleculeDataset
    judged: Reference


def open_reference(
    name: str | Path,
    options: ValidityOptions,
    *,
    split: Path | None = None,
    download: bool = True,
    force: bool = False,
    progress: bool = True,
) -> OpenReference:
    """Open and judge a reference.

    Args:
        name: a file, ``demo``, or a run directory, whose data and split are meant.
        options: how generated molecules are judged.
        split: another one: a ``split.npz`` of a run or of SchNetPack, or a run directory.
        download: fetch data of the run that are not there, as QM9.
        force: judge anew what is kept in the user's cache.
        progress: show bars on a terminal.

    Raises:
        GschnetError: if something cannot be read, or the split is of other molecules.
    """
    parts: Split | None = None
    if name == DEMO or not Path(name).is_dir():
        molecules = open_dataset(name, properties=(), progress=progress)
        if split is not None:
            parts = _split_of(split, molecules, Cutoffs(), progress)
    else:
        directory = RunDirectory(Path(name))
        recipe = directory.recipe()
        if split is None and (origin := directory.conversion()) is not None:
            raise ModelError(
                f"{name}: its model was converted from {origin['file']}, so nobody knows which molecules it has seen; "
                "name the split.npz of its training with --split, or a file of molecules as the reference"
            )
        if not download and isinstance(recipe.data, QM9Data) and not qm9_is_there(recipe.data.directory):
            raise DataError(f"{recipe.data.directory}: QM9 is not there")
        here = recipe.run.model_copy(update={"data_work_directory": None})  # that was of the machine that trained
        molecules = dataset(recipe.model_copy(update={"run": here}))
        if split is None:
            parts = load_split(directory.split_file, molecules)
        else:
            parts = _split_of(split, molecules, cutoffs(recipe), progress)
    judged = judge_reference(molecules, options, cache=user_cache(), force=force, progress=progress)
    if parts is not None:
        judged = judged.with_seen(np.concatenate([parts.train, parts.validation]))
    return OpenReference(name, molecules, judged)


def _split_of(split: Path, molecules: MoleculeDataset, rule: Cutoffs, progress: bool) -> Split:
    """The split of a file or a run; SchNetPack's counts the molecules that hold together under a placement rule."""
    file = RunDirectory(split).split_file if split.is_dir() else split
    return read_split(file, molecules, connected(molecules, rule, progress))
