"""Models of float64: gradients to the last digits, the numbers of float32 up to its rounding, whole runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import Tensor
from torch.func import functional_call

from gschnet_pyg.build.generation import device
from gschnet_pyg.build.training import check_accelerator, training_module
from gschnet_pyg.contracts import Cutoffs, PlacementSteps, Vocabulary
from gschnet_pyg.errors import RecipeError
from gschnet_pyg.generation.filters import KeptFilters
from gschnet_pyg.generation.sampler import GenerationSettings, generate
from gschnet_pyg.generation.slots import Slots
from gschnet_pyg.model.conditions import CompositionCondition, Mixing, ScalarCondition
from gschnet_pyg.model.embeddings import ConditionEmbedding
from gschnet_pyg.model.gschnet import GSchNet, ModelSettings
from gschnet_pyg.model.storage import load_model, save_model
from gschnet_pyg.recipe import load_recipe
from gschnet_pyg.run_directory import RunDirectory
from gschnet_pyg.training.losses import placement_loss
from gschnet_pyg.trajectory import connections
from gschnet_pyg.trajectory.collate import PlacementCollate
from gschnet_pyg.trajectory.sample import sample_trajectory
from tests.integration.conftest import NO_WORKERS, TARGETS, Command, generated, refused, train, train_again
from tests.molecules import molecule, molecules

VOCABULARY, CUTOFFS = Vocabulary(), Cutoffs()
COUNT = ScalarCondition(name="n_atoms", minimum=0.0, maximum=12.0, spacing=4.0, layers=1, width=2)
CONDITIONS = (
    ScalarCondition(name="gap", minimum=0.0, maximum=12.0, spacing=4.0, layers=1, width=2),
    CompositionCondition(atom_types=VOCABULARY.atom_types, type_features=2, layers=1, width=2, count=COUNT),
)


def batch(dtype: torch.dtype, *smiles: str, conditions: tuple[str, ...] = ()) -> PlacementSteps:
    mols = [molecule(each, seed=5) for each in smiles] or molecules()
    for mol in mols:
        mol.gap = torch.tensor([[len(mol.z) + 1 / 3]], dtype=torch.float64)
        mol.composition = torch.bincount(mol.z, minlength=10)[[1, 6, 7, 8, 9]][None].double()
    return PlacementCollate(VOCABULARY, CUTOFFS, conditions=conditions, dtype=dtype)(mols)


def network(**settings: object) -> GSchNet:
    torch.manual_seed(0)
    return GSchNet(VOCABULARY, CUTOFFS, ModelSettings(16, 3, type_layers=2, distance_layers=2, **settings)).eval()


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("worth", [-1.0, float("inf")], ids=["product", "gathered"])
def test_gradients_are_the_finite_differences(worth: float, average: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the whole loss by every weight, conditions included, in both forms of the messages."""
    monkeypatch.setattr(connections, "product_cost", lambda *sizes: worth)
    steps = batch(torch.float64, "O", "CO", conditions=("gap", "composition"))
    torch.manual_seed(1)
    settings = ModelSettings(
        3, 2, 4, type_layers=2, type_width=3, distance_layers=2, distance_width=3, average_types=average
    )
    model = GSchNet(VOCABULARY, CUTOFFS, settings, ConditionEmbedding(CONDITIONS, Mixing(1, 2))).double()
    names, weights = zip(*model.named_parameters(), strict=True)

    def loss(*values: Tensor) -> Tensor:
        prediction = functional_call(model, dict(zip(names, values, strict=True)), (steps,))
        return placement_loss(prediction, steps, model.bins, label_width=1.0).total

    assert torch.autograd.gradcheck(loss, weights, atol=1e-7, rtol=1e-6, fast_mode=True)
    before = [weight.clone() for weight in weights]
    loss(*weights).backward()
    random = torch.Generator().manual_seed(2)
    for name, weight, start in zip(names, weights, before, strict=True):  # some of them one by one
        place = tuple(int(torch.randint(n, (), generator=random)) for n in weight.shape)
        shifted = []
        for shift in (-1e-5, 1e-5):
            moved = {other: value.detach().clone() for other, value in zip(names, weights, strict=True)}
            moved[name][place] = start[place] + shift
            shifted.append(float(loss(*moved.values()).detach()))
        assert weight.grad is not None
        difference = (shifted[1] - shifted[0]) / 2e-5
        assert float(weight.grad[place]) == pytest.approx(difference, rel=1e-6, abs=1e-8), name


@pytest.mark.parametrize("average", [False, True])
def test_predictions_are_those_of_float32(average: bool) -> None:
    found = []
    for dtype in (torch.float32, torch.float64):
        steps, model = batch(dtype), network(average_types=average).to(dtype)
        assert {steps.pair_distance.dtype, steps.predictor_pos.dtype, steps.labelled_distance.dtype} == {dtype}
        with torch.no_grad():
            prediction = model(steps)
        assert prediction.type_logp.dtype == prediction.distance_logp.dtype == dtype
        found.append((prediction, placement_loss(prediction, steps, model.bins)))
    (single, loss), (double, exact) = found
    torch.testing.assert_close(single.type_logp.double(), double.type_logp, atol=1e-5, rtol=0)
    torch.testing.assert_close(single.distance_logp.double(), double.distance_logp, atol=1e-4, rtol=0)
    assert not torch.equal(single.type_logp.double(), double.type_logp)
    assert float(loss.total) == pytest.approx(float(exact.total), rel=1e-5)


def test_distances_and_conditions_keep_their_digits() -> None:
    steps = batch(torch.float64, "CC=O", conditions=("gap",))
    assert float(steps.conditions["gap"][0, 0]) == 7 + 1 / 3
    distance = torch.pdist(molecule("CC=O").pos)
    nearest = (steps.pair_distance[:, None] - torch.cat([distance, molecule("CC=O").pos.norm(dim=1)])).abs().amin(1)
    assert float(nearest.max()) < 1e-14
    assert float((batch(torch.float32, "CC=O").pair_distance.double() - steps.pair_distance).abs().max()) > 1e-9


def test_a_model_is_stored_and_loaded_in_its_precision(tmp_path: Path) -> None:
    for dtype in (torch.float32, torch.float64):
        model = network().to(dtype)
        save_model(tmp_path / "model.safetensors", model)
        loaded = load_model(tmp_path / "model.safetensors")
        assert loaded.dtype == dtype
        for name, weight in model.state_dict().items():
            assert torch.equal(loaded.state_dict()[name], weight), name
        steps = batch(dtype)
        with torch.no_grad():
            assert torch.equal(loaded(steps).type_logp, model(steps).type_logp)


@torch.inference_mode()
def test_partial_molecules_look_as_in_training_to_the_last_digits() -> None:
    mol, model = molecule("CC=O", seed=5), network().double()
    expected = model(batch(torch.float64, "CC=O")).type_logp
    trajectory = sample_trajectory(mol, CUTOFFS, torch.Generator().manual_seed(5))
    place = {int(atom): number for number, atom in enumerate(trajectory.order)}
    slots = Slots(1, len(mol.z), CUTOFFS, dtype=model.dtype)
    kept = KeptFilters(model.schnet, slots)
    for step, n_placed in enumerate(trajectory.n_placed.tolist()):
        if n_placed > int(slots.n_atoms[0]):
            atom = trajectory.order[n_placed - 1]
            kept.update(slots.place(np.array([0]), mol.z[[atom]].numpy(), mol.pos[[atom]].numpy()))
        steps = slots.steps(np.array([0]), [place.get(int(trajectory.focus[step]), -1)], VOCABULARY)
        found = model.type_logp(model.encode(steps, kept.of_blocks), None, steps)
        torch.testing.assert_close(found[0], expected[step], atol=1e-12, rtol=0)


def test_molecules_are_mostly_those_of_float32() -> None:
    """Equal weights and seeds: rounding decides a few draws otherwise."""
    made = []
    for dtype in (torch.float32, torch.float64):
        attempts = generate(network().to(dtype), GenerationSettings(30, max_atoms=5, grid_spacing=0.1))
        made.append(sorted(attempts, key=lambda attempt: attempt.number))
    same = [
        one.z.tolist() == other.z.tolist() and np.allclose(one.pos, other.pos, atol=1e-6)
        for one, other in zip(*made, strict=True)
    ]
    assert sum(same) >= 27


def test_a_run_of_float64(command: Command, measured: Path) -> None:
    """Trained with conditions, averaged weights and sampled molecules, resumed, tested, stored and generated from."""
    settings = (
        "training.precision=float64",
        "training.ema_decay=0.9",
        "training.gradient_clip=5",
        "properties.relative_atomic_energy={energy: energy}",
        "conditions=[{kind: scalar, property: gap}, {kind: composition}, "
        "{kind: scalar, property: relative_atomic_energy}]",
        "sampling={every: 1, n_molecules: 4, max_atoms: 5}",
        *NO_WORKERS,
    )
    directory = train(command, measured, *settings, "training.max_steps=3")
    refused(
        train_again(command, measured, *settings, "training.max_steps=6", "training.precision=float32"),
        "training.precision: differs from",
    )
    directory = train(command, measured, *settings, "training.max_steps=6")
    with safe_open(directory / "model.safetensors", framework="pt") as file:
        kinds = {file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118 (not a dict)
    assert kinds == {"F64"}
    last = RunDirectory(directory).read_checkpoint("last")
    states = last["optimizer_states"][0]["state"].values()
    assert {state["exp_avg"].dtype for state in states} == {torch.float64}
    assert RunDirectory(directory).best_model().dtype == torch.float64
    outcome = command("generate", directory, "-n", 8, "--max-atoms", 6, *TARGETS, "-o", "double.db")
    assert outcome.code == 0, outcome.err
    assert "8 molecules requested" in outcome.out
    if "0 finished" not in outcome.out:
        assert np.isfinite(generated("double.db").pos).all()


def test_a_run_of_float64_begins_with_the_weights_of_float32() -> None:
    modules = [training_module(load_recipe("demo", [f"training.precision={name}"])) for name in ("float32", "float64")]
    for one, other in zip(*(module.model.parameters() for module in modules), strict=True):
        assert (one.dtype, other.dtype) == (torch.float32, torch.float64)
        assert torch.equal(one.double(), other)


def test_accelerators_without_float64_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 1)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda **_: torch.device("mps"))
    for accelerator in ("auto", "gpu"):
        overrides = ["training.precision=float64", f"training.accelerator={accelerator}"]
        with pytest.raises(RecipeError, match=r"training\.precision: .*float64.*training\.accelerator=cpu"):
            check_accelerator(load_recipe("demo", overrides))
    check_accelerator(load_recipe("demo", ["training.precision=float64", "training.accelerator=cpu"]))
    check_accelerator(load_recipe("demo", []))
    with pytest.raises(RecipeError, match=r"sampling: .*float64.*training\.accelerator=cpu"):
        check_accelerator(load_recipe("demo", ["sampling={every: 1}"]))


def test_devices_without_float64_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Positions are drawn in float64, whatever the model's precision."""

    def empty(*sizes: int, **options: object) -> Tensor:
        if options.get("dtype") == torch.float64:
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
        return plain(*sizes, device="cpu")

    plain = torch.empty
    monkeypatch.setattr(torch, "empty", empty)
    with pytest.raises(RecipeError, match=r"device: 'mps' cannot be used here .*float64"):
        device("mps")
