"""Convert a model that the established implementation has trained."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gschnet_pyg import __version__
from gschnet_pyg.build.conversion import settle
from gschnet_pyg.build.model import model as build_model
from gschnet_pyg.build.paths import with_absolute_paths
from gschnet_pyg.errors import ModelError, RecipeError
from gschnet_pyg.model.conversion import read_established
from gschnet_pyg.model.state_files import read_state_dict
from gschnet_pyg.recipe import Recipe
from gschnet_pyg.run_directory import RunDirectory


@dataclass(frozen=True)
class ConversionResult:
    """Where a converted model lies.

    Attributes:
        directory: of the run.
        n_weights: numbers in the model.
        conditions: names of what molecules are to be asked for.
        needs_fragment: molecules can only grow from substructures.
        passed_over: names in the state dict that change no prediction, and were left behind.
    """

    directory: Path
    n_weights: int
    conditions: tuple[str, ...]
    needs_fragment: bool
    passed_over: tuple[str, ...]


def convert(source: Path, recipe: Recipe) -> ConversionResult:
    """Make a run directory of the state dict of a cG-SchNet that SchNetPack has trained.

    The state dict says all sizes, cutoffs and ranges; the recipe must say the same, and adds what weights do not tell:
    names and units of the conditions, the covalent factor of the placement rule, whether there is an origin token.

    Args:
        source: ``.safetensors``, ``.npz``, or what ``torch.save`` wrote; names and tensors alone, never unpickled.
        recipe: of the model; ranges of scalar conditions may be left open. Its ``run`` says where the directory lies.

    Returns:
        The new run directory, which generation takes.

    Raises:
        GschnetError: if the file is no such state dict, the recipe says otherwise, or the directory exists.
    """
    directory = RunDirectory.of(recipe)
    if directory.path.exists():
        raise ModelError(f"{directory.path}: exists already; name another directory")
    state = read_state_dict(source)
    try:
        found = read_established(state)
    except ModelError as error:
        raise ModelError(f"{source}: {error}") from None
    run = recipe.run.model_copy(update={"id": directory.path.name})
    recipe = with_absolute_paths(recipe.model_copy(update={"run": run}))
    try:
        recipe, conditions = settle(recipe, found)
    except RecipeError as error:
        raise RecipeError(f"{source}: {error}") from None
    model = build_model(recipe, conditions)
    try:
        model.load_state_dict(dict(found.weights))
    except RuntimeError as error:
        facts = " ".join(str(error).split())
        raise ModelError(f"{source}: its parameters do not fit each other, so it is damaged: {facts}") from None
    origin = {"file": source.name, "sha256": hashlib.sha256(source.read_bytes()).hexdigest(), "version": __version__}
    with _whole(directory.path) as temporary:
        RunDirectory(temporary).store_recipe(recipe)
        RunDirectory(temporary).export(model, origin)
    return ConversionResult(
        directory.path,
        sum(weight.numel() for weight in model.parameters()),
        tuple(condition.name for condition in conditions),
        model.settings.needs_fragment,
        found.passed_over,
    )


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A folder to write in, which takes its place if the block ends well and vanishes otherwise."""
    temporary = path.with_name(f".{path.name}-{os.getpid()}")
    temporary.mkdir(parents=True)
    try:
        yield temporary
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
