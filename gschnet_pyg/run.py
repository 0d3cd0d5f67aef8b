"""The verbs: train, generate, report. The command line and notebooks call these."""

from __future__ import annotations

import itertools
import json
import logging
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms
from tqdm import tqdm

import gschnet_pyg
from gschnet_pyg import build
from gschnet_pyg.contracts import ValidityReport
from gschnet_pyg.data.cache import user_cache
from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.data.readers import database_metadata
from gschnet_pyg.data.sources import DEMO, open_dataset, read_as_is
from gschnet_pyg.data.splits import Split, load_split
from gschnet_pyg.data.writing import check_writable, write_molecules
from gschnet_pyg.errors import DataError
from gschnet_pyg.generation.sampler import generate as generate_attempts
from gschnet_pyg.recipe import GenerationRecipe, Recipe
from gschnet_pyg.recipe_sections import FileData
from gschnet_pyg.run_directory import RunDirectory
from gschnet_pyg.training.module import PlacementTraining
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
    interrupted: bool = False

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
        GschnetError: if the recipe, the data or the stored run cannot be used, or the loss is no number any more.
    """
    recipe = _with_absolute_paths(recipe)
    directory = RunDirectory.of(recipe)
    directory.check_recipe(recipe)
    last = directory.checkpoint(build.LAST)
    resumes = last.is_file() and bool(directory.read_checkpoint(build.LAST))
    molecules = build.dataset(recipe)
    parts = build.split(recipe, molecules, directory.split_file)
    directory.store_recipe(recipe)
    module = build.training_module(recipe)
    datamodule = build.datamodule(recipe, molecules, parts)
    _say_what_begins(recipe, directory, parts, module, resumes, say)
    directory.model_file.unlink(missing_ok=True)  # from now on the best checkpoint is newer
    with _quiet_lightning():
        trainer = build.trainer(recipe, directory.path, len(datamodule.train_dataloader()))
        on_interrupt = signal.getsignal(signal.SIGINT)
        try:
            trainer.fit(module, datamodule, ckpt_path=last if resumes else None, weights_only=True)
        except (KeyboardInterrupt, SystemExit):  # Lightning turns the one into the other, and ignores the next
            signal.signal(signal.SIGINT, on_interrupt)
            say(f"\nInterrupted. The same command with run.id={directory.path.name} goes on where it stopped.")
            raise KeyboardInterrupt from None
        module.model = directory.best_model()
        best = directory.read_checkpoint(build.BEST)
        tested = trainer.test(module, datamodule, verbose=False)[0] if len(parts.test) else {}
    losses = {"validation/loss": _best_score(best), **tested}
    directory.store_losses(losses)
    directory.export(module.model)
    return TrainingResult(directory.path, losses)


def _say_what_begins(
    recipe: Recipe, directory: RunDirectory, parts: Split, module: PlacementTraining, resumes: bool, say: Say
) -> None:
    """Counts, and warnings about settings that seldom are meant."""
    n_apart, n_weights = len(parts.excluded), sum(weight.numel() for weight in module.parameters())
    say(
        f"{'Resuming' if resumes else 'Training'} {directory.path}: {len(parts.train):,} molecules, "
        f"{len(parts.validation):,} for validation, {len(parts.test):,} for the test; {n_weights:,} weights"
    )
    if n_apart:
        say(f"{n_apart:,} molecules fall apart under the placement rule and are left out.")
    if recipe.cutoffs.model < recipe.cutoffs.prediction:
        say("Warning: cutoffs.model is below cutoffs.prediction; predictors then do not hear all of their focus.")
    if recipe.training.accelerator == "cpu" or not torch.accelerator.is_available():
        say("On the CPU: a GPU trains large models much faster.")


def generate(recipe: GenerationRecipe, progress: bool = True) -> GenerationResult:
    """Generate molecules with the model of a run directory.

    Interrupted, it stores what is finished; the attempts that had not ended are then no part of the counts.

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
    attempts = generate_attempts(model, build.generation_settings(recipe))
    with _reserved(recipe.output, directory.path / "generated") as output:
        ended, interrupted = [], False
        bar = tqdm(total=recipe.n_molecules, desc="generating", unit=" molecules", disable=None if progress else True)
        try:
            for attempt in attempts:
                ended.append(attempt)
                bar.update()
        except KeyboardInterrupt:
            interrupted = True
        bar.close()
        finished = sorted((attempt for attempt in ended if attempt.is_finished), key=lambda attempt: attempt.number)
        settings = recipe.model_dump(mode="json", exclude={"output"})
        counts = {"requested": len(ended), "finished": len(finished)}
        write_molecules(
            output,
            (Atoms(attempt.z, attempt.pos, info={"number": attempt.number}) for attempt in finished),
            metadata={"gschnet_pyg": {"version": gschnet_pyg.__version__, "settings": settings, **counts}},
        )
    return GenerationResult(output, len(ended), len(finished), interrupted)


def report(
    path: Path, reference: str | Path | None = None, options: ValidityOptions | None = None, progress: bool = True
) -> ValidityReport:
    """Judge the molecules of a file.

    Args:
        path: any file that ``open_dataset`` opens; atoms at one place and the like are verdicts, not errors. Of a
            file that :func:`generate` has written, the attempts that were abandoned count too.
        reference: molecules to tell new ones from: a file, ``demo``, or a run directory, whose split then tells
            unseen from novel.
        options: how molecules are judged.
        progress: show bars on a terminal.

    Raises:
        GschnetError: if a file cannot be read.
    """
    options = options or ValidityOptions()
    counts = stored_counts(path)
    pieces: list[tuple[np.ndarray, np.ndarray]] = []
    if counts.get("finished") != 0:
        found = read_as_is(path, progress)
        pieces = [(found.z[a:b], found.pos[a:b]) for a, b in pairwise(found.offsets.tolist())]
    known = _judged_reference(reference, options, progress) if reference is not None else None
    verdicts = judge_all(pieces, options, progress=progress)
    # counts of another number of molecules belong to a file that has been changed since
    requested = counts.get("requested") if counts.get("finished") == len(pieces) else None
    return summarise(verdicts, options=options, requested=requested, reference=known)


def _judged_reference(reference: str | Path, options: ValidityOptions, progress: bool) -> Reference:
    """Verdicts on the reference; of a run directory, with its split."""
    cache = user_cache()
    if reference == DEMO or not Path(reference).is_dir():
        return judge_reference(
            open_dataset(reference, properties=(), progress=progress), options, cache=cache, progress=progress
        )
    directory = RunDirectory(Path(reference))
    molecules: MoleculeDataset = build.dataset(directory.recipe())
    parts = load_split(directory.split_file, molecules)
    judged = judge_reference(molecules, options, cache=cache, progress=progress)
    return judged.with_seen(np.concatenate([parts.train, parts.validation]))


def stored_counts(path: Path) -> dict[str, int]:
    """Counts that :func:`generate` stored with a file that it has written; none for any other file."""
    beside = Path(f"{path}.json")
    metadata: Any = {}
    if path.suffix == ".db" and path.is_file():
        metadata = database_metadata(path)
    elif beside.is_file():
        with suppress(ValueError):  # not ours
            metadata = json.loads(beside.read_text(encoding="utf-8"))
    ours = metadata.get("gschnet_pyg") if isinstance(metadata, dict) else None
    return {name: int(ours[name]) for name in ("requested", "finished") if name in ours} if ours else {}


def _with_absolute_paths(recipe: Recipe) -> Recipe:
    """Paths to the data made absolute, so that the stored recipe means the same from anywhere."""
    data = recipe.data
    if isinstance(data, FileData):
        return recipe.model_copy(update={"data": data.model_copy(update={"path": data.path.absolute()})})
    if hasattr(data, "directory"):
        return recipe.model_copy(update={"data": data.model_copy(update={"directory": data.directory.absolute()})})
    return recipe


@contextmanager
def _reserved(output: Path | None, folder: Path) -> Iterator[Path]:
    """Take a file name before any work is done: the given one, or the first of ``1.db``, ``2.db``, ... in a folder.

    Nobody else can take it meanwhile; it is free again if the work fails.

    Raises:
        DataError: if the given name is taken or cannot be written.
    """
    numbered = (folder / f"{number}.db" for number in itertools.count(1))
    for path in numbered if output is None else [output]:
        check_writable(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.open("x").close()
        except FileExistsError:
            if output is not None:
                raise DataError(f"{path}: exists already; name another output, or remove it") from None
            continue
        break
    try:
        yield path
    except BaseException:
        path.unlink(missing_ok=True)
        raise


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
