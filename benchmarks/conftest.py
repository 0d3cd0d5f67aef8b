"""Options of the benchmark, and what becomes of its figures."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from benchmarks.agreement import TOLERANCE
from benchmarks.cases import FORMULATIONS, OURS, GenerationCase, TrainingCase
from benchmarks.plots import draw
from benchmarks.remote import MemoryEndedError, Remote
from benchmarks.results import Record, Results, unit
from benchmarks.tables import summary
from benchmarks.work import Setting

ROOT = Path(__file__).parents[1]
TRAINED_HERE = ROOT / "runs" / "benchmark"
RESULTS = pytest.StashKey[Results]()
N_EQUAL, DIFFERENT = 12, 0.34
"""Molecules that both formulations generate before they are timed, and the share of them that rounding may make differ:
from where a drawn position is another point of the grid, a molecule goes its own way."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("benchmark of gschnet_pyg")
    group.addoption("--device", default="cpu", help="device of PyTorch, such as cuda")
    group.addoption("--data", default="demo", help="file of small molecules; the built-in set by default")
    group.addoption("--model", default=None, help="run directory of a trained model; a small one is trained by default")
    group.addoption("--results", default=str(ROOT / "benchmarks" / "results"), help="folder for a full run's figures")


def pytest_configure(config: pytest.Config) -> None:
    option = config.option
    config.stash[RESULTS] = Results(option.device, Path(option.data).name, "trained for the benchmark")


@pytest.fixture(scope="session")
def results(request: pytest.FixtureRequest) -> Results:
    return request.config.stash[RESULTS]


@pytest.fixture(scope="session")
def setting(request: pytest.FixtureRequest) -> Setting:
    option = request.config.option
    directory = Path(option.model) if option.model else TRAINED_HERE
    return Setting(option.device, option.data, directory / "model.safetensors")


@pytest.fixture(scope="session")
def trained_model(setting: Setting, request: pytest.FixtureRequest, results: Results) -> None:
    """Makes sure that there is one."""
    if request.config.option.model:
        results.model = Path(request.config.option.model).name
    if setting.model.is_file():
        return
    if request.config.option.model:
        pytest.exit(f"{setting.model}: no such file; give the run directory of a trained model", returncode=2)
    say(request.config, "Training a small model on the built-in molecules for two minutes ...")
    command = ["train", "demo", f"run.directory={TRAINED_HERE.parent}", f"run.id={TRAINED_HERE.name}"]
    # an interrupted run goes on where it was
    subprocess.run([sys.executable, "-m", "gschnet_pyg.cli", *command, "training.max_minutes=2"], cwd=ROOT, check=True)


@pytest.fixture
def start(request: pytest.FixtureRequest, setting: Setting) -> Iterator[Callable[..., Remote]]:
    """Starts the process of a case in a formulation; it ends with the test."""
    with ExitStack() as stack:

        def started(case: TrainingCase | GenerationCase, name: str, blocking: bool = False) -> Remote:
            if isinstance(case, GenerationCase) and case.is_trained:
                request.getfixturevalue("trained_model")
            return stack.enter_context(Remote(case, name, setting, blocking))

        yield started


@pytest.fixture
def agreed(start: Callable[..., Remote], results: Results) -> Callable[[TrainingCase | GenerationCase], None]:
    """Asserts, once for every case, that the formulations say the same."""

    def check(case: TrainingCase | GenerationCase) -> None:
        if case.name in results.agreement:
            return
        with start(case, OURS) as work:  # over before anything is timed
            if isinstance(case, TrainingCase):
                found = work.call("differences")
                assert max(found.values()) <= TOLERANCE, found
                if case.n_atoms is None:
                    results.mean_atoms = work.call("mean_atoms")
            else:
                found = {"molecules that differ": 1.0 - work.call("equal_share", N_EQUAL)}
                assert found["molecules that differ"] <= DIFFERENT, found
        results.agreement[case.name] = found

    return check


@pytest.fixture
def measure(
    benchmark: Any, start: Callable[..., Remote], results: Results, request: pytest.FixtureRequest
) -> Callable[..., None]:
    """Times the rounds of a case, the formulations taking turns with the same molecules."""

    def timed(case: TrainingCase | GenerationCase, names: Sequence[str] = FORMULATIONS) -> None:
        works: dict[str, Remote] = {}
        for name in names:
            try:
                works[name] = start(case, name)
                for _ in range(case.warmup):
                    works[name].call("round", 0)
            except MemoryEndedError:
                works.pop(name, None)
                say(request.config, f"{case.title}, {name}: memory does not suffice")
        if not works:
            pytest.skip("memory does not suffice")
        turns = [(name, number) for number in range(1, case.rounds + 1) for name in works]
        taken, n = iter(turns), dict.fromkeys(works, 0)
        products: dict[str, list[float]] = {name: [] for name in works}

        def prepare() -> tuple[tuple[str, int], dict[str, Any]]:
            name, number = next(taken)
            products[name].append(works[name].call("product"))  # what the machine can do at this moment
            return (name, number), {}

        def turn(name: str, number: int) -> None:
            n[name] = works[name].call("round", number)

        benchmark.pedantic(turn, setup=prepare, rounds=len(turns))
        seconds = {name: benchmark.stats.stats.data[k :: len(works)] for k, name in enumerate(works)}
        for name, work in works.items():
            figures = work.call("figures", case.rounds + 1)
            record = Record.of(seconds[name], n[name], products[name], figures)
            results.add(case, name, record)
            say(request.config, f"{case.title}, {name}: {record.ms:.2f} ms per {unit(case)}")

    return timed


def say(config: pytest.Config, line: str) -> None:
    """Write a line at once."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")
    with capture.global_and_fixture_disabled():
        reporter.ensure_newline()
        reporter.write_line(line)


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int, config: pytest.Config) -> None:
    found = config.stash[RESULTS]
    if not found.records:
        return
    for line in summary(found):
        terminalreporter.write_line(line)
    folder = Path(config.option.results)
    if config.option.keyword or exitstatus != 0:
        terminalreporter.write_line(f"\nNot a full run: nothing is written to {folder}")
        return
    folder.mkdir(parents=True, exist_ok=True)
    stem = "benchmark" if found.device == "cpu" else f"benchmark_{found.device.partition(':')[0]}"
    (folder / f"{stem}.json").write_text(json.dumps(found.as_json(), indent=1) + "\n", encoding="utf-8")
    draw(found, folder / f"{stem}.png")
    terminalreporter.write_line(f"\nWritten: {folder / stem}.json and .png")
