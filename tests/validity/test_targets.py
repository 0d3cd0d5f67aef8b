from __future__ import annotations

import io
import json
from typing import Any, ClassVar

import numpy as np
import pytest
from ase.calculators.calculator import Calculator, all_changes
from rich.console import Console

from gschnet_pyg.bonds import smiles_fingerprint
from gschnet_pyg.contracts import Rate, TargetComparison, Verdict
from gschnet_pyg.errors import DataError
from gschnet_pyg.validity.checks import ValidityOptions
from gschnet_pyg.validity.judging import judge
from gschnet_pyg.validity.metrics import summarise
from gschnet_pyg.validity.report import render
from gschnet_pyg.validity.targets import Target, compare_targets
from tests.validity.judgements import judgement_of
from tests.validity.molecules import embed, without

OPTIONS = ValidityOptions()
ETHANOL, ETHER, METHANE, IMINE = embed("CCO"), embed("COC"), embed("C"), embed("C/C=N/C")
RADICAL = without(ETHANOL, 8)  # ethanol without the hydrogen of its oxygen
MOLECULES = [ETHANOL, ETHER, METHANE, RADICAL]
VERDICTS = [judge(*molecule, OPTIONS) for molecule in MOLECULES]
TYPES = [1, 6, 7, 8, 9]

GAP = {"kind": "scalar", "property": "gap", "unit": "eV", "computed": None}
ATOMS = {"kind": "scalar", "property": "n_atoms", "unit": None, "computed": {"kind": "n_atoms"}}
HEAVY = {"kind": "scalar", "property": "n_heavy_atoms", "computed": {"kind": "n_heavy_atoms"}}
COMPOSITION = {
    "kind": "composition", "property": "composition", "atom_types": TYPES, "skip_hydrogen": False,
    "computed": {"kind": "composition"},
}  # fmt: skip
RELATIVE = {
    "kind": "scalar", "property": "relative_atomic_energy", "unit": "eV",
    "computed": {
        "kind": "relative_atomic_energy", "energy": "energy_U0", "coefficients": {"H": -1.0, "C": -2.0, "O": -3.0},
        "intercept": 0.5,
    },
}  # fmt: skip
FINGERPRINT = {
    "kind": "vector", "property": "fingerprint", "computed": {"kind": "fingerprint", "radius": 2, "bits": 1024},
}  # fmt: skip


class Additive(Calculator):
    """H is worth -1 eV, C -2, O -3, and every atom 0.7 more; the gap is a tenth of an eV for each atom."""

    implemented_properties: ClassVar = ["energy", "gap"]

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes) -> None:  # type: ignore[no-untyped-def]
        super().calculate(atoms, properties, system_changes)
        if len(atoms) == 5:
            raise RuntimeError("methane is too simple")
        worth = {"H": -1.0, "C": -2.0, "O": -3.0}
        energy = sum(worth.get(symbol, 0.0) + 0.7 for symbol in atoms.symbols)
        self.results = {"energy": energy, "gap": 0.1 * len(atoms)}


class Far(Additive):
    """Of another level of theory."""

    def calculate(self, *args, **kwargs) -> None:  # type: ignore[no-untyped-def]
        super().calculate(*args, **kwargs)
        self.results["gap"] += 602.0


def column(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)[:, None]


def compare(description: dict[str, Any], values: np.ndarray, calculator: Any = None) -> TargetComparison:
    return compare_targets([Target(description, values)], MOLECULES, VERDICTS, calculator)[0]


def methane(number: int) -> tuple[list[Any], list[Verdict]]:
    return [METHANE] * number, [VERDICTS[2]] * number


def test_isomers_are_the_same_composition() -> None:
    asked = np.tile([6, 2, 0, 1, 0], (4, 1)).astype(float)
    found = compare(COMPOSITION, asked)
    assert (found.kind, found.measured, found.correlation) == ("composition", 4, None)
    [group] = found.groups
    assert (group.label, group.target, group.finished, group.valid) == ("C2H6O", None, 4, 3)
    assert (group.exact, group.exact_of_finished) == (Rate(2, 3), Rate(2, 4))
    assert found.pairs == (("C2H6O", "C2H6O"), ("C2H6O", "C2H6O"), ("C2H6O", "CH4"), ("C2H6O", "C2H5O"))


def test_without_hydrogen_a_radical_of_ethanol_is_c2o() -> None:
    asked = np.tile([6, 2, 0, 1, 0], (4, 1)).astype(float)
    found = compare({**COMPOSITION, "skip_hydrogen": True}, asked)
    assert found.groups[0].label == "C2O, any H"
    assert (found.groups[0].exact, found.groups[0].exact_of_finished) == (Rate(2, 3), Rate(3, 4))
    heavy = compare({**COMPOSITION, "skip_hydrogen": True, "atom_types": [6, 8]}, np.tile([2.0, 1.0], (4, 1)))
    assert heavy.pairs == found.pairs


def test_compositions_stand_in_the_order_in_which_they_were_asked_for() -> None:
    found = compare(COMPOSITION, np.array([[4, 1, 0, 0, 0], [6, 2, 0, 1, 0], [4, 1, 0, 0, 0], [2, 0, 0, 1, 0]], float))
    assert [group.label for group in found.groups] == ["CH4", "C2H6O", "H2O"]
    assert [group.exact for group in found.groups] == [Rate(1, 2), Rate(1, 1), Rate(0, 0)]
    assert found.overall is not None
    assert found.overall.label == "all"
    assert (found.overall.exact, found.overall.exact_of_finished) == (Rate(2, 3), Rate(2, 4))


def test_atoms_are_counted_in_all_finished_molecules() -> None:
    found = compare(ATOMS, column(9, 8, 5, 9))
    assert [each.label for each in found.groups] == ["5", "8", "9"]
    nine = found.groups[2]
    assert (nine.finished, nine.valid, nine.measured) == (2, 1, 2)
    assert (nine.exact, nine.exact_of_finished) == (Rate(1, 1), Rate(1, 2))
    assert (nine.mean, nine.error) == (8.5, 0.5)
    assert nine.deviation == pytest.approx(np.sqrt(0.5))
    assert found.pairs == ((9.0, 9.0), (8.0, 9.0), (5.0, 5.0), (9.0, 8.0))
    assert found.correlation == pytest.approx(np.corrcoef([9, 8, 5, 9], [9, 9, 5, 8])[0, 1])


def test_heavy_atoms_leave_hydrogen_out() -> None:
    found = compare(HEAVY, column(3, 3, 3, 3))
    assert found.groups[0].exact_of_finished == Rate(3, 4)
    assert found.groups[0].exact == Rate(2, 3)
    assert found.correlation is None  # the same for all


def test_a_relative_atomic_energy_is_what_the_composition_does_not_explain() -> None:
    found = compare(RELATIVE, column(0.2, 0.3, 0.2, 0.2), Additive())
    assert (found.calculator, found.measured, found.molecules) == ("Additive", 2, (0, 1))
    assert [reached for _, reached in found.pairs] == pytest.approx([0.2, 0.2])  # 0.7 less the intercept
    assert found.overall is not None
    assert found.overall.error == pytest.approx(0.05)
    assert (found.failed, found.failure) == (1, "RuntimeError: methane is too simple")


def test_an_element_without_a_coefficient_has_no_relative_atomic_energy() -> None:
    verdict = judge(*IMINE, OPTIONS)
    [found] = compare_targets([Target(RELATIVE, column(0.2))], [IMINE], [verdict], Additive())
    assert found.measured == 0
    assert found.reason == "no valid molecule has coefficients for all of its elements"


def test_one_calculation_of_each_valid_molecule_serves_all_conditions() -> None:
    calls: list[int] = []

    class Counting(Additive):
        def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes) -> None:  # type: ignore[no-untyped-def]
            calls.append(len(atoms))
            super().calculate(atoms, properties, system_changes)

    targets = [Target(RELATIVE, column(0, 0, 0, 0)), Target(GAP, column(1, 1, 1, 1))]
    molecules, verdicts = [ETHANOL, ETHER, IMINE, RADICAL], [*VERDICTS[:2], judge(*IMINE, OPTIONS), VERDICTS[3]]
    compare_targets(targets, molecules, verdicts, Counting())
    assert calls == [9, 9, 11]


@pytest.mark.parametrize(
    ("description", "calculator", "reason"),
    [
        (GAP, None, "name an ASE calculator with --calculator"),
        (RELATIVE, None, "name an ASE calculator with --calculator"),
        ({**GAP, "property": "alpha"}, Additive(), "Additive gives no alpha: name another calculator"),
        ({**GAP, "unit": "Hartree"}, Additive(), "is in Hartree, while calculators give the units of ASE"),
        ({**GAP, "kind": "vector", "property": "spectrum"}, Additive(), "neither atoms nor a calculator give one"),
    ],
)
def test_what_cannot_be_measured_says_why(description: dict[str, Any], calculator: Any, reason: str) -> None:
    found = compare(description, column(1, 2, 3, 4), calculator)
    assert reason in (found.reason or "")
    assert (found.measured, found.groups, found.pairs, found.overall) == (0, (), (), None)


def test_a_calculator_that_always_fails_is_the_reason() -> None:
    [found] = compare_targets([Target(GAP, column(1))], [METHANE], [VERDICTS[2]], Additive())
    assert "failed for every valid molecule (RuntimeError: methane is too simple)" in (found.reason or "")
    assert found.failed == 1


@pytest.mark.parametrize("description", [GAP, FINGERPRINT])
def test_without_a_valid_molecule_nothing_is_measured(description: dict[str, Any]) -> None:
    width = 1024 if description is FINGERPRINT else 1
    [found] = compare_targets([Target(description, np.ones((1, width)))], [RADICAL], [VERDICTS[3]], Additive())
    assert found.reason == "no molecule is valid"


def test_nothing_finished() -> None:
    [found] = compare_targets([Target(COMPOSITION, np.zeros((0, 5)))], [], [])
    assert found.reason == "no molecule is finished"


def test_fingerprints_tell_isomers_apart() -> None:
    asked = np.tile(smiles_fingerprint("CCO", 2, 1024), (4, 1)).astype(float)
    found = compare(FINGERPRINT, asked)
    assert (found.kind, found.molecules) == ("fingerprint", (0, 1, 2))
    similarity = [reached for _, reached in found.pairs]
    assert similarity[0] == 1.0
    assert 0 < similarity[1] < 1  # ether shares some environments
    assert similarity[2] == 0.0
    assert (found.groups[0].exact, found.groups[0].exact_of_finished) == (Rate(1, 3), Rate(1, 4))
    assert found.groups[0].mean == pytest.approx(np.mean(similarity))
    assert found.groups[0].error is None


def test_a_fingerprint_does_not_depend_on_the_hydrogen_of_an_imine() -> None:
    """RDKit writes the hydrogen of [H]/N=C/C, which shows the stereochemistry."""
    molecule = embed("N=CC")
    verdict = judge(*molecule, OPTIONS)
    assert "[H]" in (verdict.smiles or "")
    asked = smiles_fingerprint("CC=N", 2, 1024)[None].astype(float)
    assert compare_targets([Target(FINGERPRINT, asked)], [molecule], [verdict])[0].pairs[0][1] == 1.0


@pytest.mark.parametrize(
    ("description", "values", "message"),
    [
        (COMPOSITION, np.ones((4, 3)), "target_composition: has 3 components, its description says 5"),
        (FINGERPRINT, np.ones((4, 512)), "has 512 components, its description says 1024"),
        (ATOMS, np.ones((4, 2)), "target_n_atoms: has 2 components, its description says 1"),
        (GAP, np.ones((4, 2)), "target_gap: has 2 components, its description says 1"),
        (GAP, column(1, np.nan, 1, 1), "target_gap: molecule 2 has none that is finite"),
        ({"kind": "scalar"}, column(1, 1, 1, 1), "lacks 'property'"),
    ],
)
def test_targets_that_do_not_fit_their_description(
    description: dict[str, Any], values: np.ndarray, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        compare(description, values)


def test_as_many_targets_as_molecules() -> None:
    with pytest.raises(ValueError, match="not equally many"):
        compare(GAP, column(1, 2, 3))


@pytest.fixture
def comparisons() -> tuple[TargetComparison, ...]:
    asked = np.tile([6, 2, 0, 1, 0], (4, 1)).astype(float)
    targets = [
        Target(GAP, column(1, 1 / 3, 1, 1)),
        Target(ATOMS, column(9, 8, 5, 9)),
        Target(COMPOSITION, asked),
        Target(FINGERPRINT, np.tile(smiles_fingerprint("CCO", 2, 1024), (4, 1)).astype(float)),
        Target({**GAP, "property": "alpha", "unit": None}, column(1, 1, 1, 1)),
    ]
    return compare_targets(targets, MOLECULES, VERDICTS, Additive())


def test_the_json_is_finite_and_keeps_the_pairs(comparisons: tuple[TargetComparison, ...]) -> None:
    report = summarise(judgement_of(VERDICTS), options=OPTIONS, targets=comparisons)
    content = json.loads(json.dumps(report.to_json(), allow_nan=False))
    gap, atoms, composition, _, alpha = content["targets"]
    assert content == report.to_json()
    assert gap["pairs"] == [[1.0, 0.9], [0.333333, 0.9]]
    assert gap["molecules"] == [0, 1]
    assert gap["correlation"] is None  # what was reached is always the same
    assert gap["groups"][0]["deviation"] is None  # of a single molecule
    assert atoms["groups"][2]["exact"] == {"value": 1.0, "count": 1, "of": 1}
    assert composition["pairs"][2] == ["C2H6O", "CH4"]
    assert alpha["reason"].startswith("Additive gives no alpha")
    assert alpha["overall"] is None
    assert summarise(judgement_of(VERDICTS), options=OPTIONS).to_json()["targets"] == []


def printed(comparisons: tuple[TargetComparison, ...]) -> str:
    file = io.StringIO()
    Console(file=file, width=80).print(render(summarise(judgement_of(VERDICTS), options=OPTIONS, targets=comparisons)))
    return file.getvalue()


def test_the_tables_show_groups_rates_and_reasons(comparisons: tuple[TargetComparison, ...]) -> None:
    text = printed(comparisons)
    for part in (
        *("Target gap, eV", "measured by Additive", "failed for 1 of them, first: RuntimeError: methane"),
        *("Target n_atoms", "100.0 %  1/1", "50.0 %  1/2", "Target composition", "C2H6O", "66.7 %  2/3"),
        *("Target fingerprint", "33.3 %  1/3", "Targets that could not be measured", "alpha: Additive gives no alpha"),
    ):
        assert part in text
    assert "…" not in text
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "Target" not in printed(())


def test_a_calculator_with_another_zero_of_energy_is_named() -> None:
    note = "far outside the range that the model was trained on (2 to 3 eV): the calculator"
    for trained, is_far in (
        ({"observed": [[2.0, 3.0]], "minimum": 0.0, "maximum": 1.0}, True),
        ({"minimum": 2.0, "maximum": 3.0}, True),  # of a converted model
        ({"observed": [[1.0, 2.0]]}, False),  # somewhat off: 0.9 eV is what the model reaches
        ({}, False),
    ):
        found = compare({**GAP, **trained}, column(1, 1, 1, 1), Far() if is_far else Additive())
        assert (note in " ".join(printed((found,)).split())) == is_far
        assert found.overall is not None
        assert found.overall.mean == pytest.approx(602.9 if is_far else 0.9)


def test_only_some_of_many_targets_are_printed() -> None:
    hydrogens = np.column_stack([np.arange(40.0) + 1, np.zeros((40, 4))])
    [found] = compare_targets([Target(COMPOSITION, hydrogens)], *methane(40))
    assert len(found.groups) == 40
    text = printed((found,))
    assert "and 28 more" in text
    assert "H12 " in text
    assert "H13 " not in text
