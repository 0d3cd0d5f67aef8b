"""Every setting of a run changes what it should."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import ase.io
import numpy as np
import pytest
import torch
from ase.units import Bohr, Hartree
from lightning.pytorch.callbacks import TQDMProgressBar

from gschnet_pyg.build.training import trainer
from gschnet_pyg.contracts import PlacementSteps
from gschnet_pyg.data.sources import open_dataset
from gschnet_pyg.model.gschnet import GSchNet
from gschnet_pyg.model.storage import load_model
from gschnet_pyg.recipe import load_recipe
from gschnet_pyg.run_directory import RunDirectory
from gschnet_pyg.training.module import PlacementTraining
from tests.integration.conftest import Command, refused, train, train_again

SHORT = "training.max_steps=2"


def losses(directory: Path) -> dict[str, float]:
    return json.loads((directory / "losses.json").read_text())


def metrics(directory: Path, name: str) -> list[float]:
    with (directory / "metrics.csv").open() as file:
        return [float(row[name]) for row in csv.DictReader(file) if row[name]]


def model(directory: Path) -> GSchNet:
    return load_model(directory / "model.safetensors")


def n_weights(directory: Path, part: str | None = None) -> int:
    whole = model(directory)
    return sum(weight.numel() for weight in (getattr(whole, part) if part else whole).parameters())


def test_worker_processes_change_nothing(command: Command, database: Path) -> None:
    zero, one = (
        train(
            command,
            database,
            SHORT,
            f"training.workers={{train: {n}, validation: {n}, test: {n}, preprocessing: {n}}}",
            "properties.fingerprint.bits=64",
            "conditions=[{kind: vector, property: fingerprint, width: 8, layers: 1}]",
            f"run.cache_directory=cache{n}",
            name=f"w{n}",
        )
        for n in (0, 1)
    )
    assert losses(zero) == pytest.approx(losses(one), abs=1e-6)
    assert len(losses(zero)) == 5


def test_types_multiplied_or_averaged(command: Command, database: Path) -> None:
    product, average = (
        train(command, database, SHORT, f"model.type_distribution={kind}", name=kind) for kind in ("product", "average")
    )
    assert losses(product)["test/type"] != pytest.approx(losses(average)["test/type"], abs=1e-3)
    assert losses(product)["test/distance"] == pytest.approx(losses(average)["test/distance"], rel=0.01)
    assert n_weights(product) == n_weights(average)


def test_shared_interactions_have_the_weights_of_one(command: Command, database: Path) -> None:
    one, three, shared = (
        train(
            command,
            database,
            SHORT,
            f"model.interactions={number}",
            f"model.shared_interactions={str(is_shared).lower()}",
            name=f"{number}-{is_shared}",
        )
        for number, is_shared in ((1, False), (3, False), (3, True))
    )
    assert n_weights(shared) == n_weights(one) < n_weights(three)
    assert losses(shared)["test/loss"] != losses(one)["test/loss"]


def test_one_hot_labels(command: Command, database: Path) -> None:
    """The divergence does not count the entropy of a label; a narrow Gaussian is spread over two bins at most."""
    broad, narrow, one_hot = (
        losses(train(command, database, SHORT, f"training.label_width={width}", name=f"w{width}"))["test/distance"]
        for width in (3.0, 0.0101, 0.0099)
    )
    assert broad < narrow
    assert narrow < one_hot < narrow + math.log(2)
    assert one_hot == pytest.approx(math.log(202), abs=0.3)  # an untrained guess among the bins


def test_distance_bins(command: Command, database: Path) -> None:
    default = model(train(command, database, SHORT, name="default")).bins
    assert (default.maximum, default.number) == (pytest.approx(6.7), 202)  # 30 per Å, and one
    longer = model(train(command, database, SHORT, "model.max_distance=9", name="longer")).bins
    assert (longer.maximum, longer.number) == (9.0, 271)
    coarse = train(command, database, SHORT, "model.max_distance=8", "model.distance_bins=17", name="coarse")
    assert model(coarse).bins.width == 0.5
    assert model(coarse).distance_head[-1].out_features == 17


def test_token_types(command: Command, database: Path) -> None:
    directory = train(command, database, SHORT, "atoms={types: [9, 8, 7, 6, 1], origin: 20, focus: 30, stop: 40}")
    vocabulary = model(directory).vocabulary
    assert vocabulary.atom_types == (9, 8, 7, 6, 1)
    assert (vocabulary.origin, vocabulary.focus, vocabulary.stop) == (20, 30, 40)
    assert command("generate", directory, "-n", 8, "--max-atoms", 3, "-o", "some.db").code == 0
    assert set(open_dataset("some.db").z.tolist()) <= {1, 6, 7, 8, 9}
    refused(train_again(command, database, "atoms.stop=6", name="other"), "atoms", "distinct")


def test_covalent_radii_decide_what_falls_apart(command: Command, database: Path) -> None:
    """H...H across a methyl group lies beyond their radii, yet within 2 Å; no bond is longer than 1.6."""
    bonded = train(command, database, SHORT, "cutoffs.placement=2.0", name="bonded")
    anything = train(command, database, SHORT, "cutoffs.placement=2.0", "cutoffs.covalent_factor=null", name="any")
    assert model(bonded).cutoffs.covalent_factor == 1.1
    assert model(anything).cutoffs.covalent_factor is None
    # another rule, another number of bins, and other trajectories
    assert losses(bonded)["test/loss"] != losses(anything)["test/loss"]
    outcome = train_again(command, database, SHORT, "cutoffs.placement=1.2", name="short")
    refused(outcome, "only 4 can be used")  # methane alone holds together


def test_few_steps_are_drawn_of_every_molecule(
    command: Command, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int, int]] = []
    plain = PlacementTraining.training_step

    def step(self: PlacementTraining, steps: PlacementSteps, batch_idx: int) -> torch.Tensor:
        seen.append((steps.n_molecules, steps.n_steps, int((steps.next_class == 5).sum())))
        return plain(self, steps, batch_idx)

    monkeypatch.setattr(PlacementTraining, "training_step", step)
    train(command, database, "training.max_epochs=1", "training.steps_drawn=3", name="few")
    assert [n_steps for _, n_steps, _ in seen] == [24, 24, 12]
    seen.clear()
    train(command, database, "training.max_epochs=1", "training.steps_drawn=0", name="all")
    for _, n_steps, n_stops in seen:
        assert n_stops * 2 == n_steps  # a stop for every placement


def test_early_stopping_counts_validations(command: Command, database: Path) -> None:
    """A learning rate of nearly nothing improves nothing."""
    still = ("training.optimizer={kind: adam, learning_rate: 1e-30}", "training.schedule={kind: constant}")
    directory = train(command, database, *still, "training.early_stopping=3", "training.max_epochs=50")
    assert len(metrics(directory, "validation/loss")) == 4
    assert len(set(metrics(directory, "validation/loss"))) == 1


def test_plateau_halves_down_to_its_minimum(command: Command, database: Path) -> None:
    directory = train(
        command,
        database,
        "training.optimizer={kind: adam, learning_rate: 4e-20}",
        "training.schedule={kind: plateau, factor: 0.5, patience: 1, minimum: 1.5e-20}",
        "training.max_epochs=8",
        "training.ema_decay=null",
    )
    with (directory / "metrics.csv").open() as file:
        assert "learning_rate" in next(csv.reader(file))
    last = RunDirectory(directory).read_checkpoint("last")
    assert last["optimizer_states"][0]["param_groups"][0]["lr"] == pytest.approx(1.5e-20)
    assert last["lr_schedulers"][0]["min_lrs"] == [1.5e-20]


def test_every_setting_of_the_optimisation_counts(command: Command, database: Path) -> None:
    """Six steps with one thing changed lead to other weights."""
    base = ("training.max_epochs=2", "training.schedule={kind: constant}")
    changes = {
        "base": "seed=0",
        "rate": "training.optimizer.learning_rate=1e-3",
        "kind": "training.optimizer={kind: adam, learning_rate: 1.5e-3, weight_decay: 1.0}",
        "decay": "training.optimizer.weight_decay=1",
        "clip": "training.gradient_clip=1e-8",
        "average": "training.ema_decay=null",
        "batch": "training.batch_size=4",
        "noise": "training.position_noise=0.05",
        "origin": "training.origin_noise=0.05",
        "plateau": "training.schedule={kind: cosine, warmup_steps: 4}",
    }
    weights = []
    for name, change in changes.items():
        state = model(train(command, database, *base, change, name=name)).state_dict()
        weights.append(torch.cat([value.flatten() for value in state.values()]))
    for number, ours in enumerate(weights):
        assert not any(torch.equal(ours, others) for others in weights[:number])


@pytest.mark.parametrize(("every", "validations"), [(0.34, 6), (1, 2), (2, 1)])
def test_validations_follow_the_epochs(command: Command, database: Path, every: float, validations: int) -> None:
    """Three batches make an epoch."""
    directory = train(command, database, f"training.validate_every={every}", "training.max_epochs=2")
    assert len(metrics(directory, "validation/loss")) == validations


@pytest.mark.parametrize(("is_terminal", "refresh", "bars"), [(True, 7, [7]), (True, 0, []), (False, 7, [])])
def test_a_progress_bar_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_terminal: bool, refresh: int, bars: list[int]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal)
    recipe = load_recipe("demo", [f"training.progress_refresh={refresh}", "training.accelerator=cpu"])
    callbacks = trainer(recipe, tmp_path, 10).callbacks
    assert [each.refresh_rate for each in callbacks if isinstance(each, TQDMProgressBar)] == bars


def test_units_of_a_file_without_any(command: Command, measured: Path) -> None:
    """Extended xyz states no units; the recipe does."""
    frames = ase.io.read(measured, ":")
    for number, atoms in enumerate(frames):
        atoms.positions /= Bohr
        atoms.calc, atoms.info = None, {"gap": 0.1 + 0.01 * number}
    ase.io.write("plain.extxyz", frames)
    units = ("data.distance_unit=Bohr", "data.units={gap: Hartree}")
    directory = train(command, Path("plain.extxyz"), *units, "conditions=[{kind: scalar, property: gap}]", SHORT)
    (gap,) = model(directory).conditions.conditions
    assert gap.unit == "eV"
    assert 0.1 * Hartree <= gap.observed[0][0] < gap.observed[0][1] <= 0.42 * Hartree
    # read as Å, no molecule holds together
    refused(train_again(command, Path("plain.extxyz"), SHORT, name="other"), "only 0 can be used")


def test_held_out_compositions_are_tested_only(command: Command, database: Path) -> None:
    given = "split={train: 0.5, validation: 0.25, test: null, hold_out: [composition == C6H6, [n_atoms > 19]]}"
    directory = train(command, database, given, SHORT)
    molecules = open_dataset(database)
    split = np.load(directory / "split.npz")
    benzene_and_hexane = molecules.ids[np.isin(molecules.n_atoms, (12, 20))].tolist()
    assert len(benzene_and_hexane) == 8
    assert set(benzene_and_hexane) <= set(split["test"].tolist())
    assert len(split["train"]) == 12  # half of the others


def test_a_split_that_is_brought_along(command: Command, database: Path) -> None:
    """SchNetPack's counts from 0, the ids of a database from 1."""
    np.savez("theirs.npz", train_idx=np.arange(20), val_idx=np.arange(20, 30), test_idx=np.array([31]))
    directory = train(command, database, "split={file: theirs.npz, train: null, validation: null}", SHORT)
    split = np.load(directory / "split.npz")
    assert split["train"].tolist() == list(range(1, 21))
    assert split["test"].tolist() == [32]
    again = train(command, database, f"split={{file: {directory / 'split.npz'}}}", SHORT, name="again")
    assert np.load(again / "split.npz")["validation"].tolist() == list(range(21, 31))


def test_seeds(command: Command, database: Path) -> None:
    first, again, other = (
        train(command, database, SHORT, f"seed={seed}", name=name)
        for name, seed in (("first", 1), ("again", 1), ("other", 2))
    )
    assert losses(first) == losses(again)
    assert losses(first) != losses(other)
    splits = [np.load(directory / "split.npz")["train"].tolist() for directory in (first, again, other)]
    assert splits[0] == splits[1] != splits[2]


def test_what_is_said_at_the_start(command: Command, database: Path) -> None:
    outcome = train_again(command, database, SHORT, "cutoffs.model=4")
    assert "Warning: cutoffs.model is below cutoffs.prediction" in outcome.err
    assert "Weights: schnet " in outcome.out
    assert "On the CPU" in outcome.out
    outcome = train_again(command, database, SHORT, "training.model_summary=false", name="quiet")
    assert "Weights: " not in outcome.out
    if not torch.accelerator.is_available():
        refused(train_again(command, database, SHORT, "training.accelerator=gpu", name="gpu"), "no GPU can be used")
        assert not Path("runs/gpu").exists()


def test_an_id_is_made_up_or_comes_from_slurm(
    command: Command, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    assert train_again(command, database, SHORT, name="null").code == 0
    (directory,) = Path("runs").iterdir()
    assert directory.name.startswith("qm9_fast-4711-")
    assert RunDirectory(directory).recipe().run.id == directory.name
    # under that id the stored recipe resumes the run
    assert command("train", directory / "recipe.yaml").out.startswith(f"Resuming {directory}")
