"""Recipe -> molecules, split and batches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gschnet_pyg.build.growth import cutoffs, growth, vocabulary
from gschnet_pyg.contracts import Noise
from gschnet_pyg.data.checks import check_elements
from gschnet_pyg.data.comparisons import parse_filters
from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.data.filters import held_out
from gschnet_pyg.data.qm9 import open_qm9
from gschnet_pyg.data.sources import DEMO, open_dataset
from gschnet_pyg.data.splits import Split, draw_split, load_split, read_split
from gschnet_pyg.errors import DataError
from gschnet_pyg.processes import ALONE, Processes
from gschnet_pyg.recipe import Recipe
from gschnet_pyg.recipe_sections.data import DemoData, FileData, QM9Data

if TYPE_CHECKING:
    from gschnet_pyg.data.datamodule import MoleculeDataModule


def dataset(recipe: Recipe, properties: Sequence[str] = ()) -> MoleculeDataset:
    """The molecules, all of them of the vocabulary's elements.

    Args:
        recipe: where they are.
        properties: of the source, to carry.

    Raises:
        DataError: if the source cannot be used, holds another element, or lacks a property.
    """
    cache, work = recipe.run.cache_directory, recipe.run.data_work_directory
    match recipe.data:
        case FileData(path=path, units=units, distance_unit=unit):
            molecules = open_dataset(
                path,
                properties=properties,
                units=units or None,
                distance_unit=unit,
                cache_dir=cache,
                work_directory=work,
            )
        case DemoData():
            molecules = open_dataset(DEMO, properties=properties, cache_dir=cache)
        case QM9Data(directory=directory, remove_uncharacterised=remove):
            molecules = open_qm9(
                directory,
                properties=properties,
                remove_uncharacterised=remove,
                cache_dir=cache,
                work_directory=work,
            )
    check_elements(molecules, recipe.atoms.types)
    return molecules


def split(
    recipe: Recipe, molecules: MoleculeDataset, is_connected: np.ndarray, is_known: np.ndarray, stored: Path
) -> Split:
    """The split of a run: the stored one where there is one, else that of a file, or drawn.

    Args:
        recipe: sizes, filters, or a file.
        molecules: with the properties that the filters compare.
        is_connected: ``[M]`` molecules that hold together under the placement rule.
        is_known: ``[M]`` molecules whose conditions are known; the others of both masks are in no part.
        stored: file of the run's split.

    Raises:
        DataError: if there are too few molecules, or the file does not fit them.
    """
    if stored.is_file():
        return load_split(stored, molecules)
    settings = recipe.split
    filters = parse_filters(settings.hold_out)
    is_held_out = held_out(filters, molecules) if filters else None
    if settings.file is None:
        assert settings.train is not None
        assert settings.validation is not None
        is_usable = is_connected & is_known
        return draw_split(is_usable, settings.train, settings.validation, settings.test, recipe.seed, is_held_out)
    parts = read_split(settings.file, molecules, is_connected).without(~is_known)
    if is_held_out is not None:
        parts = parts.holding_out(is_held_out)
    if not (len(parts.train) and len(parts.validation)):
        raise DataError(
            f"{settings.file}: leaves nothing to train or to validate, since its molecules there are held out or their "
            "bonds cannot be perceived; name another split"
        )
    return parts


def datamodule(
    recipe: Recipe, molecules: MoleculeDataset, parts: Split, processes: Processes = ALONE
) -> MoleculeDataModule:
    """Loaders of the three parts, or a process's share of them; all properties of the molecules are conditions."""
    from gschnet_pyg.build.model import dtype  # torch and Lightning take seconds
    from gschnet_pyg.data.datamodule import Loading, MoleculeDataModule

    training = recipe.training
    loading = Loading(
        training.batch_size,
        training.steps_drawn or None,
        training.workers.train,
        training.workers.validation,
        training.workers.test,
        processes.rank,
        processes.size,
        dtype(recipe),
    )
    return MoleculeDataModule(
        molecules,
        parts,
        vocabulary(recipe),
        cutoffs(recipe),
        loading,
        conditions=tuple(molecules.properties),
        growth=growth(recipe),
        noise=Noise(training.position_noise, training.origin_noise),
        seed=recipe.seed,
    )
