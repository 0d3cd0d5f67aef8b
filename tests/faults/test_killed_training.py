"""Real signals that kill, at whatever moment they come."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import torch

from gschnet_pyg.model.storage import load_model
from gschnet_pyg.run_directory import RunDirectory
from tests.integration.conftest import NO_WORKERS, TINY, Command, train
from tests.integration.test_interrupts import Process, wait_until

LIMIT = "training.max_steps=240"
SETTINGS = (*NO_WORKERS, "checkpoint.every_minutes=1e-9", "training.ema_decay=0.9", "training.validate_every=3")


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_a_signal_that_kills(command: Command, database: Path, workers: int) -> None:
    """Killed again and again, wherever it is just then, the run comes to the weights of one that was not."""
    settings = (*SETTINGS, LIMIT, f"training.workers.train={workers}")
    words = ["train", "qm9_fast", "data.kind=file", "data.path=molecules.db", "run.id=first", *TINY, *settings]
    last = Path("runs/first/checkpoints/last.ckpt")
    for part in (1, 2, 3):
        process = Process(*words)
        wait_until(lambda least=60 * part: last.exists() and RunDirectory(last.parents[1]).progress()[0] >= least)  # type: ignore[misc]
        process.interrupt(signal.SIGKILL)
        assert process.end()[0] == -signal.SIGKILL
    pieces = train(command, database, *settings, name="first")
    whole = train(command, database, *settings, name="whole")
    ours, theirs = (load_model(path / "model.safetensors").state_dict() for path in (pieces, whole))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    states = [RunDirectory(path).read_checkpoint("last")["current_model_state"] for path in (pieces, whole)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])
