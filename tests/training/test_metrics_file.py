"""The file of all metrics."""

from __future__ import annotations

import csv
from pathlib import Path

from gschnet_pyg.training.metrics_file import COLUMNS, MetricsFile, last_step


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_rows_are_added_by_every_run(tmp_path: Path) -> None:
    path = tmp_path / "run" / "metrics.csv"
    for step in (19, 39):
        MetricsFile(path).log_metrics({"epoch": 0, "train/loss": 1.5, "unknown": 3}, step=step)
    assert [row["step"] for row in rows(path)] == ["19", "39"]
    assert tuple(rows(path)[0]) == COLUMNS
    assert {rows(path)[0][name] for name in COLUMNS if name.startswith(("sampled/", "test/"))} == {""}


def test_a_file_of_an_earlier_version_gets_new_columns(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,step,train/loss,retired\n0,19,2.5,7\n1,39,1.5,8\n")
    metrics = MetricsFile(path)
    metrics.log_metrics({"epoch": 2, "sampled/valid": 0.25}, step=59)
    metrics.log_metrics({"epoch": 3, "train/loss": 0.5}, step=79)
    found = rows(path)
    assert [row["step"] for row in found] == ["19", "39", "59", "79"]
    assert [row["train/loss"] for row in found] == ["2.5", "1.5", "", "0.5"]
    assert [row["retired"] for row in found] == ["7", "8", "", ""]
    assert [row["sampled/valid"] for row in found] == ["", "", "0.25", ""]
    assert set(COLUMNS) <= found[0].keys()


def test_an_empty_file_is_begun(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.touch()
    MetricsFile(path).log_metrics({"epoch": 0}, step=0)
    assert [row["epoch"] for row in rows(path)] == ["0"]


def test_the_last_step_is_known(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    assert last_step(path) == -1
    for step in (19, 39):
        MetricsFile(path).log_metrics({"epoch": 0}, step=step)
    assert last_step(path) == 39
