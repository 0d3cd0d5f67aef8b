"""Recipes: what a run does, as strict YAML with inheritance and overrides."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, PositiveFloat, PositiveInt, ValidationError, ValidationInfo, field_validator

from gschnet_pyg.errors import RecipeError
from gschnet_pyg.recipe_files import is_sweep, names_recipe, override, read_with_parents
from gschnet_pyg.recipe_problems import explain
from gschnet_pyg.recipe_sections.base import Count, Name, Section, Seed
from gschnet_pyg.recipe_sections.data import DataSource, PropertiesSection, SplitSettings
from gschnet_pyg.recipe_sections.generation import StartSettings
from gschnet_pyg.recipe_sections.logging import LoggingSection
from gschnet_pyg.recipe_sections.model import (
    AtomSettings,
    ConditionSettings,
    CutoffSettings,
    GrowthSettings,
    MixingSettings,
    ModelSection,
)
from gschnet_pyg.recipe_sections.sweep import Sweep
from gschnet_pyg.recipe_sections.training import CheckpointSection, RunSection, SamplingSection, TrainingSection
from gschnet_pyg.sweeps import SweepCommand, check_metric, trials_to_check

S = TypeVar("S", bound=Section)


class Recipe(Section):
    """Everything a training run depends on."""

    kind: Literal["train"] = "train"
    name: Name
    """Begins the ids that are made up; that of the recipe's file where there is none."""
    seed: Seed = 0
    """Of the split, the initial weights, the order of molecules and their trajectories."""
    data: DataSource
    """Where the molecules come from."""
    properties: PropertiesSection = PropertiesSection()
    split: SplitSettings
    atoms: AtomSettings = AtomSettings()
    cutoffs: CutoffSettings = CutoffSettings()
    growth: GrowthSettings = GrowthSettings()
    conditions: tuple[ConditionSettings, ...] = ()
    """What the molecules are conditioned on; none for an unconditional model."""
    mixing: MixingSettings = MixingSettings()
    model: ModelSection = ModelSection()
    training: TrainingSection = TrainingSection()
    sampling: SamplingSection | None = None
    """Molecules that are generated while the model learns."""
    checkpoint: CheckpointSection = CheckpointSection()
    logging: LoggingSection = LoggingSection()
    run: RunSection = RunSection()

    @field_validator("conditions")
    @classmethod
    def _distinct(cls, conditions: tuple[ConditionSettings, ...]) -> tuple[ConditionSettings, ...]:
        names = [condition.property for condition in conditions]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{twice[0]} stands twice; keep one of them")
        return conditions

    @field_validator("sampling")
    @classmethod
    def _can_start(cls, sampling: SamplingSection | None, info: ValidationInfo) -> SamplingSection | None:
        growth = info.data.get("growth")
        if sampling is not None and growth is not None and growth.fragment_share is not None:
            raise ValueError(
                "cannot start without a substructure, which models with a growth.fragment_share complete; leave "
                "sampling out (sampling=null), or growth.fragment_share"
            )
        return sampling

    @field_validator("checkpoint")
    @classmethod
    def _can_be_known(cls, checkpoint: CheckpointSection, info: ValidationInfo) -> CheckpointSection:
        if checkpoint.monitor != "loss" and info.data.get("sampling", True) is None:
            raise ValueError(
                f"monitor={checkpoint.monitor} is a share of sampled molecules, and there are none; say how often they "
                "are sampled, such as sampling.every=5, or take checkpoint.monitor=loss"
            )
        return checkpoint


class GenerationRecipe(Section):
    """Everything that a set of generated molecules depends on."""

    kind: Literal["generate"] = "generate"
    run: Path
    """Run directory with the model."""
    n_molecules: PositiveInt = 100
    """Molecules to attempt, dealt to the targets and substructures in turn."""
    conditions: dict[str, Any] = Field(default={})
    """Targets of every condition of the model: a number, a formula (C7H10O2), a SMILES for a fingerprint; or several of
    them, as a list or a range such as {from: 4, to: 8, steps: 5}. Every combination is a target."""
    start: StartSettings | None = None
    """Substructures to grow from."""
    batch_size: PositiveInt = 512
    """Molecules that grow at a time; the molecules do not depend on it."""
    filter_memory: PositiveFloat = 2.0
    """GB for what is kept of growing molecules from step to step; where it ends, fewer grow at a time."""
    max_atoms: PositiveInt = 35
    """A molecule of this size may finish, but gets no further atom."""
    temperature: PositiveFloat = 0.1
    """Of positions; lower is sharper."""
    type_temperature: PositiveFloat = 1.0
    """Of the next type; lower is sharper."""
    grid_minimum: PositiveFloat = 0.7
    """Å, smallest distance of a new atom to its focus."""
    grid_spacing: PositiveFloat = 0.05
    """Å, between neighbouring points of the grid."""
    seed: Seed = 0
    """Of the molecules, each of which has a random stream of its own."""
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"
    """``auto``, ``cpu``, ``cuda`` or ``cuda:0``, ``cuda:1``, ..."""
    devices: Annotated[int, Field(gt=0, le=1_024)] | Literal["auto"] = 1
    """Processes on each machine, each on a GPU of its own; auto takes all GPUs. The molecules do not depend on it."""
    nodes: Annotated[int, Field(gt=0, le=65_536)] = 1
    """Machines that generate together; they write to one folder."""
    output: Path | None = None
    """ASE database, extxyz or SDF by suffix; numbered databases in the run directory where there is none."""
    append: bool = False
    """Add to the output if it is an ASE database already; with another seed than before."""
    resume: bool = False
    """Complete the output, a database, if its generation was cut short; with the same settings, or more molecules. The
    molecules are those of a run without a break."""
    work_directory: Path | None = None
    """Fast local storage to write a new file in, which is moved to its place in the end; after a crash it is still
    there, in a hidden folder, and can be moved by hand and completed."""
    trace: tuple[Count, ...] = ()
    """Numbers of molecules, from 0, whose steps are printed and written as a trajectory beside the output."""
    view: bool = False
    """Open the finished molecules in ASE's viewer."""
    report: bool = False
    """Judge the file when it is written, against the molecules of the run where these are at hand."""
    logging: LoggingSection = LoggingSection()


def load_recipe(name: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a training recipe.

    Args:
        name: path, or name of a recipe that ships with the package.
        overrides: ``dotted.key=value``; list entries by their number.

    Raises:
        RecipeError: naming the key, what is wrong with it and, for a misspelt one, the nearest right one.
    """
    content = read_with_parents(name)
    if content.get("kind") == "generate":
        raise RecipeError(f"{name}: is a recipe for generation; use it with gschnet-pyg generate")
    _refuse_sweep(name, content)
    default_name = re.sub(r"[^\w.-]+|^[^\w]+", "-", Path(name).stem).strip("-")
    return _validate(Recipe, str(name), {"name": default_name, **override(content, overrides)})


def load_generation_recipe(
    name: str | Path | None, overrides: Sequence[str] = (), values: Mapping[str, Any] | None = None
) -> GenerationRecipe:
    """Read a generation recipe.

    Args:
        name: path, or name of a recipe that ships with the package; none builds one from the rest alone.
        overrides: ``key=value``.
        values: settings by key; they come last.

    Raises:
        RecipeError: as :func:`load_recipe`.
    """
    content = read_with_parents(name) if name is not None else {}
    _refuse_sweep(name, content)
    if name is not None and content.get("kind") != "generate":
        raise RecipeError(
            f"{name}: is a recipe for training (it lacks kind: generate); train it, then name its run directory"
        )
    return _validate(
        GenerationRecipe, str(name or "generation recipe"), {**override(content, overrides), **(values or {})}
    )


def check_recipe(name: str | Path, overrides: Sequence[str] = ()) -> Recipe | GenerationRecipe | Sweep:
    """Read a recipe of any kind, or a sweep with all that it calls.

    Raises:
        RecipeError: as :func:`load_recipe`, :func:`load_sweep`; for overrides of a sweep.
    """
    content = read_with_parents(name)
    if is_sweep(content):
        if overrides:
            raise RecipeError(f"{overrides[0]}: a sweep takes no changes; edit a copy (gschnet-pyg recipe copy)")
        return load_sweep(name)
    if content.get("kind") == "generate":
        return load_generation_recipe(name, overrides)
    return load_recipe(name, overrides)


def load_sweep(name: str | Path) -> Sweep:
    """Read a sweep of Weights & Biases, and check the recipe of every trial.

    Of ranges, both ends are checked.

    Args:
        name: path, or name of a sweep that ships with the package.

    Raises:
        RecipeError: naming the key, of the sweep or of the recipe that it varies, and what is wrong with it.
    """
    sweep = _validate(Sweep, str(name), read_with_parents(name))
    command = SweepCommand.of(sweep, str(name))
    for trial in trials_to_check(sweep):
        try:
            recipe = _recipe_of_trial(command, command.overrides(trial))
        except RecipeError as error:
            raise RecipeError(f"{name}: {error}") from None
        if recipe.logging.wandb != "online":
            raise RecipeError(f"{name}: command: a sweep hears of its runs online; add logging.wandb=online")
        check_metric(
            sweep,
            str(name),
            verb=command.verb,
            is_sampled=isinstance(recipe, Recipe) and recipe.sampling is not None,
            is_judged=isinstance(recipe, GenerationRecipe) and recipe.report,
        )
    return sweep


def _recipe_of_trial(command: SweepCommand, overrides: Sequence[str]) -> Recipe | GenerationRecipe:
    if command.verb == "train":
        return load_recipe(command.source, overrides)
    if names_recipe(command.source):
        return load_generation_recipe(command.source, overrides)
    return load_generation_recipe(None, overrides, {"run": command.source})


def _refuse_sweep(name: str | Path | None, content: Mapping[str, Any]) -> None:
    if is_sweep(content):
        raise RecipeError(f"{name}: is a sweep; begin it with: wandb sweep $(gschnet-pyg recipe path {name})")


def json_schema() -> dict[str, Any]:
    """JSON schema of recipe files of all kinds, sweeps among them, for editors.

    No key is required, since any may come from the recipe that a file extends.
    """
    kinds = [kind.model_json_schema() for kind in (Recipe, GenerationRecipe, Sweep)]
    sections = {name: section for kind in kinds for name, section in kind.pop("$defs", {}).items()}
    for section in (*kinds, *sections.values()):
        section.pop("required", None)
    for kind in kinds[:2]:
        kind["properties"]["extends"] = {"type": "string", "description": "recipe to start from: a name or a path"}
    kinds[1]["required"] = ["kind"]
    kinds[2]["required"] = ["method", "parameters", "command"]  # wandb knows no inheritance
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "anyOf": kinds, "$defs": sections}


def _validate(kind: type[S], where: str, content: dict[str, Any]) -> S:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise RecipeError(explain(where, error, kind)) from None
