"""Models of the established implementation become run directories that generate."""

from __future__ import annotations

import hashlib
import json
import shlex
from pathlib import Path

import ase.db
import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from gschnet_pyg import run
from gschnet_pyg.build.model import model as build_model
from gschnet_pyg.contracts import PlacementSteps, Prediction
from gschnet_pyg.model.conditions import CompositionCondition, Condition, ScalarCondition, VectorCondition
from gschnet_pyg.model.gschnet import GSchNet
from gschnet_pyg.recipe import load_recipe
from gschnet_pyg.run_directory import RunDirectory
from gschnet_pyg.trajectory.collate import PlacementCollate
from tests.integration.conftest import TINY, Command, refused
from tests.model.established import established_state
from tests.molecules import molecules
from tests.reference import read_case

SIZES = (
    "model={features: 8, interactions: 2, type_head: {layers: 3, width: [16, 9]},"
    " distance_head: {layers: 2, width: 16}}",
    "atoms.types=[1,6,7,8,9]",
    "mixing={layers: 2, width: 12}",
)
OF_CONDITIONS = (
    "conditions=[{kind: scalar, property: gap, width: 6}, {kind: composition, width: 6, type_features: 4,"
    " count: {width: 5}}, {kind: vector, property: fingerprint, width: 6}, {kind: scalar, property: n_atoms,"
    " width: 6, minimum: 0, maximum: 30, spacing: 10}]"
)
CONDITIONS: tuple[Condition, ...] = (
    ScalarCondition(name="gap", minimum=2.0, maximum=11.0, spacing=2.25, width=6),
    CompositionCondition(
        atom_types=(1, 6, 7, 8, 9), width=6, type_features=4,
        count=ScalarCondition(name="n_atoms", minimum=0.0, maximum=35.0, spacing=8.75, width=5),
    ),
    VectorCondition(name="fingerprint", size=5, width=6),
    ScalarCondition(name="n_atoms", minimum=0.0, maximum=30.0, spacing=10.0, width=6),
)  # fmt: skip


def original(conditions: tuple[Condition, ...] = ()) -> GSchNet:
    """A model of other weights than a new one of the recipe."""
    model = build_model(load_recipe("qm9", [*SIZES, "seed=7"]), conditions)
    torch.manual_seed(5)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    return model.eval()


def write(model: GSchNet, path: Path) -> Path:
    state = established_state(model)
    match path.suffix:
        case ".safetensors":
            save_file(state, path)
        case ".npz":
            np.savez(path, **{name: value.numpy() for name, value in state.items()})
        case ".ckpt":
            of_task = {f"model.{name}": value for name, value in state.items()}
            torch.save({"epoch": 3, "state_dict": of_task}, path)
        case _:
            torch.save(state, path)
    return path


def predictions(model: GSchNet) -> Prediction:
    steps: PlacementSteps = PlacementCollate(model.vocabulary, model.cutoffs)(molecules())
    if model.conditions is not None:
        generator = torch.Generator().manual_seed(2)
        steps.conditions = {
            each.name: 5 * torch.rand(len(molecules()), each.n_values, generator=generator)
            for each in model.conditions.conditions
        }
    with torch.no_grad():
        return model(steps)


def assert_predicts_alike(one: GSchNet, other: GSchNet) -> None:
    ours, theirs = predictions(one), predictions(other)
    assert torch.equal(ours.type_logp, theirs.type_logp)
    assert torch.equal(ours.distance_logp, theirs.distance_logp)


@pytest.mark.parametrize("name", ["plain.safetensors", "plain.npz", "plain.pt", "plain.ckpt"])
def test_a_converted_model_predicts_what_it_did(name: str, command: Command) -> None:
    model = original()
    path = write(model, Path(name))
    outcome = command("convert", path, "--recipe", "qm9", *SIZES, "-o", "runs/converted")
    assert outcome.code == 0, outcome.err
    assert "gschnet-pyg generate runs/converted" in outcome.out
    directory = RunDirectory(Path("runs/converted"))
    assert_predicts_alike(directory.model(), model)
    assert directory.recipe().run.id == "converted"
    assert directory.conversion()["file"] == name
    assert directory.conversion()["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    with safe_open(directory.model_file, framework="pt") as file:
        assert json.loads(file.metadata()["converted_from"]) == directory.conversion()


def test_every_kind_of_condition_and_generation(command: Command) -> None:
    model = original(CONDITIONS)
    path = write(model, Path("plain.pt"))
    outcome = command("convert", path, "--recipe", "qm9", *SIZES, OF_CONDITIONS, "-o", "runs/c", "--json")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["conditions"] == ["gap", "composition", "fingerprint", "n_atoms"]
    converted = RunDirectory(Path("runs/c")).model()
    assert_predicts_alike(converted, model)
    gap, composition, fingerprint, n_atoms = converted.conditions.conditions
    assert (gap.minimum, gap.maximum, gap.spacing, gap.unit, gap.computed) == (2.0, 11.0, 2.25, "eV", None)
    assert composition.computed == {"kind": "composition"}
    assert (fingerprint.size, fingerprint.computed) == (5, None)
    assert n_atoms.computed == {"kind": "n_atoms"}
    stored = RunDirectory(Path("runs/c")).recipe().conditions[0]
    assert (stored.minimum, stored.maximum, stored.spacing) == (2.0, 11.0, 2.25)

    targets = ("-c", "gap=4", "-c", "composition=CH4", "-c", "fingerprint=[0, 1, 0, 1, 1]", "-c", "n_atoms=5")
    outcome = command("generate", "runs/c", "-n", 6, "--max-atoms", 6, *targets)
    assert outcome.code == 0, outcome.err
    assert "--reference" not in outcome.out
    with ase.db.connect("runs/c/generated/1.db") as database:
        assert database.metadata["gschnet_pyg"]["requested"] == 6


def test_coefficients_of_the_relative_atomic_energy_are_taken_from_the_recipe(command: Command) -> None:
    energy = ScalarCondition(name="relative_atomic_energy", minimum=-0.2, maximum=0.2, spacing=0.1)
    write(original((energy,)), Path("plain.pt"))
    asked = "conditions=[{kind: scalar, property: relative_atomic_energy}]"
    without = "properties.relative_atomic_energy={energy: u0}"
    given = without.replace("u0", "u0, coefficients: {H: -1, C: -2, N: -3, O: -4, F: -5}, intercept: 0.5")
    for name, properties in (("open", without), ("given", given)):
        outcome = command("convert", "plain.pt", "--recipe", "qm9", *SIZES, asked, properties, "-o", f"runs/{name}")
        assert outcome.code == 0, outcome.err
    (left_open,) = RunDirectory(Path("runs/open")).model().conditions.conditions
    (settled,) = RunDirectory(Path("runs/given")).model().conditions.conditions
    assert left_open.computed is None
    assert settled.computed["coefficients"] == {"H": -1.0, "C": -2.0, "N": -3.0, "O": -4.0, "F": -5.0}
    assert settled.computed["intercept"] == 0.5
    assert settled.unit == left_open.unit == "eV"


def test_everything_that_differs_is_named_and_the_overrides_work(command: Command) -> None:
    write(original(CONDITIONS), Path("plain.pt"))
    outcome = command("convert", "plain.pt", "--recipe", "qm9", "cutoffs.model=9", "atoms.stop=99", "-o", "runs/c")
    refused(
        outcome,
        "plain.pt: ",
        "model.features: the weights have 8, the recipe 128",
        "model.type_head.width: the weights have [16,9], the recipe 256",
        "atoms.stop: the weights have 123, the recipe 99",
        "cutoffs.model: the weights have 10, the recipe 9",
        "conditions: the weights have scalar, composition, vector, scalar, in this order, the recipe none",
        "with a property in place of each NAME",
    )
    assert not Path("runs").exists()
    text = outcome.err.partition("To follow the weights add: ")[2].partition(", with a property")[0]
    for name in ("gap", "fingerprint", "n_atoms"):
        text = text.replace("NAME", name, 1)
    outcome = command("convert", "plain.pt", "--recipe", "qm9", *shlex.split(text), "-o", "runs/c", "--quiet")
    assert outcome.code == 0, outcome.err
    assert outcome.out == "runs/c\n"


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        (("conditions.0.spacing=2",), "conditions.0.spacing: the weights have 2.25, the recipe 2"),
        (("conditions.0.maximum=12",), "conditions.0.maximum: the weights have 11, the recipe 13.25"),
        (("conditions.0.minimum=20",), "the weights range from 2 to 11, the recipe from 20 to 11"),
        (("conditions.1.skip_hydrogen=true",), "conditions.1.skip_hydrogen: the weights have false, the recipe true"),
        (("conditions.1.count.maximum=40",), "conditions.1.count.maximum: the weights have 35, the recipe 43.75"),
        (("conditions.2.hidden=7",), "conditions.2.hidden"),
        (("mixing.scale=10",), "mixing.scale: the weights have 1, the recipe 10"),
        (("model.type_distribution=average",), 'model.type_distribution: the weights have "product"'),
        (("model.distance_bins=100",), "model.distance_bins: the weights have 202, the recipe 100"),
        (("model.shared_interactions=true",), "model.shared_interactions: the weights have false"),
        (("atoms.types=[6,1,7,8,9]",), "atoms.types: the weights have [1,6,7,8,9], the recipe [6,1,7,8,9]"),
        (("cutoffs.placement=1.8",), "cutoffs.placement: the weights have 1.7, the recipe 1.8"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_recipe_that_says_otherwise_is_refused(changes: tuple[str, ...], fact: str, command: Command) -> None:
    write(original(CONDITIONS), Path("plain.pt"))
    outcome = command("convert", "plain.pt", "--recipe", "qm9", *SIZES, OF_CONDITIONS, *changes, "-o", "runs/c")
    refused(outcome, fact)
    assert not Path("runs/c").exists()


def test_other_refusals(command: Command) -> None:
    path = write(original(), Path("plain.pt"))
    torch.save(original(), "best_model")
    refused(command("convert", "best_model", "--recipe", "qm9", "-o", "runs/c"), "never unpickled", "state_dict()")
    refused(command("convert", "none.pt", "--recipe", "qm9", "-o", "runs/c"), "none.pt: no such file")
    refused(command("convert", path, "--recipe", "qn9", "-o", "runs/c"), "did you mean 'qm9'?")
    Path("runs/c").mkdir(parents=True)
    refused(command("convert", path, "--recipe", "qm9", *SIZES, "-o", "runs/c"), "runs/c: exists already")
    assert list(Path("runs").iterdir()) == [Path("runs/c")]
    torch.save({**established_state(original()), "type_prediction_net.0.weight": torch.ones(16, 9)}, "damaged.pt")
    refused(command("convert", "damaged.pt", "--recipe", "qm9", *SIZES, "-o", "runs/d"), "do not fit each other")
    torch.save({**established_state(original()), "extra.weight": torch.ones(2)}, "strange.pt")
    refused(command("convert", "strange.pt", "--recipe", "qm9", *SIZES, "-o", "runs/d"), "strange.pt", "extra.weight")


def test_a_converted_run_cannot_tell_what_it_has_seen_and_is_not_trained_over(command: Command, database: Path) -> None:
    path = write(original(), Path("plain.pt"))
    data = ("data.kind=file", f"data.path={database.name}")
    outcome = command("convert", path, "--recipe", "qm9", *SIZES, *data, "-o", "runs/c")
    assert outcome.code == 0, outcome.err
    before = Path("runs/c/model.safetensors").read_bytes()
    refused(command("train", "qm9", *data, *TINY, "run.id=c"), "converted from plain.pt", "another id")
    assert Path("runs/c/model.safetensors").read_bytes() == before
    refused(command("report", database, "--reference", "runs/c"), "converted from plain.pt", "--split")
    np.savez("split.npz", train_idx=np.arange(20), val_idx=np.arange(20, 28), test_idx=np.arange(28, 32))
    outcome = command("report", database, "--reference", "runs/c", "--split", "split.npz", "--json", "report.json")
    assert outcome.code == 0, outcome.err


@pytest.mark.shared
@pytest.mark.parametrize("name", ["unconditional", "composition_gap", "short_cutoffs"])
def test_reference_weights_give_reference_predictions(name: str, shared: Path, tmp_path: Path) -> None:
    case = read_case(shared, name)
    settings = [
        "model={features: 32, interactions: 3, type_head: {layers: 3, width: 48},"
        " distance_head: {layers: 3, width: 48}}",
        f"run.directory={tmp_path}",
        "run.id=converted",
    ]
    if case.is_conditional:
        settings += [
            "mixing={layers: 2, width: 24}",
            "conditions=[{kind: composition, type_features: 8, layers: 2, width: 16, count: {layers: 2, width: 16}},"
            " {kind: scalar, property: gap, layers: 2, width: 16}]",
        ]
    if name == "short_cutoffs":
        settings.append("cutoffs={model: 4, prediction: 3, placement: 1.7, covalent_factor: null}")
    source = shared / "reference" / f"{name}_weights.npz"
    model = RunDirectory(run.convert(source, load_recipe("qm9", settings)).directory).model()
    steps = case.steps()
    with torch.no_grad():
        prediction = model(steps)
        expected = case.model()(steps)
    np.testing.assert_allclose(prediction.type_logp, case.arrays["type_logp"], atol=1e-4, rtol=0)
    # the order of the reference's predictors is another; tests/model/test_reference.py holds `expected` to them
    assert torch.equal(prediction.distance_logp, expected.distance_logp)
