from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms, units
from ase.db import connect

from gschnet_pyg.contracts import Cutoffs, PlacementSteps, Vocabulary
from gschnet_pyg.data.arrays import MoleculeArrays, Property
from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.data.properties import RelativeAtomicEnergy, compositions
from gschnet_pyg.data.sources import open_dataset
from gschnet_pyg.data.units import energy_factor, in_internal_units, length_factor
from gschnet_pyg.data.writing import write_database
from gschnet_pyg.errors import DataError
from gschnet_pyg.trajectory.collate import PlacementCollate


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


def molecules_of_the_demo(demo: MoleculeDataset) -> list[Atoms]:
    """Some unlike molecules, each with an energy near -1e4 eV, a gap, a ratio and a dipole moment."""
    rng = np.random.default_rng(0)
    chosen = []
    for row in range(0, len(demo), 250):
        z, pos = demo[row].z.numpy(), demo[row].pos.numpy()
        # shaken, for atoms at equal distances would be told apart by the last digit
        atoms = Atoms(z, pos + rng.normal(scale=0.01, size=pos.shape))
        energy = -400.0 * len(z) + rng.normal(scale=3)
        atoms.info = {"U0": energy, "gap": rng.uniform(2, 9), "ratio": rng.uniform(), "mu": rng.uniform(0, 5)}
        chosen.append(atoms)
    return chosen


def write_as_schnetpack_does(path: Path, molecules: list[Atoms]) -> None:
    """Positions in Bohr, energies in Hartree, arrays in ``row.data``, units in the metadata."""
    factors = {"U0": 1 / units.Hartree, "gap": 1 / units.Hartree, "ratio": 1.0, "mu": 1.0}
    with connect(path) as database:
        database.metadata = {
            "_property_unit_dict": {"U0": "Hartree", "gap": "Ha", "ratio": None, "mu": "Debye"},
            "_distance_unit": "Bohr",
            "atomrefs": {},
        }
        for atoms in molecules:
            data = {name: np.array([atoms.info[name] * factor]) for name, factor in factors.items()}
            database.write(Atoms(atoms.numbers, atoms.positions / units.Bohr), data=data)


def carrying_relative_energies(dataset: MoleculeDataset) -> MoleculeDataset:
    types = Vocabulary().atom_types
    energies = dataset.properties["U0"].values
    relative = RelativeAtomicEnergy.fit("U0", energies, compositions(dataset, types), types, seed=0, max_molecules=15)
    return dataset.with_computed({"relative_atomic_energy": relative.column(dataset)})


def batch_of(dataset: MoleculeDataset) -> PlacementSteps:
    names = ("relative_atomic_energy", "gap", "ratio", "mu")
    collate = PlacementCollate(Vocabulary(), Cutoffs(), steps_drawn=6, conditions=names)
    molecules = [dataset[i] for i in range(len(dataset))]
    for seed, molecule in enumerate(molecules):
        molecule.seed = seed
    return collate(molecules)


def test_a_database_by_schnetpack_in_other_units_trains_alike(demo, tmp_path):
    """Hartree and Bohr in the metadata: the same training tensors to the rounding of float32."""
    molecules = molecules_of_the_demo(demo)
    write_as_schnetpack_does(tmp_path / "atomic.db", molecules)
    write_database(tmp_path / "ev.db", molecules, units={"U0": "eV", "gap": "eV", "mu": "Debye"})
    atomic, ev = (
        carrying_relative_energies(open_dataset(tmp_path / name, progress=False)) for name in ("atomic.db", "ev.db")
    )
    named = {"U0": "eV", "gap": "eV", "ratio": None, "mu": "Debye", "relative_atomic_energy": None}
    assert {name: prop.unit or None for name, prop in atomic.properties.items()} == named
    assert {name: prop.unit or None for name, prop in ev.properties.items()} == named
    for name in ("ratio", "mu"):  # no energies: the numbers are kept as they are
        np.testing.assert_array_equal(atomic.properties[name].values, ev.properties[name].values)
    first, second = batch_of(atomic), batch_of(ev)
    assert first.conditions["relative_atomic_energy"].std() > 0.01
    for name, condition in first.conditions.items():
        torch.testing.assert_close(condition, second.conditions[name], rtol=1e-6, atol=1e-7)
    tensors = {name: value for name, value in first if isinstance(value, torch.Tensor)}
    assert {"pair_distance", "next_class", "labelled_distance", "predictor_pos"} <= set(tensors)
    for name, tensor in tensors.items():
        torch.testing.assert_close(tensor, second[name], rtol=1e-6, atol=2e-6, msg=name)


def test_forgetting_the_units_changes_everything(demo, tmp_path):
    """The same numbers without metadata, read as eV and Å, are other molecules; named by the user they are the same."""
    write_as_schnetpack_does(tmp_path / "a.db", molecules_of_the_demo(demo))
    stated = open_dataset(tmp_path / "a.db", progress=False)
    with connect(tmp_path / "a.db") as database:
        database.metadata = {}
    bare = open_dataset(tmp_path / "a.db", progress=False)
    np.testing.assert_allclose(bare.pos * units.Bohr, stated.pos)
    named = {"U0": "Hartree", "gap": "Hartree", "mu": "Debye"}
    named = open_dataset(tmp_path / "a.db", units=named, distance_unit="Bohr", progress=False)
    np.testing.assert_array_equal(named.pos, stated.pos)
    for name, prop in stated.properties.items():
        np.testing.assert_array_equal(named.properties[name].values, prop.values)
        assert (named.properties[name].unit or None) == (prop.unit or None)
