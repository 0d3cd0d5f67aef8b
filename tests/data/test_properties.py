from __future__ import annotations

import json

import numpy as np
import pytest
from ase import Atoms

from gschnet_pyg.data.arrays import Collector, MoleculeArrays
from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.data.properties import RelativeAtomicEnergy, atom_counts, compositions, heavy_atom_counts
from gschnet_pyg.errors import DataError, RecipeError

TYPES = (1, 6, 7, 8, 9)
ATOMS = np.array([-13.6, -1030.0, -1486.0, -2043.0, -2714.0])  # eV, about those of free atoms


def collected(molecules: list[Atoms], energies: list[float] | None = None) -> MoleculeArrays:
    collector = Collector("test")
    for number, atoms in enumerate(molecules):
        collector.add(number, atoms.numbers, atoms.positions, {"energy": energies[number]} if energies else {})
    return collector.finish(units={"energy": "eV"})


def random_compositions(number: int) -> np.ndarray:
    return np.random.default_rng(0).integers(1, 9, (number, 5)).astype(float)


def test_formulas_are_counted(molecules):
    dataset = MoleculeDataset(collected(molecules))
    water, methane, benzene, ethanol = [2, 0, 0, 1, 0], [4, 1, 0, 0, 0], [6, 6, 0, 0, 0], [6, 2, 0, 1, 0]
    counted = compositions(dataset, TYPES)
    assert counted.dtype == np.float64
    assert counted.tolist() == [water, methane, benzene, ethanol]
    assert compositions(dataset.subset([3, 0]), (8, 1)).tolist() == [[1, 6], [1, 2]]
    assert atom_counts(dataset).tolist() == [[3], [5], [12], [9]]
    assert heavy_atom_counts(dataset).tolist() == [[1], [1], [6], [3]]


def test_other_elements_count_nowhere(molecules):
    dataset = MoleculeDataset(collected(molecules))
    assert compositions(dataset, (6,)).tolist() == [[0], [1], [6], [2]]
    assert compositions(dataset.subset([]), TYPES).shape == (0, 5)


def test_energies_of_free_atoms_leave_nothing():
    counts = random_compositions(300)
    energies = counts @ ATOMS + 0.3 * counts.sum(axis=1)
    relative = RelativeAtomicEnergy.fit("energy", energies, counts, TYPES, seed=0)
    np.testing.assert_allclose(relative.values(energies, counts), 0, atol=1e-9)


def test_of_the_solutions_that_fit_equally_well_the_smallest_is_taken():
    """Concentrations sum to 1: whatever is added to all coefficients can be taken off the intercept."""
    counts = random_compositions(50)
    energies = counts @ ATOMS
    relative = RelativeAtomicEnergy.fit("energy", energies, counts, TYPES, seed=0)
    solution = np.array([*relative.coefficients, relative.intercept])
    shifts = [np.linalg.norm(solution + shift * np.array([1, 1, 1, 1, 1, -1])) for shift in (-1, 0, 1)]
    assert np.argmin(shifts) == 1
    terms = np.column_stack([counts / counts.sum(axis=1, keepdims=True), np.ones(50)])
    np.testing.assert_allclose(solution, np.linalg.pinv(terms) @ (energies / counts.sum(axis=1)), rtol=1e-9)


def test_isomers_differ_by_their_energy_per_atom():
    """1 kcal/mol between isomers of 20 atoms survives energies near -1e4 eV."""
    counts = random_compositions(100)
    counts[1] = counts[0] = [10, 5, 2, 2, 1]
    energies = counts @ ATOMS
    energies[1] += 0.0433641
    relative = RelativeAtomicEnergy.fit("energy", energies, counts, TYPES, seed=0).values(energies, counts)
    assert relative[1] - relative[0] == pytest.approx(0.0433641 / 20, rel=1e-6)


def test_a_value_does_not_depend_on_the_other_molecules():
    """To the last bit: a run that is resumed elsewhere compares the values that it was stored with."""
    counts = random_compositions(50)
    energies = counts @ ATOMS + np.random.default_rng(1).normal(size=50)
    relative = RelativeAtomicEnergy("energy", TYPES, tuple(ATOMS), 0.1)
    alone = [relative.values(energies[row : row + 1], counts[row : row + 1])[0] for row in range(50)]
    np.testing.assert_array_equal(relative.values(energies, counts), alone)


def test_it_is_fitted_on_a_seeded_draw():
    counts = random_compositions(200)
    energies = counts @ ATOMS + np.random.default_rng(1).normal(size=200)
    fits = [RelativeAtomicEnergy.fit("energy", energies, counts, TYPES, seed, 50) for seed in (0, 0, 1)]
    assert fits[0] == fits[1] != fits[2]
    drawn = np.sort(np.random.default_rng(0).choice(200, 50, replace=False))
    assert fits[0] == RelativeAtomicEnergy.fit("energy", energies[drawn], counts[drawn], TYPES, seed=7)
    assert fits[0].values(energies[drawn], counts[drawn]).mean() == pytest.approx(0, abs=1e-9)


def test_an_element_that_does_not_occur_gets_nothing():
    counts = random_compositions(50)
    counts[:, 4] = 0
    assert RelativeAtomicEnergy.fit("energy", counts @ ATOMS, counts, TYPES, 0).coefficients[4] == pytest.approx(0)


@pytest.mark.parametrize(("energies", "message"), [([1.0, np.nan], "1 of 2 training"), ([], "0 of 0 training")])
def test_it_is_not_fitted_to_nothing(energies, message):
    with pytest.raises(DataError, match=f"{message} molecules have no value of 'energy'"):
        RelativeAtomicEnergy.fit("energy", np.array(energies), np.ones((len(energies), 5)), TYPES, 0)


def test_a_fit_that_leaves_nothing_over_is_refused():
    """Five elements in molecules of any composition: five unknowns, since the intercept is not independent."""
    counts = random_compositions(6)
    energies = counts @ ATOMS + np.arange(6.0)
    with pytest.raises(DataError, match=r"cannot be fitted to 5 training molecules, which leave nothing over; take mo"):
        RelativeAtomicEnergy.fit("energy", energies[:5], counts[:5], TYPES, 0)
    assert np.abs(RelativeAtomicEnergy.fit("energy", energies, counts, TYPES, 0).values(energies, counts)).max() > 1e-3
    isomers = np.tile([[6.0, 2.0, 0, 1.0, 0]], (2, 1))  # a single composition has one mean
    relative = RelativeAtomicEnergy.fit("energy", np.array([-4220.0, -4219.0]), isomers, TYPES, 0)
    assert relative.values(np.array([-4220.0, -4219.0]), isomers).tolist() == pytest.approx([-1 / 18, 1 / 18])


def test_coefficients_can_be_given():
    relative = RelativeAtomicEnergy.given("energy", {"C": -3.0, "H": -1.0, "Cl": 0.0}, 0.5, (1, 6))
    assert relative == RelativeAtomicEnergy("energy", (1, 6), (-1.0, -3.0), 0.5)
    methane = np.array([[4.0, 1.0]])
    assert relative.values(np.array([-17.0]), methane).tolist() == pytest.approx([-17 / 5 + 7 / 5 - 0.5])


@pytest.mark.parametrize(
    ("coefficients", "message"),
    [
        ({"H": -13.6}, "no coefficient for C, which is among the atom types"),
        ({"H": -13.6, "C": np.nan}, "not a finite number"),
        ({"H": -13.6, "C": -1030.0, "Kohlenstoff": 0.0}, "'Kohlenstoff' is not the symbol of an element"),
    ],
)
def test_coefficients_that_do_not_fit_are_refused(coefficients, message):
    with pytest.raises(RecipeError, match=message):
        RelativeAtomicEnergy.given("energy", coefficients, 0.0, (1, 6))


def test_it_survives_json():
    relative = RelativeAtomicEnergy("U0", (1, 6), (-13.123456789012345, -1030.1), 1e-17)
    stored = json.loads(json.dumps(relative.to_json()))
    assert stored["kind"] == "relative_atomic_energy"
    assert stored["coefficients"] == {"H": -13.123456789012345, "C": -1030.1}
    assert RelativeAtomicEnergy.from_json(stored) == relative
    assert RelativeAtomicEnergy.from_json({**stored, "intercept": None}).intercept == 0
    for broken in ({}, {**stored, "kind": "composition"}, {**stored, "coefficients": {"Xy": 1}}):
        with pytest.raises(DataError, match="describes no relative atomic energy"):
            RelativeAtomicEnergy.from_json(broken)


def test_a_column_covers_the_source_and_serves_a_view(molecules):
    energies = [-76.0, -40.0, float("nan"), -154.0]
    dataset = MoleculeDataset(collected(molecules, energies), ())
    relative = RelativeAtomicEnergy.given("energy", {"H": -13.0, "C": -1000.0, "O": -2000.0}, 0.0, (1, 6, 8))
    with pytest.raises(DataError, match="record 2: has no value of 'energy'"):
        relative.column(dataset)
    view = dataset.subset([3, 0])
    column = relative.column(view)
    assert column.shape == (4, 1)
    assert np.isnan(column[:, 0]).tolist() == [False, False, True, False]
    carried = view.with_computed({"relative_atomic_energy": column}, {"relative_atomic_energy": "eV"})
    assert carried.properties["relative_atomic_energy"].values[1, 0] == pytest.approx((-76 + 2 * 13 + 2000) / 3)


def test_a_column_needs_an_energy_and_every_element(molecules):
    dataset = MoleculeDataset(collected(molecules, [1.0, 2.0, 3.0, 4.0]), ())
    with pytest.raises(DataError, match="record 0: holds O, which is not among the atom types"):
        RelativeAtomicEnergy("energy", (1, 6), (0.0, 0.0), 0.0).column(dataset)
    with pytest.raises(DataError, match="no property 'U0'"):
        RelativeAtomicEnergy("U0", (1, 6, 8), (0.0,) * 3, 0.0).column(dataset)
    collector = Collector("test")
    collector.add(0, np.array([1, 1]), np.eye(3)[:2], {"mu": 1.0, "forces": [1.0, 2.0]})
    dataset = MoleculeDataset(collector.finish(units={"mu": "D"}), ())
    for name in ("mu", "forces"):
        with pytest.raises(DataError, match=f"'{name}' .* is no energy"):
            RelativeAtomicEnergy(name, (1,), (0.0,), 0.0).column(dataset)


def test_the_demo_set_scatters_about_its_fit(demo):
    """MMFF94 energies are strain more than bonds, and still follow the composition in part."""
    energies = demo.properties["mmff94_energy"].values
    counts = compositions(demo, TYPES)
    relative = RelativeAtomicEnergy.fit("mmff94_energy", energies, counts, TYPES, seed=0, max_molecules=10_000)
    scatter = relative.values(energies[:, 0], counts)
    assert scatter.mean() == pytest.approx(0, abs=1e-9)
    assert scatter.std() < (energies[:, 0] / counts.sum(axis=1)).std()
