"""Numbers of another level of theory give themselves away."""

from __future__ import annotations

import pytest

from gschnet_pyg.contracts import TargetComparison
from gschnet_pyg.validity.trained_ranges import FAR, far_note


def comparison(*reached: float) -> TargetComparison:
    pairs = tuple((5.0, value) for value in reached)
    return TargetComparison("gap", "scalar", "eV", "EMT", trained=(2.0, 12.0), pairs=pairs)


@pytest.mark.parametrize("reached", [2.0 - 10 * FAR, 2.0, 7.0, 12.0 + 10 * FAR])
def test_numbers_near_the_range_can_be_compared(reached: float) -> None:
    assert far_note(comparison(reached, reached, 1e6)) is None  # most of them count


@pytest.mark.parametrize("reached", [1.9 - 10 * FAR, 12.1 + 10 * FAR, -1e5])
def test_numbers_far_below_or_above_cannot(reached: float) -> None:
    note = far_note(comparison(reached, reached, 5.0))
    assert note is not None
    assert note.startswith("far outside the range that the model was trained on (2 to 12 eV): ")
