"""Molecules sampled while a model learns, and what share of them is valid, unique and stable."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from tqdm import tqdm

from gschnet_pyg.contracts import Rate, Verdict
from gschnet_pyg.generation.sampler import Attempt, StepView, generate
from gschnet_pyg.generation.settings import GenerationSettings
from gschnet_pyg.generation.starts import FROM_NOTHING, Start
from gschnet_pyg.metric_names import SAMPLED
from gschnet_pyg.processes import ALONE, Processes
from gschnet_pyg.tracking.molecules import ShownMolecule, plain_target
from gschnet_pyg.tracking.tracker import OFF, Tracker
from gschnet_pyg.training.callbacks import AveragedWeights, OrderlyInterrupt
from gschnet_pyg.validity.checks import ValidityOptions
from gschnet_pyg.validity.judging import judge_all
from gschnet_pyg.validity.rates import edm_rates, rdkit_rates
from gschnet_pyg.workers.pool import available_cores

_INTERVAL = 1.0
"""Seconds between looks for an interrupt of another process."""


class Sampling(Callback):
    """Generate molecules at some validations, with the weights that are validated, and log what they are like.

    That happens at the validation that ends every k-th epoch, or first follows it, and at the last one of the run.
    Molecules are the same whenever the model is: seed and starts never change, so that differences between samplings
    are the model's. Training takes no notice: it ends with the same weights as without.

    Logged are shares of the molecules asked for: ``sampled/valid`` (by RDKit), ``sampled/unique`` (valid, and
    different SMILES), ``sampled/stable`` and ``sampled/edm_valid`` (by EDM's rules), ``sampled/finished``, and of the
    atoms ``sampled/atom_stable``. Between samplings there are no such metrics, rather than old ones. In the list of
    callbacks, it stands before those that read them, and after those that stop the run for other reasons.

    Args:
        settings: how molecules are drawn.
        every: epochs between samplings.
        steps_per_epoch: optimisation steps.
        starts: of the molecules, in turn.
        processes: that train together; each makes its share, and all of them log the shares of the whole.
        progress: show a bar on a terminal.
        tracker: gets a table of molecules that this process has made, ``sampled/molecules``.

    Attributes:
        epoch: number of epochs that had ended at the last sampling.
    """

    def __init__(
        self,
        settings: GenerationSettings,
        every: int,
        steps_per_epoch: int,
        starts: Sequence[Start] = FROM_NOTHING,
        processes: Processes = ALONE,
        progress: bool = False,
        tracker: Tracker = OFF,
    ) -> None:
        self.settings, self.every, self.steps_per_epoch = settings, every, steps_per_epoch
        self.starts, self.processes, self.progress, self.tracker = starts, processes, progress, tracker
        self.epoch = 0
        self._shown: list[ShownMolecule] = []

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Called when the losses of a validation are known."""
        for name in SAMPLED:
            trainer.callback_metrics.pop(name, None)
        epoch = trainer.global_step // self.steps_per_epoch
        if not (trainer.should_stop or epoch // self.every > self.epoch // self.every):
            return
        with _validated_weights(trainer, pl_module):
            shares = self._shares(trainer, pl_module)
        self.epoch = epoch
        trainer.callback_metrics.update(
            {name: torch.tensor(share, dtype=torch.float64) for name, share in shares.items()}
        )
        for logger in trainer.loggers:  # what is logged in this hook, Lightning does not pass on
            logger.log_metrics({"epoch": trainer.current_epoch, **shares}, step=trainer.global_step - 1)
        self.tracker.log_molecules("sampled/molecules", self._shown, trainer.global_step - 1)

    def state_dict(self) -> dict[str, int]:
        """Kept in checkpoints."""
        return {"epoch": self.epoch}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Of a checkpoint."""
        self.epoch = state_dict["epoch"]

    def _shares(self, trainer: Trainer, module: LightningModule) -> dict[str, float]:
        together = next((each for each in _callbacks(trainer) if isinstance(each, OrderlyInterrupt)), None)
        attempts = self._attempts(module, together)
        finished = [attempt for attempt in attempts if attempt.is_finished]
        molecules = [(attempt.z, attempt.pos) for attempt in finished]
        workers = max(1, available_cores() // self.processes.size)
        own = judge_all(molecules, ValidityOptions(), workers=workers, progress=False).verdicts
        self._shown = [
            ShownMolecule(attempt.number, attempt.z, attempt.pos, verdict, self._targets(attempt))
            for attempt, verdict in list(zip(finished, own, strict=True))[: self.tracker.n_molecules]
        ]
        if together is not None:
            together.check()
        verdicts = [verdict for share in self.processes.gathered(own) for verdict in share]
        return {name: rate.value for name, rate in sampled_rates(verdicts, self.settings.n_molecules).items()}

    def _targets(self, attempt: Attempt) -> dict[str, Any]:
        return {name: plain_target(value) for name, value in self.starts[attempt.start].conditions.items()}

    def _attempts(self, module: LightningModule, together: OrderlyInterrupt | None) -> list[Attempt]:
        """What this process makes of the molecules; all processes are done then."""
        numbers = range(self.processes.rank, self.settings.n_molecules, self.processes.size)
        settings = replace(self.settings, batch_size=max(1, min(self.settings.batch_size, len(numbers))))
        looks = _Looks(together) if together is not None else None
        attempts = generate(module.model, settings, self.starts, looks, numbers)  # type: ignore[arg-type]
        is_hidden = None if self.progress else True
        bar = tqdm(attempts, "sampling", len(numbers), unit=" molecules", leave=False, disable=is_hidden)
        with bar:
            made = list(bar)
        while together is not None and together.check():
            pass  # the others look again when their next interval is over
        return made


class _Looks:
    """Looks for interrupts of other processes while molecules grow, an interval apart, for one that is busy.

    Processes that are done go on looking until none is busy: each of them looks as often as the others.
    """

    def __init__(self, together: OrderlyInterrupt) -> None:
        self.together, self.last = together, time.monotonic()

    def __call__(self, view: StepView) -> None:
        """Called before every step of a molecule."""
        if time.monotonic() - self.last >= _INTERVAL:
            self.together.check(is_busy=True)
            self.last = time.monotonic()


class SampledCheckpoint(ModelCheckpoint):
    """Keeps the checkpoint of the best sampling; validations without one change nothing."""

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Called after the sampling, if there was one."""
        if self.monitor in trainer.callback_metrics:
            super().on_validation_end(trainer, pl_module)


def sampled_rates(verdicts: Sequence[Verdict], requested: int) -> dict[str, Rate]:
    """What is logged of molecules.

    Args:
        verdicts: of the finished ones.
        requested: the denominator, of molecules; that of atoms is their number in finished molecules.
    """
    rdkit, edm = rdkit_rates(verdicts, requested, None, None), edm_rates(verdicts, requested)
    valid, unique = rdkit["valid"], rdkit["valid_unique"]
    assert valid is not None
    assert unique is not None
    rates = (
        valid,
        unique,
        edm["molecule_stable"],
        edm["atom_stable"],
        edm["valid"],
        Rate(len(verdicts), requested),
    )
    return dict(zip(SAMPLED, rates, strict=True))


@contextmanager
def _validated_weights(trainer: Trainer, module: LightningModule) -> Iterator[None]:
    """The averaged weights in place of the current ones, where there are any."""
    averages = [callback for callback in _callbacks(trainer) if isinstance(callback, AveragedWeights)]
    for average in averages:
        average.on_validation_epoch_start(trainer, module)
    try:
        yield
    finally:
        for average in averages:
            average.on_validation_epoch_end(trainer, module)


def _callbacks(trainer: Trainer) -> list[Any]:
    return trainer.callbacks  # type: ignore[attr-defined, no-any-return]
