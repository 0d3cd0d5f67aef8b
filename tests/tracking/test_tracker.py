"""Runs of wandb: what is written, and that nothing that happens to them reaches the work."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wandb

from gschnet_pyg.contracts import Verdict
from gschnet_pyg.tracking import tracker as module
from gschnet_pyg.tracking.molecules import ShownMolecule
from gschnet_pyg.tracking.settings import TrackingSettings
from gschnet_pyg.tracking.tracker import OFF, Tracker, tracked
from gschnet_pyg.validity.checks import ValidityOptions
from gschnet_pyg.validity.judging import judge
from tests.molecules import coordinates
from tests.wandb_files import offline_runs

OFFLINE = TrackingSettings("offline", "a project", group="a group", tags=("one", "two"), n_molecules=3)
ONLINE = TrackingSettings("online", "a project", "a team")


def shown(number: int, z: np.ndarray, pos: np.ndarray) -> ShownMolecule:
    return ShownMolecule(number, z, pos, judge(z, pos, ValidityOptions()), {"gap": 0.5 * number})


def test_everything_is_written_beside_the_run(tmp_path: Path, no_login: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("HOME", str(elsewhere))
    lines: list[str] = []
    z, pos = coordinates("CCO")
    spoiled = pos.copy()
    spoiled[0] = np.nan
    broken = ShownMolecule(7, z, spoiled, Verdict("C2H6O", None, "bad_coordinates", 9, 0, None), {"gap": 3.5})
    (tmp_path / "model.bin").write_bytes(b"weights")
    with tracked(
        OFFLINE, tmp_path / "run", {"a": {"b": [1]}}, name="a name", job_type="train", say=lines.append
    ) as run:
        run.log({"loss": 2.0}, 19)
        run.log({"share": 0.5}, 19)
        run.log({"loss": 1.0}, 9)  # is behind: belongs to the latest
        run.log_molecules("table", [shown(0, z, pos), shown(1, z[:-1], pos[:-1]), broken, broken], 39)
        run.summarise({"best/loss": 1.0})
        run.keep("model-räcipe 1", "model", [tmp_path / "model.bin"], {"loss": 1.0})
        (tmp_path / "model.bin").write_bytes(b"others")  # what was kept stays
    assert lines == [f"Logging to wandb, offline: upload it with `wandb sync {tmp_path / 'run' / 'wandb'}`"]
    (found,) = offline_runs(tmp_path / "run" / "wandb")
    assert (found.project, found.name, found.group, found.job_type) == ("a project", "a name", "a group", "train")
    assert found.tags == ["one", "two"]
    assert found.exit_code == 0
    assert found.config["a"] == {"b": [1]}
    assert found.column("loss") == {19: 1.0}
    assert found.column("share") == {19: 0.5}
    assert found.summary["best/loss"] == 1.0

    rows = found.table("table", 39)
    assert [row["number"] for row in rows] == [0, 1, 7]
    assert [row["smiles"] for row in rows] == ["CCO", None, None]
    assert [row["valid"] for row in rows] == [True, False, False]
    assert [row["reason"] for row in rows] == [None, "radical", "bad_coordinates"]
    assert [row["target_gap"] for row in rows] == [0.0, 0.5, 3.5]
    _, files = found.artifact("run_table")
    drawn = [files[name].read_text() for name in files if name.endswith(".pdb")]
    n_atoms = sorted(text.count("HETATM") for text in drawn)
    assert n_atoms == [8, 9]  # of the two that can be drawn
    whole = max(drawn, key=len)
    assert f"{pos[0, 0]:8.3f}{pos[0, 1]:8.3f}{pos[0, 2]:8.3f}" in whole  # as it was made, not embedded anew

    name, files = found.artifact("model")
    assert name == "model-r-cipe-1"
    assert files["model.bin"].read_bytes() == b"weights"
    assert files["model.bin"].is_relative_to(tmp_path / "run" / "wandb")
    assert not list(elsewhere.rglob("offline-run*")) + list(elsewhere.rglob("staging"))
    assert "WANDB_DATA_DIR" not in os.environ
    assert wandb.run is None


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt, 130), (ValueError, 1)])
def test_a_run_that_fails_is_ended_as_failed(
    tmp_path: Path, no_login: Path, error: type[BaseException], code: int
) -> None:

    def fail() -> None:
        with tracked(OFFLINE, tmp_path, {}, name="n", job_type="train", say=lambda line: None) as run:
            run.log({"loss": 1.0}, 0)
            raise error

    with pytest.raises(error):
        fail()
    (found,) = offline_runs(tmp_path / "wandb")
    assert found.exit_code == code
    assert found.column("loss") == {0: 1.0}


def test_a_run_that_goes_on_has_its_id_and_later_steps(tmp_path: Path, no_login: Path) -> None:
    options: dict[str, Any] = {"name": "n", "job_type": "train", "say": lambda line: None}
    with tracked(OFFLINE, tmp_path, {}, **options) as run:
        first = run.run_id
        run.log({"loss": 2.0}, 19)
    with tracked(OFFLINE, tmp_path, {}, **options, run_id=first, first_step=20) as run:
        run.log({"loss": 1.5}, 9)
        run.log({"loss": 1.0}, 39)
    runs = offline_runs(tmp_path / "wandb")
    assert [run.id for run in runs] == [first, first]
    assert [run.column("loss") for run in runs] == [{19: 2.0}, {20: 1.5, 39: 1.0}]


class Broken:
    """A run whose connection is lost."""

    id = "x"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.asked.append(name)
        raise BrokenPipeError("the service is gone\nand more")


def test_trouble_is_said_once_and_the_work_goes_on(tmp_path: Path) -> None:
    lines: list[str] = []
    broken = Broken()
    run = Tracker(broken, tmp_path, 5, lines.append)
    run.log({"loss": 1.0}, 0)
    run.log({"loss": 1.0}, 1)
    run.summarise({"best": 1.0})
    run.keep("model", "model", [tmp_path / "no such file"])
    run.finish()
    assert lines == ["Warning: wandb: the service is gone; some of this run may be missing there."]
    assert broken.asked == ["log", "log", "summary", "finish"]  # another time it might have worked
    assert run.run_id is None


def test_without_a_run_nothing_is_done(tmp_path: Path) -> None:
    OFF.log({"loss": 1.0}, 0)
    OFF.keep("model", "model", [tmp_path / "none"])
    OFF.finish()
    assert OFF.n_molecules == 0


def test_a_server_that_cannot_be_reached_leads_offline(
    tmp_path: Path, no_login: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setenv("WANDB_INIT_TIMEOUT", "1")
    lines: list[str] = []
    with tracked(ONLINE, tmp_path, {}, name="n", job_type="train", say=lines.append) as run:
        run.log({"loss": 1.0}, 0)
    assert lines[0].startswith("Warning: wandb cannot be used online (")
    assert lines[0].endswith("this run is logged offline.")
    assert lines[1:] == [f"Logging to wandb, offline: upload it with `wandb sync {tmp_path / 'wandb'}`"]
    (found,) = offline_runs(tmp_path / "wandb")
    assert found.column("loss") == {0: 1.0}


def test_where_nothing_can_be_written_nothing_is_logged(
    tmp_path: Path, no_login: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**options: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(wandb, "init", refuse)
    lines: list[str] = []
    with tracked(OFFLINE, tmp_path, {}, name="n", job_type="train", say=lines.append) as run:
        run.log({"loss": 1.0}, 0)
    assert lines == ["Warning: wandb: no space left on device; nothing is logged there."]


class Online:
    """What wandb gives for a run that its server knows."""

    id, url = "abc", "https://wandb.example.org/run"

    def finish(self, exit_code: int) -> None:
        self.exit_code = exit_code


@pytest.mark.parametrize("is_sweep", [False, True])
def test_what_an_online_run_is_begun_with(
    tmp_path: Path, no_login: Path, monkeypatch: pytest.MonkeyPatch, is_sweep: bool
) -> None:
    """Project, entity and id are the agent's in a sweep; wandb would complain of others."""
    given: dict[str, Any] = {}
    online = Online()

    def init(**options: Any) -> Online:
        given.update(options)
        return online

    monkeypatch.setattr(wandb, "init", init)
    if is_sweep:
        monkeypatch.setenv("WANDB_SWEEP_ID", "sweep")
        monkeypatch.setenv("WANDB_RUN_ID", "trial")
    lines: list[str] = []
    with tracked(ONLINE, tmp_path, {}, name="n", job_type="train", say=lines.append, run_id="before"):
        pass
    assert lines == ["Logging to wandb: https://wandb.example.org/run"]
    assert online.exit_code == 0
    assert (given["mode"], given["resume"], given["dir"]) == ("online", "allow", str(tmp_path))
    decided = {"project": "a project", "entity": "a team", "id": "before"}
    assert {name: given[name] for name in decided if name in given} == ({} if is_sweep else decided)
    assert given["settings"].finish_timeout == module._FINISH_TIMEOUT
