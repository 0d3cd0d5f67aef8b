from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from ase.calculators.calculator import Calculator, all_changes

from gschnet_pyg.contracts import Rate, Relaxation
from gschnet_pyg.errors import DataError
from gschnet_pyg.validity import relaxation as module
from gschnet_pyg.validity.calculators import load_calculator
from gschnet_pyg.validity.checks import Molecule, ValidityOptions
from gschnet_pyg.validity.relaxation import (
    beside,
    check_forces,
    reference_relaxation,
    relax_by_calculator,
    relax_by_mmff,
)
from gschnet_pyg.validity.samples import sample_rows
from tests.validity.molecules import HANGS, accident, embed, line, without

OPTIONS = ValidityOptions(timeout=30)
HYDROGEN = line((1, 0.0), (1, 0.74))


def strained(smiles: str, by: float = 0.05) -> Molecule:
    """Every coordinate larger."""
    z, pos = embed(smiles)
    return z, pos * (1 + by)


MOLECULES = [strained("C"), HYDROGEN, strained("CO"), without(embed("C"), 4), strained("CC=O"), strained("O")]


def relax_or_hang(molecule: Molecule, options: ValidityOptions) -> Any:
    accident(HANGS if len(molecule[0]) == 2 else 0)
    return module.relax(molecule, options)


class Springs(Calculator):
    """Pulls atoms to given places, 1 eV/Å² each; it fails for two atoms, with a number in the message."""

    implemented_properties: ClassVar = ["energy", "forces"]

    def __init__(self, places: np.ndarray | None = None) -> None:
        super().__init__()
        self.places = places
        self.calculations = 0

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes) -> None:  # type: ignore[no-untyped-def]
        super().calculate(atoms, properties, system_changes)
        self.calculations += 1
        if len(atoms) == 2:
            raise RuntimeError(f"failed in calculation {self.calculations}\nsee the log")
        far = atoms.positions - (self.places if self.places is not None else 0.95 * atoms.positions)
        self.results = {"energy": float((far**2).sum() / 2), "forces": -far}


class EnergyAlone(Springs):
    implemented_properties: ClassVar = ["energy"]


class SaysTooMuch(Springs):
    """Names forces among what it has, and has none."""

    def calculate(self, *args, **kwargs) -> None:  # type: ignore[no-untyped-def]
        super().calculate(*args, **kwargs)
        del self.results["forces"]


def by_springs(molecules: list[Molecule], places: np.ndarray | None = None, **more: Any) -> Relaxation:
    rows = range(len(molecules))
    return relax_by_calculator(molecules, rows, Springs(places), "springs", OPTIONS, workers=0, **more)


def test_a_sample_is_seeded_and_sorted() -> None:
    candidates = np.arange(100, 200)
    rows = sample_rows(candidates, 20, seed=1)
    assert len(set(rows.tolist())) == 20
    assert set(rows.tolist()) <= set(candidates.tolist())
    assert rows.tolist() == sorted(rows.tolist())
    np.testing.assert_equal(sample_rows(candidates[::-1], 20, seed=1), rows)
    assert sample_rows(candidates, 20, seed=2).tolist() != rows.tolist()


def test_few_candidates_are_all_drawn() -> None:
    assert sample_rows([4, 2, 9], 3).tolist() == [2, 4, 9]
    assert sample_rows([], 3).tolist() == []


@pytest.mark.parametrize("workers", [0, 2])
def test_relaxed_molecules_and_failures_are_told_apart(workers: int) -> None:
    found = relax_by_mmff(MOLECULES, [0, 1, 3, 4], OPTIONS, workers=workers)
    assert (found.method, found.unit, found.asked, found.relaxed) == ("MMFF94", "kcal/mol", 4, 2)
    assert found.failures == {"no_parameters": 1, "not_valid": 1}
    assert found.molecules == (0, 4)
    assert found.same_bonds == Rate(2, 2)
    assert found.energy is not None
    assert found.rmsd is not None
    energies, rmsds = zip(*found.pairs, strict=True)
    assert min(energies) > 0.5
    assert found.energy.mean == pytest.approx(np.mean(energies))
    assert found.rmsd.mean == pytest.approx(np.mean(rmsds))
    assert found.reference is None


def test_a_molecule_that_hangs_costs_its_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "relax", relax_or_hang)
    found = relax_by_mmff(MOLECULES, range(3), replace(OPTIONS, timeout=2), workers=1)
    assert found.failures == {"timeout": 1}
    assert found.molecules == (0, 2)


def test_nothing_to_relax_is_no_error() -> None:
    found = relax_by_mmff(MOLECULES, [], OPTIONS)
    assert (found.asked, found.relaxed, found.energy, found.rmsd) == (0, 0, None, None)
    assert found.same_bonds == Rate(0, 0)


def test_an_ase_calculator_relaxes_in_ev() -> None:
    molecules = [embed(smiles) for smiles in ("C", "N", "CO")]
    found = relax_by_calculator(molecules, [0, 2], load_calculator("emt"), "emt", OPTIONS, workers=0)
    assert (found.method, found.unit, found.asked, found.relaxed) == ("emt", "eV", 2, 2)
    assert found.molecules == (0, 2)
    assert all(energy > 0 and rmsd > 0 for energy, rmsd in found.pairs)


def test_springs_give_the_energy_and_the_rmsd_that_they_must() -> None:
    z, pos = embed("CC=O")
    pos = pos - pos.mean(axis=0)
    found = by_springs([(z, 1.03 * pos)], pos, fmax=1e-4)
    assert found.pairs[0][0] == pytest.approx(0.03**2 * (pos**2).sum() / 2, abs=1e-6)
    assert found.pairs[0][1] == pytest.approx(np.sqrt(0.03**2 * (pos**2).sum() / len(pos)), abs=1e-3)
    assert found.same_bonds == Rate(1, 1)


def test_a_molecule_that_falls_into_another_has_lost_its_bonds() -> None:
    """Acetaldehyde into ethylene oxide: the same atoms, other bonds."""
    acetaldehyde, oxide = embed("CC=O"), embed("C1CO1")
    assert acetaldehyde[0].tolist() == oxide[0].tolist()
    found = by_springs([acetaldehyde], oxide[1])
    assert (found.relaxed, found.same_bonds) == (1, Rate(0, 1))


def test_failures_of_a_calculator_are_counted_under_its_first_words() -> None:
    molecules = [HYDROGEN, strained("C"), HYDROGEN, without(embed("C"), 4), (np.array([1, 1]), 1.1 * HYDROGEN[1])]
    found = by_springs(molecules)
    assert found.failures == {"error (RuntimeError: failed in calculation 1)": 3, "not_valid": 1}
    assert found.molecules == (1,)


def test_a_minimum_that_is_out_of_reach_is_not_converged() -> None:
    z, pos = embed("CC=O")
    assert by_springs([(z, pos)], 1.5 * pos, max_steps=1).failures == {"not_converged": 1}


def test_numbers_that_are_not_finite_are_a_failure() -> None:
    z, pos = embed("C")
    found = by_springs([(z, pos)], np.full_like(pos, np.nan))
    assert found.failures == {"error (ValueError: energy or forces are not finite)": 1}


@pytest.mark.parametrize("calculator", [EnergyAlone(), SaysTooMuch()])
def test_a_calculator_without_forces_is_refused_at_once(calculator: Springs) -> None:
    with pytest.raises(DataError, match="calculator mine: gives no forces") as caught:
        relax_by_calculator(MOLECULES, [0, 2, 4], calculator, "mine", OPTIONS, workers=0)
    assert "\n" not in str(caught.value)
    assert calculator.calculations <= 2  # of energy and forces of the first molecule


def test_forces_can_be_asked_for_before_anything_else() -> None:
    check_forces(Springs(), "springs")
    check_forces(object(), "one that does not say what it can do")
    with pytest.raises(DataError, match="demo: gives no forces"):
        check_forces(load_calculator("demo"), "demo")


@dataclass
class Flat:
    z: np.ndarray
    pos: np.ndarray
    offsets: np.ndarray


def flat() -> Flat:
    z, pos = zip(*MOLECULES, strict=True)
    return Flat(np.concatenate(z), np.concatenate(pos), np.cumsum([0, *map(len, z)]))


@pytest.fixture
def relaxed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many molecules each call relaxed."""
    calls: list[int] = []
    genuine = module._relaxed_by_mmff

    def counting(chosen: list, *args: Any) -> Any:
        calls.append(len(chosen))
        return genuine(chosen, *args)

    monkeypatch.setattr(module, "_relaxed_by_mmff", counting)
    return calls


def test_a_sample_of_the_reference_is_relaxed_once(relaxed: list[int], tmp_path: Path) -> None:
    arguments: Any = (flat(), [0, 1, 2, 4, 5], 3, OPTIONS)
    first = reference_relaxation(*arguments, cache=tmp_path, workers=0)
    assert reference_relaxation(*arguments, cache=tmp_path, workers=0) == first
    assert relaxed == [3]
    assert first.asked == 3
    assert first == relax_by_mmff(MOLECULES, sample_rows([0, 1, 2, 4, 5], 3), OPTIONS, workers=0)


def test_the_cache_holds_for_the_same_molecules_and_options_only(relaxed: list[int], tmp_path: Path) -> None:
    molecules = flat()

    def again(options: ValidityOptions = OPTIONS, **more: Any) -> Relaxation:
        rows = [0, 1, 2, 4, 5]
        return reference_relaxation(molecules, rows, 3, options, cache=tmp_path, workers=0, **more)

    again()
    again(force=True)
    again(replace(OPTIONS, radicals=True))
    again(seed=3)
    molecules.pos = molecules.pos * 1.001
    again()
    assert relaxed == [3] * 5


def test_a_damaged_cache_is_relaxed_again(relaxed: list[int], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    arguments: Any = (flat(), [0, 2], 2, OPTIONS)
    first = reference_relaxation(*arguments, cache=tmp_path, workers=0)
    (path,) = tmp_path.iterdir()
    for content in ("{", "[1, 2]", '["no_parameters"]'):
        path.write_text(content)
        with caplog.at_level(logging.WARNING):
            assert reference_relaxation(*arguments, cache=tmp_path, workers=0) == first
        assert path.name in caplog.text
    assert relaxed == [2] * 4


def test_of_a_reference_the_numbers_are_kept_alone() -> None:
    found, reference = (relax_by_mmff(MOLECULES, rows, OPTIONS, workers=0) for rows in ([0, 2], [4, 5]))
    both = beside(found, reference)
    assert both.reference is not None
    assert (both.reference.energy, both.reference.molecules, both.reference.pairs) == (reference.energy, (), ())
    assert replace(both, reference=None) == found
    assert beside(found, None) == found
