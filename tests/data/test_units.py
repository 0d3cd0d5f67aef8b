from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import units

from gschnet_pyg.data.arrays import MoleculeArrays, Property
from gschnet_pyg.data.units import energy_factor, in_internal_units, length_factor
from gschnet_pyg.errors import DataError


@pytest.fixture
def arrays() -> MoleculeArrays:
    return MoleculeArrays(
        z=np.array([1, 1], dtype=np.uint8),
        pos=np.array([[0.0, 0, 0], [1, 0, 0]]),
        offsets=np.array([0, 2]),
        ids=np.array([0]),
        properties={"gap": Property(np.array([[2.0]])), "mu": Property(np.array([[3.0]]), "D")},
        source="test",
    )


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("eV", 1), ("meV", 1e-3), ("Hartree", units.Hartree), ("Ha", units.Hartree), ("kcal/mol", 0.0433641),
     ("kJ/mol", 0.0103643), ("Rydberg", units.Ry)],
)  # fmt: skip
def test_energies_become_ev(unit, factor):
    assert energy_factor(unit) == pytest.approx(factor, rel=1e-5)


@pytest.mark.parametrize("unit", [None, "", "D", "a0^3", "cal/mol/K", "eV/Ang", "a.u.", "au"])
def test_what_is_no_energy_stays(unit):
    assert energy_factor(unit) is None


@pytest.mark.parametrize(
    ("unit", "factor"), [("Ang", 1), ("Angstrom", 1), ("Å", 1), ("Bohr", 0.529177), ("nm", 10), ("a.u.", 0.529177)]
)
def test_lengths_become_angstrom(unit, factor):
    assert length_factor(unit) == pytest.approx(factor, rel=1e-5)


def test_given_units_are_applied(arrays):
    converted = in_internal_units(arrays, {"gap": "Hartree"}, "Bohr")
    assert converted.properties["gap"].unit == "eV"
    assert converted.properties["gap"].values[0, 0] == pytest.approx(2 * units.Hartree)
    assert converted.properties["mu"] == arrays.properties["mu"]
    assert converted.pos[1, 0] == pytest.approx(units.Bohr)


def test_the_same_unit_in_another_spelling_is_no_contradiction(arrays):
    stated = replace(arrays, properties={"gap": Property(np.array([[2.0]]), "Ha")}, distance_unit="Angstrom")
    converted = in_internal_units(stated, {"gap": "hartree"}, "Å")
    assert converted.properties["gap"].values[0, 0] == pytest.approx(2 * units.Hartree)


@pytest.mark.parametrize(
    ("asked", "distance", "message"),
    [
        ({"mu": "a0"}, None, "test: states mu in D, but a0 is asked for"),
        ({"gapp": "eV"}, None, "test: a unit is given for 'gapp', which is no property there; there are: gap, mu"),
        ({}, "Bohr", "test: states distances in Ang, but Bohr is asked for"),
        ({}, "furlong", "distance unit 'furlong' is unknown; choose from Ang"),
    ],
)
def test_contradictions_and_strangers_are_refused(arrays, asked, distance, message):
    with pytest.raises(DataError, match=message):
        in_internal_units(replace(arrays, distance_unit="Ang"), asked, distance)


@pytest.mark.parametrize(
    ("unit", "nearest"),
    [("Hartee", "Hartree"), ("hartrees", "Hartree"), ("kcal/mole", "kcal/mol"), ("ev/", "eV"), ("joules", "J")],
)
def test_a_misspelt_energy_is_no_other_unit(arrays, unit, nearest):
    with pytest.raises(DataError, match=rf"unit '{unit}' of gap is unknown; is it {nearest}\?"):
        in_internal_units(arrays, {"gap": unit})


@pytest.mark.parametrize(
    "unit",
    ["D", "Debye", "a0^3", "a0^2", "cal/mol/K", "kcal/mol/Ang", "eV/Ang", "Hartree/Bohr", "e", "V", "GHz", "a.u."],
)
def test_other_units_are_kept_as_given(arrays, unit):
    converted = in_internal_units(arrays, {"gap": unit}).properties["gap"]
    assert (converted.unit, converted.values[0, 0]) == (unit, 2)


def test_atomic_units_are_settled_by_the_user(arrays):
    stated = replace(arrays, properties={"gap": Property(np.array([[2.0]]), "a.u.")})
    assert in_internal_units(stated).properties["gap"].unit == "a.u."
    assert in_internal_units(stated, {"gap": "Hartree"}).properties["gap"].unit == "eV"
