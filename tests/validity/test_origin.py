from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms

from gschnet_pyg.validity.origin import describe_origin, origin_distances, stored_origin
from tests.validity.molecules import embed, line

HERE = {"origin": [0.0, 0.0, 0.0]}


def test_distances_are_those_of_the_centre_of_mass() -> None:
    z, pos = embed("CCO")
    centred = pos - Atoms(z, pos).get_center_of_mass()
    moved = centred + np.array([3.0, 4.0, 0.0])
    water = line((8, 0.0), (1, 1.0), (1, -1.0))
    np.testing.assert_allclose(origin_distances([(z, centred), (z, moved), water], np.zeros(3)), [0, 5, 0], atol=1e-9)
    np.testing.assert_allclose(origin_distances([(z, moved)], np.array([3.0, 4.0, 2.0])), [2])
    # 12.011 and 1.008 u
    assert origin_distances([line((6, 0.0), (1, 1.0))], np.zeros(3)) == pytest.approx([1.008 / 13.019])


def test_the_origin_is_where_every_part_of_a_file_says() -> None:
    np.testing.assert_equal(stored_origin(HERE), np.zeros(3))
    np.testing.assert_equal(stored_origin({**HERE, "appended": [HERE, HERE]}), np.zeros(3))


@pytest.mark.parametrize(
    "made_by", [{}, {"origin": None}, {**HERE, "appended": [{}]}, {**HERE, "appended": [HERE, {"origin": None}]}]
)
def test_a_file_that_does_not_say_has_none(made_by: dict) -> None:
    assert stored_origin(made_by) is None
    assert describe_origin([embed("C")], made_by) is None


def test_molecules_without_a_place_are_left_out() -> None:
    z, pos = embed("C")
    lost = pos.copy()
    lost[1] = np.nan
    nothing = (np.zeros(0, dtype=np.int64), np.zeros((0, 3)))
    found = describe_origin(
        [(z, pos + np.array([1, 0, 0]) - pos[0]), (z, lost), nothing, (np.array([200]), pos[:1])], HERE
    )
    assert found is not None
    assert found.n == 1
    assert found.mean == pytest.approx(1, abs=1e-3)
    assert describe_origin([nothing], HERE) is None
