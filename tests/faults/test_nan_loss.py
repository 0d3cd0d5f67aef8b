"""Losses and gradients that are no numbers: training stops at that step, and nothing that is stored is spoilt."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor
from torch_geometric.data import Data

from gschnet_pyg.contracts import Cutoffs, PlacementSteps, Prediction, Vocabulary
from gschnet_pyg.data.arrays import Collector
from gschnet_pyg.data.datamodule import Loading, MoleculeDataModule
from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.data.sources import open_dataset
from gschnet_pyg.data.splits import draw_split
from gschnet_pyg.errors import ModelError
from gschnet_pyg.model.gschnet import GSchNet, ModelSettings
from gschnet_pyg.processes import Processes
from gschnet_pyg.run_directory import RunDirectory
from gschnet_pyg.training import failed_batch
from gschnet_pyg.training.callbacks import StepLimit
from gschnet_pyg.training.failed_batch import FiniteNumbers
from gschnet_pyg.training.losses import LossTerms, placement_loss
from gschnet_pyg.training.module import PlacementTraining
from gschnet_pyg.training.optimisation import Optimisation
from gschnet_pyg.trajectory.collate import PlacementCollate
from tests.docs.pages import REPOSITORY, blocks
from tests.integration.conftest import NO_WORKERS, Command, conformers, refused, train, train_again

VOCABULARY, CUTOFFS = Vocabulary(), Cutoffs()
CONSTANT = ("training.schedule={kind: constant}", "training.validate_every=1", *NO_WORKERS)
FILE = Path("runs/first/failed_batch.npz")


def losing(monkeypatch: pytest.MonkeyPatch, *steps: int, value: float = float("nan"), training: bool = True) -> None:
    """Let the type loss be no number after so many steps, in training or in validation."""
    plain = PlacementTraining._loss

    def loss_of(self: PlacementTraining, prediction: Prediction, batch: PlacementSteps) -> LossTerms:
        loss = plain(self, prediction, batch)
        if self.training is training and self.global_step in steps:
            return loss._replace(total=loss.total * value, type=loss.type * value)
        return loss

    monkeypatch.setattr(PlacementTraining, "_loss", loss_of)


def delayed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a GPU: numbers are looked at one step late."""
    monkeypatch.setattr(failed_batch, "_is_immediate", lambda device: False)


def equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


# Whole runs


@pytest.mark.parametrize("is_late", [False, True], ids=["at once", "one step late"])
@pytest.mark.parametrize("n_before", [4, 5], ids=["in an epoch", "before a validation"])
def test_a_run_stops_and_goes_on_from_what_was_stored(
    command: Command, database: Path, monkeypatch: pytest.MonkeyPatch, n_before: int, is_late: bool
) -> None:
    """Three batches make an epoch, whose validation stores a checkpoint; weights are averaged."""
    settings = (*CONSTANT, "training.max_steps=8")
    with monkeypatch.context() as patches:
        losing(patches, n_before)
        if is_late:
            delayed(patches)
        outcome = train_again(command, database, *settings)
    facts = ("the loss is nan", "training.optimizer.learning_rate", "training.gradient_clip", str(FILE))
    refused(outcome, f"step {n_before + 1}: ", *facts)
    with np.load(FILE, allow_pickle=False) as file:
        assert int(file["step"]) == n_before + 1
        assert int(file["epoch"]) == 1
        assert np.isnan(file["loss"])
        assert np.isfinite(file["loss_distance"])
        assert ", ".join(map(str, file["ids"])) in outcome.err
    for name in ("best", "last"):
        content = RunDirectory(Path("runs/first")).read_checkpoint(name)
        assert content["global_step"] == 3
        for state in ("state_dict", "current_model_state"):
            assert all(bool(value.isfinite().all()) for value in content[state].values())
    assert not list(FILE.parent.glob(".*"))
    assert command("generate", "runs/first", "-n", 2, "--max-atoms", 3, "-o", "some.db").code == 0

    pieces, whole = train(command, database, *settings), train(command, database, *settings, name="whole")
    last = [RunDirectory(path).read_checkpoint("last") for path in (whole, pieces)]
    for state in ("state_dict", "current_model_state"):
        assert equal(last[0][state], last[1][state])


def test_an_interrupt_stores_no_weights_that_are_lost(
    command: Command, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a GPU it may come before the numbers have been looked at."""
    on_interrupt = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patches:
        losing(patches, 4)
        delayed(patches)
        plain, calls = PlacementTraining.training_step, itertools.count()

        def interrupted(self: PlacementTraining, steps: PlacementSteps, batch_idx: int) -> Tensor:
            if next(calls) == 5:
                raise KeyboardInterrupt
            return plain(self, steps, batch_idx)

        patches.setattr(PlacementTraining, "training_step", interrupted)
        refused(train_again(command, database, *CONSTANT, "training.max_steps=8"), "step 5: the loss is nan")
    assert signal.getsignal(signal.SIGINT) is on_interrupt
    assert RunDirectory(Path("runs/first")).read_checkpoint("last")["global_step"] == 3


def test_a_learning_rate_that_is_much_too_high(
    command: Command, measured: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file says what the batch was made of, in a form that is read as any other file of molecules."""
    condition = "conditions=[{kind: scalar, property: gap}]"
    outcome = train_again(command, measured, *CONSTANT, condition, "training.optimizer.learning_rate=1e30")
    refused(outcome, "step 2: the loss is", "molecules ", str(FILE))
    source = open_dataset(measured, properties=["gap"])
    with np.load(FILE, allow_pickle=False) as file:
        arrays = dict(file)
    rows = [source.ids.tolist().index(number) for number in arrays["ids"]]
    assert len(rows) == 8
    assert arrays["offsets"].tolist() == [0, *np.cumsum(arrays["n_atoms"])]
    for row, start, end in zip(rows, arrays["offsets"], arrays["offsets"][1:], strict=False):
        np.testing.assert_array_equal(arrays["z"][start:end], source[row].z)
        np.testing.assert_array_equal(arrays["pos"][start:end], source[row].pos)
    np.testing.assert_array_equal(arrays["condition_gap"], source.properties["gap"].values[rows])
    outcome = command("report", FILE, "--json", "report.json")
    assert outcome.code == 0, outcome.err
    assert len(open_dataset(FILE)) == 8
    # the guide's own words
    shown: list[Any] = []
    monkeypatch.setattr("ase.visualize.view", shown.extend)
    (snippet,) = blocks("python", REPOSITORY / "docs" / "how-to" / "troubleshooting.md")
    exec(snippet.code.replace("runs/RUN", "runs/first"), {})
    assert [len(atoms) for atoms in shown] == arrays["n_atoms"].tolist()
    assert (
        f"molecule {arrays['ids'][0]}: {shown[0].get_chemical_formula()}, shortest distance" in capsys.readouterr().out
    )


def test_a_validation_loss_that_is_no_number(command: Command, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patches:
        losing(patches, 6, training=False)
        outcome = train_again(command, database, *CONSTANT, "training.max_steps=8")
    refused(outcome, "the validation loss is nan after 6 steps", "training.optimizer.learning_rate")
    assert RunDirectory(Path("runs/first")).read_checkpoint("last")["global_step"] == 6  # from before the validation


@pytest.mark.slow
def test_several_processes_stop_together(command: Command, database: Path) -> None:
    """All of them, at the same step; one file holds the molecules of all."""
    settings = (*CONSTANT, "training.devices=2", "training.optimizer.learning_rate=1e30")
    refused(train_again(command, database, *settings), "step 2: the loss is", str(FILE))
    with np.load(FILE, allow_pickle=False) as file:
        assert len(set(file["ids"].tolist())) == len(file["seeds"]) == 8


# The training loop


@dataclass(frozen=True)
class Beside(Processes):
    """Beside a process that has two molecules more."""

    size: int = 2

    def gathered(self, value: Any) -> list[Any]:
        return [value, np.array([[3, 1], [7, 8]])]

    def shared(self, value: Any) -> Any:
        return value


def batches(batch_size: int = 4) -> MoleculeDataModule:
    collector = Collector("test")
    for number, atoms in enumerate(conformers()):
        collector.add(number, atoms.numbers, atoms.positions, {})
    dataset = MoleculeDataset(collector.finish())
    split = draw_split(np.ones(len(dataset), dtype=bool), 20, 8, 4, seed=0)
    return MoleculeDataModule(dataset, split, VOCABULARY, CUTOFFS, Loading(batch_size, 3))


def network() -> GSchNet:
    torch.manual_seed(0)
    return GSchNet(VOCABULARY, CUTOFFS, ModelSettings(8, 1, 5, type_layers=2, distance_layers=2))


def fit(model: GSchNet, callback: FiniteNumbers, n_steps: int = 3) -> PlacementTraining:
    module = PlacementTraining(model, Optimisation("adam", 1e-3))
    trainer = Trainer(
        accelerator="cpu",
        callbacks=[callback, StepLimit(n_steps)],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        gradient_clip_val=1.0,
    )
    trainer.fit(module, batches())
    return module


@pytest.mark.parametrize(
    ("spoil", "said"), [(lambda grad: grad * float("inf"), "(inf|nan)"), (lambda grad: grad.fill_(float("nan")), "nan")]
)
def test_gradients_are_looked_at_too(tmp_path: Path, spoil: Callable[[Tensor], Tensor], said: str) -> None:
    """On a CPU before they change a weight. What is stored tells the loss again."""
    model, file = network(), tmp_path / "batch.npz"
    model.type_head[0].weight.register_hook(spoil)
    with pytest.raises(ModelError, match=rf"step 1: the norm of the gradient is {said}, with a loss of \d.*batch\.npz"):
        fit(model, FiniteNumbers(file))
    for weight, start in zip(model.parameters(), network().parameters(), strict=True):
        assert torch.equal(weight, start)
    with np.load(file, allow_pickle=False) as stored:
        arrays = dict(stored)
    molecules = [
        Data(z=torch.from_numpy(z), pos=torch.from_numpy(pos), id=torch.tensor([number]), seed=int(seed))
        for z, pos, number, seed in zip(
            np.split(arrays["z"], arrays["offsets"][1:-1]),
            np.split(arrays["pos"], arrays["offsets"][1:-1]),
            arrays["ids"],
            arrays["seeds"],
            strict=True,
        )
    ]
    steps = PlacementCollate(VOCABULARY, CUTOFFS, steps_drawn=3)(molecules)
    with torch.no_grad():
        loss = placement_loss(model(steps), steps, model.bins)
    assert float(loss.total) == float(arrays["loss"])
    assert float(loss.type) == float(arrays["loss_type"])
    assert not np.isfinite(arrays["gradient_norm"])


def test_large_but_finite_gradients_are_none_of_its_business(tmp_path: Path) -> None:
    model = network()
    model.type_head[0].weight.register_hook(lambda grad: grad * 1e15)
    fit(model, FiniteNumbers(tmp_path / "batch.npz"))
    assert not list(tmp_path.iterdir())
    assert all(bool(weight.isfinite().all()) for weight in model.parameters())


def test_the_molecules_of_all_processes_are_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    losing(monkeypatch, 1)
    with pytest.raises(ModelError, match=r"step 2: the loss is nan.* molecules (\d+, ){4}3, 1, in"):
        fit(network(), FiniteNumbers(tmp_path / "batch.npz", Beside()))
    with np.load(tmp_path / "batch.npz", allow_pickle=False) as file:
        assert file["ids"][4:].tolist() == [3, 1]
        assert file["seeds"][4:].tolist() == [7, 8]
        assert len(file["z"]) == file["n_atoms"].sum() == file["offsets"][-1]
    others = Beside(rank=1)
    with pytest.raises(ModelError, match="step 2"):
        fit(network(), FiniteNumbers(tmp_path / "others.npz", others))
    assert not (tmp_path / "others.npz").exists()


def test_the_last_loss_keeps_nothing_of_its_step_alive(tmp_path: Path) -> None:
    module = fit(network(), FiniteNumbers(tmp_path / "batch.npz"), 1)
    assert module.loss is not None
    assert [term.requires_grad for term in module.loss[:3]] == [False] * 3


def test_many_molecules_are_not_all_named() -> None:
    assert failed_batch._listed([4]) == "molecule 4"
    assert failed_batch._listed(list(range(10))) == "molecules 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"
    assert failed_batch._listed(np.arange(30)) == "molecules 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 20 more"
