"""The training loop's view of the model."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor

from gschnet_pyg.allocation import keep_freed_memory
from gschnet_pyg.contracts import PlacementSteps, Prediction
from gschnet_pyg.data.datamodule import FILLER
from gschnet_pyg.errors import ModelError
from gschnet_pyg.model.gschnet import GSchNet
from gschnet_pyg.model.storage import describe_model
from gschnet_pyg.processes import added_up
from gschnet_pyg.training.limits import used_share
from gschnet_pyg.training.losses import LossTerms, placement_loss, pooled_loss
from gschnet_pyg.training.optimisation import Cosine, Optimisation, Plateau

EVALUATED = ("validation/", "sampled/")
"""What metrics of a validation begin with."""


class PlacementTraining(LightningModule):
    """Trains a model on placement steps.

    Logged are the learning rate, ``train/...`` and, after each evaluation, ``validation/...`` and
    ``test/...``: ``type`` (mean over steps), ``distance`` (mean over labelled predictors), and ``loss``,
    their sum. Several processes log what one would of their batches together.

    Args:
        model: the network.
        optimisation: how its weights are updated.

    Attributes:
        loss: of the last training step, of all processes together, without gradient.
    """

    def __init__(self, model: GSchNet, optimisation: Optimisation) -> None:
        super().__init__()
        self.model, self.optimisation = model, optimisation
        # a function, so that the weights keep one name
        forward: Callable[[PlacementSteps], Prediction] = model.forward
        self._compiled = torch.compile(forward, dynamic=True) if optimisation.compiled else None
        self.loss: LossTerms | None = None
        self._sums: Tensor | None = None  # of an evaluation, with what they are divided by

    def on_fit_start(self) -> None:
        """On a CPU, steps take the memory of those before."""
        if self.device.type == "cpu":
            keep_freed_memory()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what the model is made of beside its weights, and what the last validation has found."""
        checkpoint["gschnet_pyg"] = describe_model(self.model)
        metrics = self.trainer.callback_metrics
        checkpoint["metrics"] = {name: float(metrics[name]) for name in metrics if name.startswith(EVALUATED)}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse the checkpoint of another model, before Lightning takes it apart.

        Raises:
            ModelError: naming weights that do not fit.
        """
        own = {name: weight.shape for name, weight in self.state_dict().items()}
        found = {name: getattr(weight, "shape", None) for name, weight in checkpoint["state_dict"].items()}
        if differing := sorted(str(name) for name in own.keys() | found.keys() if own.get(name) != found.get(name)):
            raise ModelError(
                f"{self.trainer.ckpt_path}: damaged checkpoint, or that of another model ({differing[0]} does not "
                "fit); remove it, or restore it from a backup"
            )

    def transfer_batch_to_device(
        self, batch: PlacementSteps, device: torch.device, dataloader_idx: int
    ) -> PlacementSteps:
        """Without waiting, from pinned memory."""
        moved: PlacementSteps = batch.to(device, non_blocking=True)
        return moved

    def training_step(self, steps: PlacementSteps, batch_idx: int) -> Tensor:
        """Loss of a batch."""
        is_half = self.optimisation.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=is_half):
            prediction = (self._compiled or self.model)(steps)
        loss = self._loss(prediction, steps)
        minimised = loss.total
        if self.trainer.world_size > 1:
            minimised, loss = pooled_loss(loss, self.trainer.world_size, added_up)
        total, of_type, of_distance = (term.detach() for term in (loss.total, loss.type, loss.distance))
        self.loss = loss._replace(total=total, type=of_type, distance=of_distance)
        self.log_dict(
            {
                "train/loss": loss.total,
                "train/type": loss.type,
                "train/distance": loss.distance,
                "learning_rate": self.trainer.optimizers[0].param_groups[0]["lr"],
            },
            batch_size=steps.n_molecules,
        )
        return minimised

    def validation_step(self, steps: PlacementSteps, batch_idx: int) -> None:
        """Add a batch to the means."""
        self._add(self._loss(self.model(steps), steps))

    def test_step(self, steps: PlacementSteps, batch_idx: int) -> None:
        """Add a batch to the means."""
        self._add(self._loss(self.model(steps), steps))

    def on_validation_epoch_end(self) -> None:
        """Log the means, and let the learning rate follow them."""
        loss = self._log_means("validation")
        if not torch.isfinite(loss):
            raise ModelError(
                f"the validation loss is {float(loss)} after {self.global_step} steps; lower "
                "training.optimizer.learning_rate or set training.gradient_clip, and start a run with another id"
            )
        schedule = self.lr_schedulers() if isinstance(self.optimisation.schedule, Plateau) else None
        if isinstance(schedule, torch.optim.lr_scheduler.ReduceLROnPlateau):
            schedule.step(loss)

    def on_test_epoch_end(self) -> None:
        """Log the means."""
        self._log_means("test")

    def configure_optimizers(self) -> Any:
        """Adam or AdamW, with the schedule of the settings, as Lightning wants them."""
        settings = self.optimisation
        optimizer = settings.optimizer_of(self.model.parameters())
        match settings.schedule:
            case Plateau(factor, patience, minimum):
                plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
                    optimizer, factor=factor, patience=patience, min_lr=minimum
                )
                # kept in checkpoints by Lightning, but stepped after validations, whenever these are
                schedule = {"scheduler": plateau, "monitor": "validation/loss", "frequency": sys.maxsize}
                return {"optimizer": optimizer, "lr_scheduler": schedule}
            case Cosine() as cosine:
                trainer = self.trainer
                decay = torch.optim.lr_scheduler.LambdaLR(
                    optimizer, lambda step: cosine.factor(step, used_share(trainer))
                )
                return {"optimizer": optimizer, "lr_scheduler": {"scheduler": decay, "interval": "step"}}
        return {"optimizer": optimizer}

    def _loss(self, prediction: Prediction, steps: PlacementSteps) -> LossTerms:
        loss = placement_loss(prediction, steps, self.model.bins, self.optimisation.label_width)
        return loss._replace(n_steps=0, n_labelled=0) if FILLER in steps else loss

    def _add(self, loss: LossTerms) -> None:
        counts = loss.type.new_tensor([loss.n_steps, loss.n_labelled])
        sums = torch.cat([torch.stack([loss.type, loss.distance]) * counts, counts])
        self._sums = sums if self._sums is None else self._sums + sums

    def _log_means(self, stage: str) -> Tensor:
        assert self._sums is not None, "an evaluation has batches"
        pooled = added_up(self._sums) if self.trainer.world_size > 1 else self._sums
        self._sums = None
        kind, distance = pooled[:2] / pooled[2:].clamp(min=1)
        loss: Tensor = kind + distance
        self.log_dict({f"{stage}/loss": loss, f"{stage}/type": kind, f"{stage}/distance": distance})
        return loss
