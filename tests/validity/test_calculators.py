from __future__ import annotations

import sys
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from ase.calculators.calculator import CalculationFailed, Calculator, PropertyNotImplementedError, all_changes

from gschnet_pyg.data.demo import open_demo
from gschnet_pyg.errors import DataError
from gschnet_pyg.validity.calculators import load_calculator, measure, measure_all
from tests.validity.molecules import embed

METHANE, WATER, FORMAMIDE = embed("C"), embed("O"), embed("NC=O")


class CountingAtoms(Calculator):
    """Energy -1 eV per atom; a gap, which ASE does not know as a property, of 10 eV over the number of atoms."""

    implemented_properties: ClassVar = ["energy", "dipole"]

    def __init__(self) -> None:
        super().__init__()
        self.calculations = 0

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes) -> None:  # type: ignore[no-untyped-def]
        super().calculate(atoms, properties, system_changes)
        self.calculations += 1
        if len(atoms) == 3:
            raise RuntimeError("no convergence\nafter 100 iterations")
        self.results = {"energy": -float(len(atoms)), "gap": np.array([10.0 / len(atoms)]), "dipole": np.zeros(3)}


class ThreeNumbers(Calculator):
    implemented_properties: ClassVar = ["energy", "gap"]

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes) -> None:  # type: ignore[no-untyped-def]
        super().calculate(atoms, properties, system_changes)
        self.results = {"energy": np.nan, "gap": np.ones(3)}


def needs_an_argument(parameter: int) -> Calculator:
    return CountingAtoms()


READY = CountingAtoms()
HERE = __name__


def test_emt_by_name_measures_organic_molecules() -> None:
    emt = load_calculator("emt")
    energies = [measure(emt, "energy", *molecule) for molecule in (METHANE, WATER, FORMAMIDE)]
    assert all(energy is not None and np.isfinite(energy) for energy in energies)
    assert len(set(energies)) == 3


def test_an_energy_is_the_same_wherever_the_molecule_is() -> None:
    emt = load_calculator("emt")
    z, pos = FORMAMIDE
    assert measure(emt, "energy", z, pos + np.array([3.0, -1.0, 2.0])) == pytest.approx(measure(emt, "energy", z, pos))


@pytest.mark.parametrize("attribute", ["CountingAtoms", "READY"])
def test_calculators_of_ones_own(attribute: str) -> None:
    calculator = load_calculator(f"{HERE}:{attribute}")
    assert measure(calculator, "energy", *METHANE) == -5.0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("emtt", r"emtt: ASE knows none of that name \(is it emt\?\)"),
        ("", "ASE knows none of that name"),
        ("hotbit", "needs the package hotbit; install it"),
        ("kim", "cannot be made without arguments .*name a function of your own"),
        (f"{HERE}:needs_an_argument", "cannot be made without arguments"),
        ("no_such_module:Calculator", "there is no module no_such_module"),
        (f"{HERE}:CountingAtom", r"has no CountingAtom \(is it CountingAtoms\?\)"),
        (":Calculator", "is not of the form module:attribute"),
        ("os:sep", "is neither a class nor a function"),
        ("os:getcwd", "gives str, which is no ASE calculator"),
    ],
)
def test_names_that_lead_nowhere_are_one_clear_line(name: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        load_calculator(name)
    assert str(caught.value).startswith(f"calculator {name}: ")
    assert "\n" not in str(caught.value)


def test_a_module_in_the_working_directory_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And by this look-up alone; a program that is installed does not import from there otherwise."""
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each])
    before = list(sys.path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "calculator_of_mine.py").write_text(
        "def make():\n    from ase.calculators.emt import EMT\n    return EMT()\n"
    )
    assert type(load_calculator("calculator_of_mine:make")).__name__ == "EMT"
    assert sys.path == before


class OnlyEnergy:
    """Knows the energy, keeps no results."""

    def get_property(self, name: str, atoms: object) -> float:
        if name != "energy":
            raise PropertyNotImplementedError(name)
        return -1.0


def test_a_calculator_without_results_lacks_all_but_its_properties() -> None:
    assert measure(OnlyEnergy(), "energy", *METHANE) == -1.0
    assert measure(OnlyEnergy(), "gap", *METHANE) is None


def test_an_error_without_words_is_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wordless_calculator.py").write_text("raise LookupError\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(DataError, match=r"wordless_calculator cannot be imported \(LookupError\)"):
        load_calculator("wordless_calculator:make")


def test_a_module_that_does_not_run_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_calculator.py").write_text("1 / 0\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(DataError, match=r"broken_calculator cannot be imported \(ZeroDivisionError: "):
        load_calculator("broken_calculator:make")


def test_results_beside_the_energy_are_found_at_no_cost() -> None:
    calculator = CountingAtoms()
    found = measure_all(calculator, ["energy", "gap"], [METHANE, FORMAMIDE])
    assert found["energy"].values.tolist() == [-5.0, -6.0]
    assert found["gap"].values.tolist() == [2.0, pytest.approx(10 / 6)]
    assert calculator.calculations == 2


def test_what_a_calculator_lacks_is_none_and_not_asked_for_again() -> None:
    assert measure(CountingAtoms(), "magmom", *METHANE) is None
    calculator = CountingAtoms()
    found = measure_all(calculator, ["alpha"], [METHANE, FORMAMIDE, METHANE])["alpha"]
    assert (found.is_lacking, found.failed, calculator.calculations) == (True, 0, 1)
    assert np.isnan(found.values).all()


def test_failures_are_counted_and_the_first_is_kept() -> None:
    found = measure_all(CountingAtoms(), ["energy", "alpha"], [WATER, METHANE, WATER])
    assert (found["energy"].failed, found["energy"].failure) == (2, "RuntimeError: no convergence")
    assert not found["energy"].is_lacking
    np.testing.assert_equal(found["energy"].values, [np.nan, -5.0, np.nan])
    assert found["alpha"].is_lacking
    assert found["alpha"].failed == 1


def test_only_one_finite_number_counts() -> None:
    found = measure_all(ThreeNumbers(), ["energy", "gap"], [METHANE])
    assert found["energy"].failure == "ValueError: energy is nan"
    assert found["gap"].failure == "ValueError: gap has 3 components, one is needed"


def test_emt_says_which_element_it_does_not_know() -> None:
    found = measure_all(load_calculator("emt"), ["energy"], [embed("C[Si](C)(C)C"), METHANE])["energy"]
    assert found.failed == 1
    assert "Si" in (found.failure or "")
    assert np.isfinite(found.values[1])


def test_the_demo_calculator_gives_what_the_demo_set_holds(tmp_path: Path) -> None:
    """Also of molecules that were pushed away from their minimum."""
    demo = open_demo(cache_dir=None, progress=False)
    calculator = load_calculator("demo")
    for row in (100, 2000, 5000):
        molecule = demo[row]
        shaken = molecule.pos.numpy() + np.random.default_rng(row).normal(scale=0.02, size=molecule.pos.shape)
        for name, key in (("energy", "mmff94_energy"), *((same, same) for same in ("mmff94_energy", "huckel_gap"))):
            assert measure(calculator, name, molecule.z.numpy(), shaken) == pytest.approx(
                float(molecule[key]), abs=0.02
            )
    with pytest.raises(CalculationFailed, match="radical"):
        measure(calculator, "energy", np.array([6, 1, 1, 1]), METHANE[1][:4])
