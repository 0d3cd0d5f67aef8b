"""Substructures out of files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from gschnet_pyg.data.writing import write_molecules
from gschnet_pyg.errors import DataError, RecipeError
from gschnet_pyg.generation.fragments import read_fragments

WATER = Atoms("OHH", [[5.0, 5.0, 5.0], [5.96, 5.0, 5.0], [4.76, 5.93, 5.0]])
METHANE = Atoms("CHHHH", np.array([[0, 0, 0], [1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) * 0.63)


@pytest.fixture
def extxyz(tmp_path: Path) -> Path:
    write(tmp_path / "parts.extxyz", [WATER, METHANE])
    return tmp_path / "parts.extxyz"


def test_records_are_counted_from_0_and_rows_of_a_database_from_1(extxyz: Path, tmp_path: Path) -> None:
    write_molecules(tmp_path / "parts.db", [WATER, METHANE])
    for path, row, name in ((extxyz, 1, "record 1"), (tmp_path / "parts.db", 2, "row 2")):
        (methane,) = read_fragments(path, [row])
        assert methane.z.tolist() == [6, 1, 1, 1, 1]
        assert methane.name == f"{path}, {name}"


def test_all_rows_by_default_and_the_given_order_otherwise(extxyz: Path) -> None:
    assert [len(fragment.z) for fragment in read_fragments(extxyz)] == [3, 5]
    assert [len(fragment.z) for fragment in read_fragments(extxyz, [1, 0, 1])] == [5, 3, 5]


def test_the_origin_is_the_centre_of_mass_of_what_is_taken_or_as_stated(extxyz: Path) -> None:
    (water,) = read_fragments(extxyz, [0])
    np.testing.assert_allclose(WATER.get_masses() @ water.pos, 0.0, atol=1e-9)
    (hydroxyl,) = read_fragments(extxyz, [0], atoms=[1, 0])
    assert hydroxyl.z.tolist() == [1, 8]
    np.testing.assert_allclose(WATER.get_masses()[[1, 0]] @ hydroxyl.pos, 0.0, atol=1e-9)
    (stated,) = read_fragments(extxyz, [0], origin=[5.0, 5.0, 4.0])
    np.testing.assert_allclose(stated.pos[0], [0.0, 0.0, 1.0])


def test_positions_are_in_angstrom(tmp_path: Path) -> None:
    bohr = Atoms("OH", [[0, 0, 0], [0, 0, 1.8]])
    write_molecules(tmp_path / "bohr.db", [bohr], metadata={"_distance_unit": "Bohr"})
    (fragment,) = read_fragments(tmp_path / "bohr.db", [1])
    assert np.linalg.norm(fragment.pos[1] - fragment.pos[0]) == pytest.approx(1.8 * 0.529177, abs=1e-5)


def test_finished_atoms_or_those_left_open(extxyz: Path) -> None:
    (by_finished,) = read_fragments(extxyz, [1], finished=[1, 2])
    assert by_finished.unfinished == [0, 3, 4]
    (by_open,) = read_fragments(extxyz, [1], open_atoms=[0])
    assert by_open.finished == (1, 2, 3, 4)
    (taken,) = read_fragments(extxyz, [1], atoms=[3, 0, 4], open_atoms=[1])
    assert taken.z[taken.unfinished].tolist() == [6]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"rows": [2]}, DataError, "parts.extxyz: there is no record 2; there are 2, from 0 to 1"),
        ({"rows": [0], "atoms": [3]}, DataError, "parts.extxyz, record 0: there is no atom 3; .* from 0 to 2"),
        ({"atoms": [-1]}, DataError, "there is no atom -1"),
        ({"rows": [0], "atoms": [0, 1], "finished": [2]}, DataError, "there is no atom 2; .* from 0 to 1"),
        ({"atoms": [0, 0]}, RecipeError, "atoms: an atom is given twice"),
        ({"finished": [0], "open_atoms": [1]}, RecipeError, "drop one of them"),
        ({"origin": [0.0, 1.0]}, RecipeError, "origin: .* three numbers"),
        ({"atoms": []}, RecipeError, "atoms: the list is empty"),
        ({"rows": []}, RecipeError, "rows: the list is empty"),
    ],
)
def test_what_is_not_there_is_named(extxyz: Path, options: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        read_fragments(extxyz, **options)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"scaffold\.xyz: no such file"):
        read_fragments(tmp_path / "scaffold.xyz")
