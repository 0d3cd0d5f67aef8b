"""Targets: what may be asked for, and how."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import yaml

from gschnet_pyg.bonds import smiles_fingerprint
from gschnet_pyg.errors import RecipeError
from gschnet_pyg.generation.targets import Target, describe, far_targets, parse_targets
from gschnet_pyg.model.conditions import Condition, VectorCondition
from gschnet_pyg.recipe import load_generation_recipe
from tests.generation.conditions import COMPOSITION, DIPOLE, FINGERPRINT, GAP


def parse(condition: Condition, value: Any) -> list[Any]:
    """Values of a single condition, as plain lists."""
    return [target[condition.name].tolist() for target in parse_targets({condition.name: value}, [condition])]


def warnings(condition: Condition, value: Any) -> list[str]:
    return list(far_targets(parse_targets({condition.name: value}, [condition]), [condition]))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (4, [4.0]),
        (4.5, [4.5]),
        (-0.0, [0.0]),
        ([4.0, 6], [4.0, 6.0]),
        ((4.0,), [4.0]),
        ({"from": 4, "to": 8, "steps": 5}, [4.0, 5.0, 6.0, 7.0, 8.0]),
        ({"from": 8, "to": 4, "steps": 2}, [8.0, 4.0]),
        ("1e-3", [1e-3]),  # text to YAML, which wants 1.0e-3
        (["-2e1", 3], [-20.0, 3.0]),
    ],
)
def test_numbers_lists_and_ranges(value: Any, expected: list[float]) -> None:
    assert parse(GAP, value) == [[number] for number in expected]


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, True, "nan", "inf", "high", "4,5", None, [[4.0]], {"value": 4}, 10**400]
)
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(RecipeError, match=r"conditions.gap: must be a number in eV, such as 6.5, got ") as caught:
        parse(GAP, value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"from": 4, "to": 8}, r"a range is written {from: 4, to: 8, steps: 5}, got {'from': 4, 'to': 8}"),
        ({"from": 4, "too": 8, "steps": 3}, "a range is written"),
        ({"from": 4, "to": 8, "steps": 1}, "gap.steps: must be a whole number from 2 to 100,000, got 1"),
        ({"from": 4, "to": 8, "steps": 2.5}, "must be a whole number"),
        ({"from": 4, "to": 8, "steps": True}, "must be a whole number"),
        ({"from": 4, "to": "end", "steps": 2}, "must be a number in eV, such as 6.5, got 'end'"),
        ([], "conditions.gap: no value is given; write one, such as 6.5"),
    ],
)
def test_ranges_that_are_none(value: Any, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        parse(GAP, value)
    with pytest.raises(RecipeError, match=r"composition: (only numbers have ranges|no value)"):
        parse(COMPOSITION, value)


@pytest.mark.parametrize(
    "value",
    [
        "C7H10O2",
        "H10C7O2",
        "C6H7O2CH3",
        "(CH3)2C5H4O2",
        {"C": 7, "H": 10, "O": 2},
        {"O": 2, "H": 10, "C": 7, "N": 0},
    ],
)
def test_a_formula_has_many_spellings(value: Any) -> None:
    assert parse(COMPOSITION, value) == [[10, 7, 0, 2]]


def test_counts_follow_the_types_of_the_model() -> None:
    assert parse(replace(COMPOSITION, atom_types=(8, 6, 1), observed=()), "CH4O") == [[1, 1, 4]]
    assert parse(COMPOSITION, ["CH4", {"N": 1, "O": 1}]) == [[4, 1, 0, 0], [0, 0, 1, 1]]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("C7H10o2", "'C7H10o2' is no formula; write one like C7H10O2"),
        ("CC(=O)O", "no formula"),
        ("", "asks for no atoms at all; write a formula like C7H10O2"),
        ("C0", "asks for no atoms"),
        ({}, "asks for no atoms"),
        (7, "asks for no atoms"),
        ("CH3Cl", "Cl is no atom type of the model, which knows H, C, N, O"),
        ({"Fe": 1}, "Fe is no atom type"),
        ({6: 1}, "6 is no atom type"),
        ({"C": 1.5}, "the number of C must be a whole number, got 1.5"),
        ({"C": -1}, "must be a whole number, got -1"),
        ({"C": True}, "must be a whole number, got True"),
        (None, "None is no formula"),
        (False, r"False is no formula; .* \(YAML reads NO as false: put it in quotes\)"),
        (["CH4", False], "put it in quotes"),
    ],
)
def test_bad_compositions(value: Any, message: str) -> None:
    with pytest.raises(RecipeError, match=f"conditions.composition: .*{message}"):
        parse(COMPOSITION, value)


def test_a_fingerprint_is_asked_for_as_a_smiles() -> None:
    phenol = smiles_fingerprint("c1ccccc1O", 2, 256).tolist()
    assert parse(FINGERPRINT, "c1ccccc1O") == parse(FINGERPRINT, "OC1=CC=CC=C1") == [phenol]
    assert parse(FINGERPRINT, ["c1ccccc1O", "CCO"])[0] == phenol
    assert parse(FINGERPRINT, phenol) == parse(FINGERPRINT, np.array(phenol)) == [phenol]
    assert len(parse(FINGERPRINT, [phenol, "CCO"])) == 2
    with pytest.raises(RecipeError, match=r"conditions.fingerprint: 'c1ccc' is no SMILES"):
        parse(FINGERPRINT, "c1ccc")
    with pytest.raises(RecipeError, match="must be a SMILES, such as c1ccccc1O, got 4"):
        parse(FINGERPRINT, 4)


def test_a_vector_is_a_list() -> None:
    assert parse(DIPOLE, [0, 0.5, 1]) == parse(DIPOLE, [[0, 0.5, 1]]) == [[0, 0.5, 1]]
    assert parse(DIPOLE, [[0, 0, 1], [0, 0, 2]]) == [[0, 0, 1], [0, 0, 2]]
    assert parse(DIPOLE, ["1e-3", 0, 1]) == [[1e-3, 0, 1]]
    one = VectorCondition(name="mu", size=1)
    assert parse(one, [2]) == parse(one, [[2]]) == [[2]]


@pytest.mark.parametrize(
    "value", [[1, 2], [1, 2, math.nan], [1, 2, "x"], [[1, 2]], [[[1, 2, 3]]], "CCO", 3, [], {"a": 1}]
)
def test_bad_vectors(value: Any) -> None:
    with pytest.raises(RecipeError, match=r"conditions.dipole: must be 3 numbers, such as \[0,0.25,0\], got "):
        parse(DIPOLE, value)


def test_every_combination_is_a_target() -> None:
    requested = {"composition": ["C2H6O", "CH4"], "gap": {"from": 4, "to": 6, "steps": 3}}
    targets = parse_targets(requested, [GAP, COMPOSITION])
    assert [(target["gap"][0], describe(COMPOSITION, target["composition"])) for target in targets] == [
        (4, "C2H6O"), (4, "CH4"), (5, "C2H6O"), (5, "CH4"), (6, "C2H6O"), (6, "CH4"),
    ]  # fmt: skip
    assert parse_targets({}, []) == [{}]


def test_too_many_combinations_are_refused_before_they_are_made() -> None:
    conditions = [replace(GAP, name=name) for name in "abcde"]
    requested = {name: {"from": 4, "to": 6, "steps": 65_536} for name in "abcd"}
    with pytest.raises(RecipeError, match="18,446,744,073,709,551,616 combinations are too many; ask for at most"):
        parse_targets(requested, conditions[:4])


def test_unknown_conditions_and_misspelt_ones() -> None:
    with pytest.raises(RecipeError, match=r"conditions.gpa: the model was not trained with .*; did you mean gap\?"):
        parse_targets({"gpa": 4}, [GAP])
    with pytest.raises(RecipeError, match=r"conditions.dipole: .*; it has: gap, composition"):
        parse_targets({"dipole": 4}, [GAP, COMPOSITION])
    with pytest.raises(RecipeError, match=r"conditions.gap: .*; it has: none"):
        parse_targets({"gap": 4}, [])


@pytest.mark.parametrize(
    ("value", "is_far"), [(2, False), (7, False), (12.9, False), (1.1, False), (0.9, True), (13.1, True)]
)
def test_a_tenth_of_the_range_outside_is_far(value: float, is_far: bool) -> None:
    assert bool(warnings(GAP, value)) == is_far


def test_what_a_warning_says() -> None:
    assert warnings(GAP, [4, 50, 60]) == [
        f"gap = {value} eV lies far outside the training molecules, nearly all of which range from 2 to 12"
        for value in (50, 60)
    ]
    assert warnings(COMPOSITION, "C70H10") == [
        "composition = C70H10 lies far outside the training molecules in its number of C, "
        "nearly all of which range from 0 to 9"
    ]
    assert warnings(DIPOLE, [0, 0.5, 9]) == [
        "dipole = 3 numbers lies far outside the training molecules in component 2, "
        "nearly all of which range from -2 to 2"
    ]
    assert warnings(replace(GAP, observed=()), 1e9) == warnings(FINGERPRINT, "CCO") == []


def test_what_the_gaussians_do_not_reach_is_far() -> None:
    """One straggler among the training molecules does not make a model know what lies up to it."""
    straggler = replace(GAP, observed=((2.0, 500.0),))
    assert warnings(straggler, [4, 12.1, 13.1]) == []
    (warning,) = warnings(straggler, [400])
    assert warning.endswith("nearly all of which range from 2 to 12.125")  # half a spacing beyond the last Gaussian
    with pytest.raises(RecipeError, match=r"such as 6\.5, got"):  # and no example comes from there
        parse(straggler, "high")


def test_skipped_hydrogen_is_never_far() -> None:
    """A carbon skeleton is a natural target of a model that does not see hydrogen."""
    saturated = replace(COMPOSITION, observed=((4.0, 20.0), *COMPOSITION.observed[1:]))
    assert "in its number of H" in warnings(saturated, "C7O2")[0]
    assert warnings(replace(saturated, skip_hydrogen=True), "C7O2") == []


def test_a_warning_comes_once_for_each_value() -> None:
    targets: list[Target] = parse_targets({"gap": 50, "composition": ["CH4", "C2H6"]}, [GAP, COMPOSITION])
    assert len(targets) == 2
    assert len(list(far_targets(targets, [GAP, COMPOSITION]))) == 1


def test_targets_as_text() -> None:
    assert describe(GAP, np.array([4.50001])) == "4.50001 eV"
    assert describe(replace(GAP, unit=None), np.array([-0.1])) == "-0.1"
    assert describe(COMPOSITION, np.array([10, 7, 0, 2])) == "C7H10O2"
    assert describe(FINGERPRINT, np.zeros(256)) == "256 numbers"


def test_targets_in_a_recipe() -> None:
    """As YAML and as overrides; what YAML makes of NO is refused with a remedy."""
    text = "{run: runs/a, conditions: {gap: {from: 4, to: 8, steps: 5}, composition: [C2H6O, {C: 1, H: 4}]}}"
    recipe = load_generation_recipe(None, [], yaml.safe_load(text))
    assert len(parse_targets(recipe.conditions, [COMPOSITION, GAP])) == 10
    recipe = load_generation_recipe(None, ["run=runs/a", "conditions.gap=1e-1", "conditions.composition=NO"])
    with pytest.raises(RecipeError, match="put it in quotes"):
        parse_targets(recipe.conditions, [COMPOSITION, GAP])
    recipe = load_generation_recipe(None, ["run=runs/a", "conditions.gap=1e-1", "conditions.composition='NO'"])
    assert parse_targets(recipe.conditions, [COMPOSITION, GAP])[0]["composition"].tolist() == [0, 0, 1, 1]
