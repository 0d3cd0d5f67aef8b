"""What the frames of trajectories and traces show."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from torch_geometric.data import Data

from gschnet_pyg.contracts import FINISHED, FOCUS, Cutoffs
from gschnet_pyg.page.frames import FrameView, view_molecules, view_trace, view_trajectory
from gschnet_pyg.trajectory.sample import sample_trajectory
from tests.molecules import molecule as make


@pytest.fixture
def molecule() -> Data:
    return make("CCO")


def test_a_trajectory_shows_what_each_step_sees(molecule: Data) -> None:
    trajectory = sample_trajectory(molecule, Cutoffs(), torch.Generator().manual_seed(0))
    frames = view_trajectory(molecule, trajectory).frames
    n_atoms = len(molecule.z)
    assert len(frames) == 2 * n_atoms + 1
    assert (frames[0].symbols, frames[0].focus, frames[0].caption) == (
        [], -1, "Step 0, 0 atoms in place. Focus: the origin. To predict: place C."
    )  # fmt: skip
    assert [len(frame.symbols) for frame in frames[:-1]] == trajectory.n_placed.tolist()
    for frame, following in pairwise(frames):
        if frame.following is None:  # a stop: the focus is finished from then on
            assert set(following.finished) == {*frame.finished, frame.focus} or following is frames[-1]
        else:
            assert following.symbols[-1] == frame.following[0]
            assert following.pos[-1] == frame.following[1]
    np.testing.assert_allclose(sorted(map(tuple, frames[-1].pos)), sorted(map(tuple, molecule.pos.numpy())), atol=6e-4)


def test_a_trace_shows_focus_and_finished_atoms() -> None:
    info = {"step": 5, "focus": 1, "next": "H", "molecule": 0}
    atoms = Atoms("OCH", [[0, 0, 0], [0, 0, 1.4], [0, 1, 0]], tags=[0, FOCUS, FINISHED], info=info)
    (frame,) = view_trace([atoms]).frames
    assert (frame.focus, frame.finished) == (1, [2])
    assert frame.caption == "Step 5, 3 atoms in place. Focus: C (atom 1). The model chose: H."


def test_molecules_come_in_any_form(molecule: Data) -> None:
    z, pos = molecule.z.numpy(), molecule.pos.numpy()
    frames = view_molecules([molecule, Atoms(z, pos), (z, pos)]).frames
    assert frames[0] == frames[1] == frames[2]
    assert frames[0].caption == "C2H6O"
    assert view_molecules([molecule], ["<b>wine</b>"]).frames[0].caption == "<b>wine</b>"


def test_a_notebook_shows_a_page_that_loads_nothing(molecule: Data) -> None:
    view = view_molecules([molecule])
    page = view.page()
    assert not re.findall(r"""(?:src|href)\s*=\s*["']""", page.replace("srcdoc", ""))
    assert "Copyright" in page
    assert view._repr_html_().startswith('<iframe srcdoc="&lt;!doctype html&gt;')
    assert repr(view) == "1 frames in 3D, the first: C2H6O"


def test_the_page_is_written_whole(molecule: Data, tmp_path: Path) -> None:
    path = view_molecules([molecule]).write(tmp_path / "view.html")
    assert path.read_text().endswith("</html>")
    assert [file.name for file in tmp_path.iterdir()] == ["view.html"]


def test_there_must_be_frames() -> None:
    with pytest.raises(ValueError, match="no frames"):
        FrameView([])
