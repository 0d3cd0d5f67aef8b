"""The training loop: schedules, averaged weights, limits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from torch.utils.data import DataLoader

from gschnet_pyg.contracts import Cutoffs, Vocabulary
from gschnet_pyg.model.gschnet import GSchNet, ModelSettings
from gschnet_pyg.processes import Processes
from gschnet_pyg.training.callbacks import AveragedWeights, StepLimit, TimeLimit, ValidationLine
from gschnet_pyg.training.module import PlacementTraining
from gschnet_pyg.training.optimisation import Cosine, Optimisation, Plateau
from gschnet_pyg.trajectory.collate import PlacementCollate
from tests.molecules import molecules


def training(optimisation: Optimisation) -> PlacementTraining:
    torch.manual_seed(0)
    return PlacementTraining(GSchNet(Vocabulary(), Cutoffs(), ModelSettings(8, 1, 10, type_layers=2)), optimisation)


def fit(
    module: PlacementTraining, n_steps: int, callbacks: list | None = None, batch_size: int = 4, **options
) -> Trainer:
    loader = DataLoader(molecules(), batch_size=batch_size, collate_fn=PlacementCollate(Vocabulary(), Cutoffs(), 4))
    trainer = Trainer(
        accelerator="cpu",
        callbacks=[StepLimit(n_steps), *(callbacks or [])],
        logger=options.pop("logger", False),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        max_epochs=1000,
        **options,
    )
    trainer.fit(module, loader, loader)
    return trainer


def test_cosine_warms_up_and_ends_low() -> None:
    cosine = Cosine(warmup_steps=10, final_fraction=0.01)
    assert cosine.factor(0, 0.0) == pytest.approx(0.1)
    assert cosine.factor(9, 0.0) == pytest.approx(1.0)
    assert cosine.factor(100, 0.5) == pytest.approx(0.505)
    assert cosine.factor(1000, 1.0) == pytest.approx(0.01)
    falling = [cosine.factor(50, share) for share in np.linspace(0, 1, 20)]
    assert falling == sorted(falling, reverse=True)


def test_cosine_follows_the_limit_of_the_run() -> None:
    module = training(Optimisation("adamw", 1e-3, 1e-5, Cosine(2, 0.01)))
    fit(module, 20)
    (schedule,) = module.trainer.lr_scheduler_configs
    assert schedule.scheduler.get_last_lr()[0] == pytest.approx(1e-3 * 0.01, rel=1e-3)


def test_plateau_counts_validations_without_improvement() -> None:
    """Weights that hardly move improve nothing beyond the threshold of one in ten thousand."""
    module = training(Optimisation("adam", 1e-12, 0.0, Plateau(0.5, 1, 3e-13)))
    trainer = fit(module, 12)  # six epochs of two batches, each with a validation
    assert trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(3e-13)
    assert trainer.lr_scheduler_configs[0].scheduler.last_epoch == 6


def test_training_lowers_the_loss() -> None:
    module = training(Optimisation("adam", 3e-3))
    trainer = fit(module, 4)
    before = float(trainer.callback_metrics["validation/loss"])
    trainer = fit(module, 80)
    assert float(trainer.callback_metrics["validation/loss"]) < 0.7 * before


def test_step_limit_ends_with_a_validation() -> None:
    module = training(Optimisation())
    trainer = fit(module, 3)
    assert trainer.global_step == 3
    assert {"validation/loss", "validation/type", "validation/distance"} <= trainer.callback_metrics.keys()


def test_averaged_weights_warm_up_then_follow_the_decay() -> None:
    average = AveragedWeights(0.9)._kwargs["avg_fn"]
    zero, one = torch.tensor(0.0), torch.tensor(1.0)
    assert float(average(zero, one, torch.tensor(0))) == pytest.approx(1 - 1 / 20)
    assert float(average(zero, one, torch.tensor(30))) == pytest.approx(1 - 31 / 50)
    assert float(average(zero, one, torch.tensor(10_000))) == pytest.approx(0.1)


def test_averaged_weights_are_the_ones_left_after_training() -> None:
    plain, averaged = training(Optimisation("adam", 1e-2)), training(Optimisation("adam", 1e-2))
    fit(plain, 12)
    fit(averaged, 12, [AveragedWeights(0.99)])
    first, second = (module.model.type_head[0].weight for module in (plain, averaged))
    start = training(Optimisation()).model.type_head[0].weight
    assert not torch.allclose(first, second)
    assert (second - start).norm() < (first - start).norm()  # the average lags behind


def test_the_validation_loss_does_not_depend_on_batches() -> None:
    """It is a mean over steps and labelled predictors, of which batches have different numbers."""
    first, second = (training(Optimisation("adam", 1e-20)) for _ in range(2))
    one, many = (
        fit(module, 1, batch_size=size).callback_metrics for module, size in ((first, len(molecules())), (second, 3))
    )
    for name in ("type", "distance", "loss"):
        assert float(one[f"validation/{name}"]) == pytest.approx(float(many[f"validation/{name}"]), rel=1e-5)


class Slower(Processes):
    """Beside a process whose clock runs a minute ahead."""

    def largest(self, value: float) -> float:
        return value + 60.0


def test_processes_go_by_one_clock() -> None:
    module = training(Optimisation("adamw", 1e-3, 1e-5, Cosine(0, 0.01)))
    limit = TimeLimit(2.0, Slower(size=2))
    trainer = fit(module, 3, [limit])
    assert trainer.global_step == 3
    assert 60.0 <= limit.time_elapsed() < 120.0
    rate = trainer.optimizers[0].param_groups[0]["lr"]
    assert rate < 1e-3 * Cosine(0, 0.01).factor(0, 0.4)  # half of the time, or all of the steps
    assert fit(training(Optimisation()), 10**6, [TimeLimit(0.9, Slower(size=2))]).global_step == 1


def test_the_clock_of_the_lines_counts_all_resumptions(capsys: pytest.CaptureFixture[str]) -> None:
    line = ValidationLine()
    line.load_state_dict({"elapsed": 3600.0})
    fit(training(Optimisation()), 2, [line])
    assert "step      2  1:00:0" in capsys.readouterr().out
    assert 3600.0 < line.state_dict()["elapsed"] < 3660.0


def test_products_in_bfloat16_train_and_are_judged_exactly() -> None:
    losses = {}
    for precision in ("float32", "bfloat16"):
        module = training(Optimisation("adam", 3e-3, precision=precision))
        trainer = fit(module, 60)
        assert {weight.dtype for weight in module.model.parameters()} == {torch.float32}
        losses[precision] = float(trainer.callback_metrics["validation/loss"])
        batch = next(iter(trainer.val_dataloaders))
        with torch.no_grad():
            assert module.model(batch).type_logp.dtype == torch.float32
    assert losses["bfloat16"] != losses["float32"]
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.05)


@pytest.mark.slow
def test_compiled_training_is_the_same() -> None:
    losses = []
    for compiled in (False, True):
        module = training(Optimisation("adam", 3e-3, compiled=compiled))
        trainer = fit(module, 6, [AveragedWeights(0.9)])
        losses.append(float(trainer.callback_metrics["validation/loss"]))
        assert all(name.startswith("model.") for name in module.state_dict())
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
