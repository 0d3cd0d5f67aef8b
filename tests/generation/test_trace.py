"""What one sees of molecules that grow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from ase.io import read, write

from gschnet_pyg.contracts import Cutoffs, Vocabulary
from gschnet_pyg.generation.sampler import Attempt, GenerationSettings, generate
from gschnet_pyg.generation.trace import FINISHED, FOCUS, StepTrace
from gschnet_pyg.model.gschnet import GSchNet, ModelSettings

VOCABULARY = Vocabulary()


@pytest.fixture(scope="module")
def traced() -> tuple[StepTrace, list[str], dict[int, Attempt]]:
    torch.manual_seed(3)
    settings = ModelSettings(8, 1, type_layers=2, type_width=8, distance_layers=1)
    network = GSchNet(VOCABULARY, Cutoffs(), settings).eval()
    lines: list[str] = []
    trace = StepTrace([4, 1], VOCABULARY, lines.append)
    attempts = generate(network, GenerationSettings(6, max_atoms=7, grid_spacing=0.1, seed=2), on_step=trace)
    return trace, lines, {attempt.number: attempt for attempt in attempts}


def test_one_line_for_every_step_of_the_chosen_molecules(traced) -> None:
    trace, lines, _ = traced
    assert {line.split()[1] for line in lines} == {"1", "4"}
    for number in (1, 4):
        of_molecule = [line.split() for line in lines if line.startswith(f"molecule {number} ")]
        assert [int(words[3]) for words in of_molecule] == list(range(len(of_molecule)))
        assert of_molecule[0][4:6] == ["focus", "origin"]
        assert len([frame for frame in trace.frames if frame.info["molecule"] == number]) == len(of_molecule) - 1


def test_lines_show_a_distribution_and_what_was_drawn(traced) -> None:
    _, lines, _ = traced
    for line in lines:
        words = line.split()
        assert words[-2:-1] == ["next"]
        assert words[-1] in ("H", "C", "N", "O", "F", "stop")
        start = words.index("H", 5 if "origin" in words else 7)
        assert words[start : start + 12 : 2] == ["H", "C", "N", "O", "F", "stop"]
        assert sum(map(float, words[start + 1 : start + 12 : 2])) == pytest.approx(100.0, abs=0.4)


def test_frames_show_the_molecule_grow_with_its_focus(traced) -> None:
    trace, lines, attempts = traced
    assert [frame.info["molecule"] for frame in trace.frames] == sorted(f.info["molecule"] for f in trace.frames)
    for frame in trace.frames:
        attempt = attempts[frame.info["molecule"]]
        np.testing.assert_array_equal(frame.numbers, attempt.z[: len(frame)])
        np.testing.assert_allclose(frame.positions, attempt.pos[: len(frame)])
        assert np.flatnonzero(frame.get_tags() == FOCUS).tolist() == [frame.info["focus"]]
        focused = f"focus {frame.info['focus']:3} {frame.symbols[frame.info['focus']]}"
        assert any(focused in line and f"step {frame.info['step']:3}" in line for line in lines)


def test_finished_atoms_stay_finished(traced) -> None:
    trace, _, _ = traced
    finished: dict[int, int] = {}
    for frame in trace.frames:
        number, count = frame.info["molecule"], int((frame.get_tags() == FINISHED).sum())
        assert count >= finished.get(number, 0)
        finished[number] = count


def test_frames_make_a_trajectory_file(traced, tmp_path: Path) -> None:
    trace, _, _ = traced
    write(tmp_path / "steps.extxyz", trace.frames)
    again = read(tmp_path / "steps.extxyz", ":")
    assert [frame.info["next"] for frame in again] == [frame.info["next"] for frame in trace.frames]
    for frame, expected in zip(again, trace.frames, strict=True):
        np.testing.assert_array_equal(frame.get_tags(), expected.get_tags())
