from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes

from gschnet_pyg.contracts import Rate, TargetComparison, TargetGroup
from gschnet_pyg.errors import DataError
from gschnet_pyg.validity.plots import MAX_BARS, draw_targets, plot_targets

UNMEASURED = TargetComparison("alpha", "scalar", reason="name an ASE calculator")
GAP = TargetComparison(
    "gap", "scalar", "eV", "EMT", 3,
    overall=TargetGroup("all", None, 3, 3, 3, 5.0, 1.0, 0.25),
    groups=(TargetGroup("4", 4.0, 2, 2, 2, 4.25, 0.35, 0.25), TargetGroup("6", 6.0, 1, 1, 1, 6.25, None, 0.25)),
    correlation=0.99, molecules=(0, 1, 2), pairs=((4.0, 4.0), (4.0, 4.5), (6.0, 6.25)),
)  # fmt: skip
FINGERPRINT = TargetComparison(
    "fingerprint", "fingerprint", measured=2, overall=TargetGroup("all", None, 2, 2, 2, 0.75, 0.3),
    pairs=(("1, 8 bits", 0.5), ("1, 8 bits", 1.0)),
)  # fmt: skip


def composition(*formulas: str) -> TargetComparison:
    groups = [
        TargetGroup(formula, None, number, 1, number, exact=Rate(1, 1), exact_of_finished=Rate(1, number))
        for number, formula in enumerate(formulas, 1)
    ]
    return TargetComparison("composition", "composition", measured=9, overall=groups[0], groups=tuple(groups))


def widths(axes: Axes) -> list[list[float]]:
    return [[bar.get_width() for bar in bars] for bars in axes.containers]  # type: ignore[attr-defined]


def test_one_panel_for_every_condition_that_was_measured() -> None:
    figure = draw_targets([GAP, UNMEASURED, composition("CH4", "H2O"), FINGERPRINT])
    assert len(figure.axes) == 3
    assert figure.axes[0].get_ylabel() == "gap reached, eV"
    assert "MAE 0.25 eV" in figure.axes[0].get_title(loc="left")


def test_points_lie_at_target_and_reached() -> None:
    [axes] = draw_targets([GAP]).axes
    np.testing.assert_allclose(axes.collections[0].get_offsets(), GAP.pairs)


def test_bars_are_shares_of_valid_and_of_finished_molecules() -> None:
    [axes] = draw_targets([composition("CH4", "H2O")]).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["CH4", "H2O"]
    assert widths(axes) == [[100.0, 100.0], [100.0, 50.0]]


def test_of_very_many_targets_the_most_frequent_are_shown() -> None:
    [axes] = draw_targets([composition(*(f"C{n}" for n in range(1, MAX_BARS + 6)))]).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [f"C{n}" for n in range(6, MAX_BARS + 6)]
    assert "5 rarer ones not shown" in axes.get_ylabel()


def test_similarities_are_all_in_the_histogram() -> None:
    [axes] = draw_targets([FINGERPRINT]).axes
    assert sum(bar.get_height() for bar in axes.containers[0]) == 2  # type: ignore[attr-defined]


@pytest.mark.parametrize(("name", "start"), [("a.png", b"\x89PNG"), ("a.pdf", b"%PDF"), ("a.SVG", b"<?xml")])
def test_the_suffix_decides_the_format(tmp_path: Path, name: str, start: bytes) -> None:
    path = tmp_path / "plots" / name
    plot_targets([GAP, composition("CH4")], path)
    assert path.read_bytes().startswith(start)
    assert list(path.parent.iterdir()) == [path]


def test_drawing_leaves_matplotlib_as_it_was(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    plot_targets([GAP], tmp_path / "a.png")
    assert dict(matplotlib.rcParams) == before


def test_nothing_to_plot_says_why(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing to plot \(alpha: name an ASE calculator\)"):
        plot_targets([UNMEASURED], tmp_path / "a.png")
    with pytest.raises(DataError, match="no conditions"):
        draw_targets([])
    assert not list(tmp_path.iterdir())


def test_other_kinds_of_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.txt: a plot ends in \.png"):
        plot_targets([GAP], tmp_path / "a.txt")
