"""Ctrl-C at any moment: exit code 130, one line that says how to go on, and no traceback of any process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gschnet_pyg import run
from gschnet_pyg.data.writing import write_database
from tests.integration.conftest import NO_WORKERS, TINY, Command, conformers, train

AT_IMPORT = '''
import os, signal, sys

class Interrupt:
    """Sends the signal of Ctrl-C when a module is about to be imported for the first time."""

    def find_spec(self, name, path=None, target=None):
        if name == os.environ.get("INTERRUPT_AT"):
            os.environ.pop("INTERRUPT_AT")
            os.kill(os.getpid(), int(os.environ["INTERRUPT_BY"]))

sys.meta_path.insert(0, Interrupt())
'''

SLOW = pytest.mark.slow
PREPARE = ["train", "qm9_fast", "data.kind=file", "data.path=molecules.db", "run.id=x", *TINY, *NO_WORKERS]
LINES = {
    "train": "Interrupted. Training had not begun; the same command starts anew.\n",
    "generate": "Interrupted. No molecule was finished, and none is stored; the same command starts anew, with the "
    "same molecules.\n",
    "report": "Interrupted. Verdicts are kept of every file that was judged to its end; the same command goes on from "
    "there.\n",
    "data": "Interrupted. out.db was not written; the same command starts anew.\n",
    "doctor": "Interrupted.\n",
}


class Process:
    """A command in a process group of its own, as a shell starts it."""

    def __init__(self, *words: object, **environment: str) -> None:
        paths = [*filter(None, [environment.pop("first", "")]), *sys.path]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gschnet_pyg.cli", *map(str, words)],
            env={**os.environ, **environment, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def interrupt(self, number: int = signal.SIGINT) -> None:
        """What a terminal does at Ctrl-C."""
        os.killpg(self.process.pid, number)

    def wait_for_line(self, start: str) -> None:
        assert self.process.stdout is not None
        while not (line := self.process.stdout.readline()).startswith(start):
            assert line, self.process.communicate()

    def wait_for_children(self) -> None:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        while not children.read_text():
            assert self.process.poll() is None
            time.sleep(0.01)

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=300)
        return self.process.returncode, out, err


@pytest.fixture
def hooks(tmp_path: Path) -> Path:
    """Folder whose ``sitecustomize`` interrupts at an import."""
    folder = tmp_path / "hooks"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(AT_IMPORT)
    return folder


@pytest.mark.parametrize(
    ("words", "module"),
    [
        (["recipe", "list"], "typer"),
        (["recipe", "list"], "gschnet_pyg.cli.data"),
        (["recipe", "show", "qm9"], "pydantic"),
        pytest.param(PREPARE, "gschnet_pyg.recipe_sections.training", marks=SLOW),
        pytest.param(PREPARE, "torch", marks=SLOW),
        (PREPARE, "torch.nn"),
        pytest.param(PREPARE, "numpy._core.multiarray", marks=SLOW),
        pytest.param(PREPARE, "lightning.pytorch", marks=SLOW),
        pytest.param(PREPARE, "torch_cluster", marks=SLOW),
        pytest.param(PREPARE, "ase.data", marks=SLOW),
        pytest.param(["generate", "runs/first"], "torch.autograd", marks=SLOW),
        (["report", "molecules.db"], "rdkit.Chem"),
        (["data", "import", "molecules.db", "-o", "out.db"], "gschnet_pyg.data.importing"),
        pytest.param(["doctor"], "torch.nn", marks=SLOW),
    ],
)
def test_during_an_import(command: Command, database: Path, hooks: Path, words: list[str], module: str) -> None:
    """Where most people hit it; whatever the import makes of the interrupt."""
    process = Process(*words, first=str(hooks), INTERRUPT_AT=module, INTERRUPT_BY=str(signal.SIGINT.value))
    code, out, err = process.end()
    expected = LINES.get(words[0], "Interrupted.\n")
    if module == "gschnet_pyg.cli.data":  # the command is not known yet
        expected = "Interrupted.\n"
    assert (code, out, err) == (130, "", expected)
    assert not Path("runs").exists()
    assert not Path("out.db").exists()


@SLOW
def test_terminated(command: Command, database: Path, hooks: Path) -> None:
    process = Process(*PREPARE, first=str(hooks), INTERRUPT_AT="torch.nn", INTERRUPT_BY=str(signal.SIGTERM.value))
    assert process.end() == (143, "", "Terminated. Training had not begun; the same command starts anew.\n")


@SLOW
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_training_goes_on_where_it_stopped(command: Command, database: Path, number: int) -> None:
    process = Process(*PREPARE, "training.max_steps=100000")
    process.wait_for_line("epoch   1")
    process.interrupt(number)
    code, _, err = process.end()
    word = "Interrupted" if number == signal.SIGINT else "Terminated"
    assert (code, err) == (128 + number, f"{word}. The same command with run.id=x goes on where it stopped.\n")
    again = Process(*PREPARE, "training.max_steps=100000")
    again.wait_for_line("Resuming runs/x")
    again.wait_for_line("epoch")
    again.interrupt()
    assert again.end()[0] == 130


@SLOW
@pytest.mark.parametrize("devices", [1, 2])
def test_generation_keeps_what_is_finished(command: Command, database: Path, devices: int) -> None:
    directory = train(command, database, "training.max_steps=4", *NO_WORKERS)
    more = ["--device", "cpu", "--devices", devices, "--batch-size", 8, "--max-atoms", 8, "--trace", 0]
    process = Process("generate", directory, "-n", 1_000_000, "-o", "some.db", *more)
    if devices == 1:
        process.wait_for_line("molecule 0  step")
    else:  # lines are said in the end
        wait_until(lambda: any(Path.cwd().glob(".generating-*")))
    process.interrupt()
    code, out, err = process.end()
    assert code == 130
    assert "Traceback" not in err
    lines = [line for line in err.splitlines() if line]
    assert lines[-1].startswith("Interrupted. ")
    assert "of 1,000,000 molecules were attempted. The same command with --resume -o some.db goes on." in lines[-1]
    assert "The finished ones lie in some.db" in out
    assert run.stored_counts(Path("some.db")).keys() == {"requested", "finished"}


def test_a_report_leaves_no_worker_behind(command: Command) -> None:
    write_database("many.db", conformers() * 60)
    process = Process("report", "many.db")
    process.wait_for_children()
    process.interrupt()
    code, out, err = process.end()
    assert (code, out, err) == (130, "", LINES["report"])


def wait_until(is_so: Callable[[], bool]) -> None:
    for _ in range(6000):
        if is_so():
            return
        time.sleep(0.05)
    raise AssertionError("it never was so")
