"""The verbs: train, generate, report. The command line and notebooks call these."""

from __future__ import annotations

import json
import logging
import sqlite3
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import ase.db
import numpy as np
import torch
from ase import Atoms
from tqdm import tqdm

import gschnet_pyg
from gschnet_pyg import build
from gschnet_pyg.contracts import ValidityReport
from gschnet_pyg.data.cache import user_cache
from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.data.sources import DEMO, open_dataset
from gschnet_pyg.data.splits import load_split
from gschnet_pyg.data.writing import check_writable, write_molecules
from gschnet_pyg.errors import DataError
from gschnet_pyg.generation.sampler import generate as generate_attempts
from gschnet_pyg.recipe import FileData, GenerationRecipe, Recipe
from gschnet_pyg.run_directory import RunDirectory
from gschnet_pyg.validity.checks import ValidityOptions
from gschnet_pyg.validity.judging import judge_all
from gschnet_pyg.validity.metrics import summarise
from gschnet_pyg.validity.reference import Reference, judge_reference

Say = Callable[[str], None]


@dataclass(frozen=True)
class TrainingResult:
    """Where a run lies and how it ended."""

    directory: Path
    losses: dict[str, float]


@dataclass(frozen=True)
class GenerationResult:
    """Where the molecules lie and how many there are."""

    path: Path
    requested: int
    finished: int

    @property
    def abandoned(self) -> int:
        """Attempts that outgrew the maximum number of atoms or stopped before the first atom."""
        return self.requested - self.finished


def train(recipe: Recipe, say: Say = print) -> TrainingResult:
    """Train a model, or resume the run whose id the recipe names.

    Args:
        recipe: what to do.
        say: takes lines for the user.

    Returns:
        Run directory, with the model exported, and the losses of the best weights.

    Raises:
        GschnetError: if the recipe, the data or the stored run cannot be used.
    """
    recipe = _with_absolute_paths(recipe)
    directory = RunDirectory.of(recipe)
    directory.check_recipe(recipe)
    molecules = build.dataset(recipe)
    parts = build.split(recipe, molecules, directory.split_file)
    directory.store_recipe(recipe)
    module = build.training_module(recipe)
    last = directory.checkpoint(build.LAST)
    say(
        f"{'Resuming' if last.is_file() else 'Training'} {directory.path}: {len(parts.train):,} molecules, "
        f"{len(parts.validation):,} for validation, {len(parts.test):,} for the test"
        + (
            f"; {len(parts.excluded):,} fall apart under the placement rule and are left out"
            * bool(len(parts.excluded))
        )
    )
    if recipe.cutoffs.model < recipe.cutoffs.prediction:
        say("Warning: cutoffs.model is below cutoffs.prediction; predictors then do not hear all of their focus.")
    datamodule = build.datamodule(recipe, molecules, parts)
    with _quiet_lightning():
        trainer = build.trainer(recipe, directory.path, len(datamodule.train_dataloader()))
        if trainer.accelerator.__class__.__name__ == "CPUAccelerator":
            say("On the CPU: a GPU trains large models much faster.")
        n_weights = sum(weight.numel() for weight in module.parameters())
        say(f"The model has {n_weights:,} weights.")
        try:
            trainer.fit(module, datamodule, ckpt_path=last if last.is_file() else None, weights_only=True)
        except (KeyboardInterrupt, SystemExit):  # Lightning turns the one into the other
            say(f"\nInterrupted. The same command with run.id={directory.path.name} goes on from the last validation.")
            raise
        module.model = directory.export_model()
        tested = trainer.test(module, datamodule, verbose=False)[0] if len(parts.test) else {}
    best = torch.load(directory.checkpoint(build.BEST), map_location="cpu", weights_only=True)
    losses = {"validation/loss": _best_score(best), **tested}
    directory.store_losses(losses)
    return TrainingResult(directory.path, losses)


def generate(recipe: GenerationRecipe, progress: bool = True) -> GenerationResult:
    """Generate molecules with the model of a run directory.

    Args:
        recipe: what to do.
        progress: show a bar on a terminal.

    Returns:
        File of the finished molecules, and the counts.

    Raises:
        GschnetError: if there is no model, or the output exists.
    """
    directory = RunDirectory(recipe.run)
    model = directory.model().to(build.device(recipe.device))
    output = recipe.output or _next_database(directory.path / "generated")
    check_writable(output)
    if output.exists():
        raise DataError(f"{output}: exists already; name another output, or remove it")
    attempts = tqdm(
        generate_attempts(model, build.generation_settings(recipe)),
        "generating",
        total=recipe.n_molecules,
        unit=" molecules",
        disable=None if progress else True,
    )
    finished = sorted((attempt for attempt in attempts if attempt.is_finished), key=lambda attempt: attempt.number)
    settings = recipe.model_dump(mode="json", exclude={"output"})
    counts = {"requested": recipe.n_molecules, "finished": len(finished)}
    write_molecules(
        output,
        (Atoms(attempt.z, attempt.pos, info={"number": attempt.number}) for attempt in finished),
        metadata={"gschnet_pyg": {"version": gschnet_pyg.__version__, "settings": settings, **counts}},
    )
    return GenerationResult(output, recipe.n_molecules, len(finished))


def report(
    path: Path, reference: str | Path | None = None, options: ValidityOptions | None = None, progress: bool = True
) -> ValidityReport:
    """Judge the molecules of a file.

    Args:
        path: any file that ``open_dataset`` opens; of a file that :func:`generate` has written, the attempts
            that were abandoned count too.
        reference: molecules to tell new ones from: a file, ``demo``, or a run directory, whose split then tells
            unseen from novel.
        options: how molecules are judged.
        progress: show bars on a terminal.

    Raises:
        GschnetError: if a file cannot be read.
    """
    options = options or ValidityOptions()
    pieces: list[tuple[np.ndarray, np.ndarray]] = []
    counts = _counts(path)
    if counts.get("finished") != 0:
        molecules = open_dataset(path, properties=(), progress=progress)
        z, pos = molecules.z, molecules.pos
        pieces = [(z[a:b], pos[a:b]) for a, b in pairwise(molecules.offsets.tolist())]
    known = _judged_reference(reference, options, progress) if reference is not None else None
    verdicts = judge_all(pieces, options, progress=progress)
    return summarise(verdicts, options=options, requested=counts.get("requested"), reference=known)


def _judged_reference(reference: str | Path, options: ValidityOptions, progress: bool) -> Reference:
    """Verdicts on the reference; of a run directory, with its split."""
    cache = user_cache()
    if reference == DEMO or not Path(reference).is_dir():
        return judge_reference(
            open_dataset(reference, properties=(), progress=progress), options, cache=cache, progress=progress
        )
    directory = RunDirectory(Path(reference))
    molecules: MoleculeDataset = build.dataset(directory.recipe())
    parts = load_split(directory.split_file, molecules.ids)
    judged = judge_reference(molecules, options, cache=cache, progress=progress)
    return judged.with_seen(np.concatenate([parts.train, parts.validation]))


def _counts(path: Path) -> dict[str, Any]:
    """Counts that :func:`generate` stored with a file that it has written; none for any other file."""
    beside = Path(f"{path}.json")
    metadata: dict[str, Any] = {}
    if path.suffix == ".db" and path.is_file():
        try:
            with ase.db.connect(path) as database:  # type: ignore[no-untyped-call]
                metadata = database.metadata
        except (sqlite3.Error, ValueError):
            pass  # opening its molecules says what is wrong
    elif beside.is_file():
        metadata = json.loads(beside.read_text(encoding="utf-8"))
    counts: dict[str, Any] = metadata.get("gschnet_pyg", {})
    return counts


def _with_absolute_paths(recipe: Recipe) -> Recipe:
    """Paths to the data made absolute, so that the stored recipe means the same from anywhere."""
    data = recipe.data
    if isinstance(data, FileData):
        return recipe.model_copy(update={"data": data.model_copy(update={"path": data.path.absolute()})})
    if hasattr(data, "directory"):
        return recipe.model_copy(update={"data": data.model_copy(update={"directory": data.directory.absolute()})})
    return recipe


def _next_database(folder: Path) -> Path:
    """``1.db``, ``2.db``, ... whichever is the first that is not there."""
    number = 1
    while (path := folder / f"{number}.db").exists():
        number += 1
    return path


def _best_score(checkpoint: dict[str, Any]) -> float:
    """Validation loss of a checkpoint."""
    states = (state for name, state in checkpoint["callbacks"].items() if name.startswith("ModelCheckpoint"))
    return float(next(states)["current_score"])


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Keep Lightning's advice from the user: what matters is said by this package."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        try:
            yield
        finally:
            logger.setLevel(level)
