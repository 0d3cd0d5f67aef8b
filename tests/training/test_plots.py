"""The picture of how a run has learnt."""

from __future__ import annotations

import pytest

from gschnet_pyg.errors import DataError
from gschnet_pyg.training.plots import draw_losses

METRICS = """\
step,train/type,train/distance,validation/type,validation/distance
19,3.0,2.5,,
39,2.0,1.5,,
40,,,1.8,1.4
59,1.5,1.2,,
"""


@pytest.fixture
def metrics(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text(METRICS)
    return path


def test_both_parts_of_both_stages_over_the_steps(metrics):
    of_type, of_distance = draw_losses(metrics).axes
    lines = {line.get_label(): line for line in of_type.lines}
    assert lines["train"].get_xydata().tolist() == [[19, 3.0], [39, 2.0], [59, 1.5]]
    assert lines["validation"].get_xydata().tolist() == [[40, 1.8]]
    assert [line.get_ydata().tolist() for line in of_distance.lines] == [[2.5, 1.5, 1.2], [1.4]]
    assert of_type.get_yscale() == of_distance.get_yscale() == "log"


def test_a_stage_that_was_not_logged_is_left_out(metrics):
    metrics.write_text("step,validation/type,validation/distance\n40,1.8,1.4\n")
    assert [[line.get_label() for line in axes.lines] for axes in draw_losses(metrics).axes] == [["validation"]] * 2


def test_nothing_to_draw(metrics):
    metrics.write_text("step,learning_rate\n19,0.001\n")
    with pytest.raises(DataError, match=r"metrics\.csv: holds no losses yet; validate more often"):
        draw_losses(metrics)
    metrics.unlink()
    with pytest.raises(DataError, match=r"metrics\.csv: no such file"):
        draw_losses(metrics)
