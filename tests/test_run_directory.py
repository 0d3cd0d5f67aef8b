"""Run directories: what a resumed run may leave open, and what it may not change."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gschnet_pyg.errors import ModelError, RecipeError
from gschnet_pyg.recipe import Recipe, load_recipe
from gschnet_pyg.recipe_sections.data import RelativeAtomicEnergySettings
from gschnet_pyg.recipe_sections.model import ScalarSettings
from gschnet_pyg.run_directory import RunDirectory, new_id

BASE = (
    "run.id=a",
    "split.test=100",
    "split.hold_out=[n_atoms > 20]",
    "conditions=[{kind: scalar, property: gap}, {kind: scalar, property: relative_atomic_energy, width: 32},"
    " {kind: vector, hidden: 16}]",
    "properties.relative_atomic_energy={energy: u0}",
    "model.max_distance=12",
    "training.gradient_clip=5",
    "training.ema_decay=0.99",
)


@pytest.fixture
def given(tmp_path: Path) -> Recipe:
    return load_recipe("qm9", [f"run.directory={tmp_path}", *BASE])


@pytest.fixture
def settled(given: Recipe) -> Recipe:
    """As the training molecules fill it in."""
    gap, energy, vector = given.conditions
    assert isinstance(gap, ScalarSettings)
    assert isinstance(energy, ScalarSettings)
    filled = RelativeAtomicEnergySettings(energy="u0", coefficients={"H": -13.6, "C": -1e-17}, intercept=0.1 + 0.2)
    return given.model_copy(
        update={
            "conditions": (
                gap.model_copy(update={"minimum": 3.1, "maximum": 1 / 3 + 10, "spacing": 1.7}),
                energy.model_copy(update={"minimum": -0.2, "maximum": 0.2, "spacing": 0.1}),
                vector,
            ),
            "properties": given.properties.model_copy(update={"relative_atomic_energy": filled}),
        }
    )


@pytest.fixture
def directory(settled: Recipe) -> RunDirectory:
    directory = RunDirectory.of(settled)
    directory.path.mkdir()
    directory.store_recipe(settled)
    return directory


def with_overrides(tmp_path: Path, *overrides: str) -> Recipe:
    return load_recipe("qm9", [f"run.directory={tmp_path}", *BASE, *overrides])


def test_a_stored_recipe_reads_back_exactly(directory: RunDirectory, settled: Recipe) -> None:
    assert directory.recipe() == settled


def test_the_same_recipe_goes_on_with_what_was_settled(directory: RunDirectory, given: Recipe, settled: Recipe) -> None:
    assert directory.continued(given) == settled
    assert directory.continued(settled) == settled


def test_a_new_run_is_what_its_recipe_says(given: Recipe) -> None:
    assert RunDirectory.of(given).continued(given) == given


@pytest.mark.parametrize(
    "change",
    [
        "training.max_epochs=7",
        "training.max_minutes=3",
        "training.early_stopping=null",
        "training.gradient_clip=null",
        "training.validate_every=0.5",
        "training.workers.train=0",
        "training.accelerator=cpu",
        "sampling.every=2",
        "run.cache_directory=cache",
        "name=another",
    ],
)
def test_limits_and_machinery_may_change(directory: RunDirectory, settled: Recipe, tmp_path: Path, change: str) -> None:
    changed = with_overrides(tmp_path, change)
    going_on = directory.continued(changed)
    assert going_on.conditions == settled.conditions
    assert (going_on.training, going_on.run, going_on.name) == (changed.training, changed.run, changed.name)


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("seed", "seed=1"),
        ("data", "data.remove_uncharacterised=false"),
        ("data", "data={kind: demo}"),
        ("split", "split.train=49999"),
        ("split", "split.test=null"),
        ("split", "split.hold_out=[]"),
        ("atoms", "atoms.types=[1, 6, 7, 8]"),
        ("atoms", "atoms.types=[6, 1, 7, 8, 9]"),
        ("cutoffs", "cutoffs.prediction=4"),
        ("cutoffs", "cutoffs.covalent_factor=null"),
        ("growth", "growth.fragment_share=0.5"),
        ("mixing", "mixing.layers=4"),
        ("model", "model.features=64"),
        ("model", "model.max_distance=null"),
        ("training.batch_size", "training.batch_size=6"),
        ("training.steps_drawn", "training.steps_drawn=6"),
        ("training.optimizer", "training.optimizer.learning_rate=1"),
        ("training.schedule", "training.schedule={kind: constant}"),
        ("training.ema_decay", "training.ema_decay=null"),
        ("properties", "properties.relative_atomic_energy=null"),
        ("properties", "properties.relative_atomic_energy.energy=h298"),
        ("properties", "properties.relative_atomic_energy.coefficients={H: -13.6, C: -1}"),
        ("properties", "properties.fingerprint.bits=512"),
        ("conditions", "conditions=[]"),
        ("conditions", "conditions=[{kind: scalar, property: gap}]"),
        ("conditions", "conditions.0.property=lumo"),
        ("conditions", "conditions.0.minimum=3.2"),
        ("conditions", "conditions.1.width=64"),
        ("conditions", "conditions.2.hidden=null"),
        ("conditions", "conditions.2.hidden=8"),
        ("conditions", "conditions.2={kind: composition}"),
    ],
)
def test_what_the_model_has_learnt_from_may_not_change(
    directory: RunDirectory, tmp_path: Path, part: str, change: str
) -> None:
    with pytest.raises(RecipeError, match=rf"^{re.escape(part)}: differs from .*recipe\.yaml, which") as caught:
        directory.continued(with_overrides(tmp_path, change))
    assert "\n" not in str(caught.value)


def test_what_a_run_has_left_empty_may_not_be_filled_in(directory: RunDirectory, tmp_path: Path) -> None:
    """Nor is null the same as any number when it is the stored recipe that says so."""
    with pytest.raises(RecipeError, match="model: differs"):
        directory.continued(with_overrides(tmp_path, "model.distance_bins=200"))


def test_values_as_they_were_settled_may_be_given(directory: RunDirectory, settled: Recipe, tmp_path: Path) -> None:
    assert directory.continued(with_overrides(tmp_path, "conditions.0.minimum=3.1")) == settled


def test_conditions_in_another_order_are_others(directory: RunDirectory, given: Recipe) -> None:
    """The embeddings are stacked in the recipe's order."""
    with pytest.raises(RecipeError, match="conditions: differs"):
        directory.continued(given.model_copy(update={"conditions": given.conditions[::-1]}))


def test_what_is_no_run_directory(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"no run directory \(it has no recipe.yaml\)"):
        RunDirectory(tmp_path).recipe()
    with pytest.raises(ModelError, match="no such run directory"):
        RunDirectory(tmp_path / "none").model()
    with pytest.raises(RecipeError, match="no run directory"):
        RunDirectory(tmp_path).model()


def test_a_run_without_a_checkpoint_has_no_model(directory: RunDirectory) -> None:
    with pytest.raises(ModelError, match=r"no model.safetensors and no checkpoint; train first"):
        directory.model()
    directory.checkpoint("best").parent.mkdir()
    directory.checkpoint("best").write_bytes(b"PK\x03\x04 half a checkpoint")
    with pytest.raises(ModelError, match=r"best\.ckpt: damaged checkpoint .*; remove it, or restore it from a backup"):
        directory.model()


def test_ids_are_new_and_say_where_they_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert new_id("a") != new_id("a")
    assert re.fullmatch(r"a-\d{8}-\d{6}-[0-9a-f]{4}", new_id("a"))
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    assert new_id("a").startswith("a-4711-")


def test_a_misspelt_run_directory_comes_with_the_nearest_one(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    with pytest.raises(ModelError, match=r"frist: no such run directory; did you mean '.*/first'\?$"):
        RunDirectory(tmp_path / "frist").model()
    with pytest.raises(ModelError, match=r"zzz: no such run directory$"):
        RunDirectory(tmp_path / "zzz").model()
