"""Targets on the command line: what a shell and YAML make of them, and what is meant."""

from __future__ import annotations

from typing import Any

import pytest

from gschnet_pyg.cli.generating import _targets
from gschnet_pyg.errors import RecipeError
from gschnet_pyg.generation.targets import describe, parse_targets
from tests.generation.conditions import COMPOSITION, DIPOLE, FINGERPRINT, GAP


def _alone(texts: list[str]) -> dict[str, Any]:
    return {name: values[0] for name, values in _targets(texts).items()}


def test_missing_conditions_come_with_an_example() -> None:
    with pytest.raises(RecipeError) as caught:
        parse_targets({"gap": 4}, [GAP, COMPOSITION, FINGERPRINT, DIPOLE])
    assert str(caught.value) == (
        "conditions: the model needs a target for composition, fingerprint, dipole; for example "
        "--condition composition=C7H10O2 --condition fingerprint=c1ccccc1O --condition dipole=[0,0.25,0]"
    )
    texts = str(caught.value).split(" --condition ")[1:]
    assert len(parse_targets({"gap": 4, **_alone(texts)}, [GAP, COMPOSITION, FINGERPRINT, DIPOLE])) == 1


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("NO", "NO"),
        ("N", "N"),
        ("'NO'", "NO"),
        ('"NO"', "NO"),
        ("{C: 7, H: 10, O: 2}", "C7H10O2"),
        ("{N: 1, O: 1}", "NO"),
    ],
)
def test_formulas_on_the_command_line(text: str, formula: str) -> None:
    """Nitric oxide is no boolean, whatever YAML says."""
    requested = _alone([f"composition={text}"])
    assert [describe(COMPOSITION, t["composition"]) for t in parse_targets(requested, [COMPOSITION])] == [formula]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["gap=4"], [4.0]),
        (["gap=1e-3"], [1e-3]),
        (["gap=4.0", "gap=6"], [4.0, 6.0]),
        (["gap=[4, 6e0]"], [4.0, 6.0]),
        (["gap=5", "gap=[6, 7]"], [5.0, 6.0, 7.0]),
        (["gap=[6, 7]", "gap=5"], [6.0, 7.0, 5.0]),
        (["gap={from: 4, to: 8, steps: 3}"], [4.0, 6.0, 8.0]),
    ],
)
def test_numbers_on_the_command_line(texts: list[str], expected: list[float]) -> None:
    targets = _targets(texts)["gap"]
    requested = targets[0] if len(targets) == 1 else targets
    assert [target["gap"][0] for target in parse_targets({"gap": requested}, [GAP])] == expected


@pytest.mark.parametrize(
    "smiles", ["C#N", "[H]C", "O=C=O", "C1=CC=CC=C1", "N", "NO", "[Na+].[Cl-]", "C/C=C\\C", "C[N+](=O)[O-]"]
)
def test_smiles_on_the_command_line(smiles: str) -> None:
    assert _alone([f"fingerprint={smiles}"]) == {"fingerprint": smiles}
    assert parse_targets(_alone([f"fingerprint={smiles}"]), [FINGERPRINT])


def test_vectors_on_the_command_line() -> None:
    one, two = (parse_targets({"dipole": _targets(texts)["dipole"]}, [DIPOLE]) for texts in (
        ["dipole=[0, 0, 1]"], ["dipole=[0, 0, 1]", "dipole=[0, 0.5, 0]"],
    ))  # fmt: skip
    assert [target["dipole"].tolist() for target in one] == [[0, 0, 1]]
    assert [target["dipole"].tolist() for target in two] == [[0, 0, 1], [0, 0.5, 0]]


@pytest.mark.parametrize("text", ["gap", "gap=", "=4", ""])
def test_no_condition_on_the_command_line(text: str) -> None:
    with pytest.raises(RecipeError, match=r"written NAME=VALUE, such as gap=4.0"):
        _targets([text])


@pytest.mark.parametrize("text", ["4:8", "4-8", "4..8", "[4:8]", "4:8:3"])
def test_what_looks_like_a_range_is_told_how_to_write_one(text: str) -> None:
    """YAML 1.1 takes 4:8 for 248."""
    with pytest.raises(RecipeError, match=r"no number; a range is written \{from: 4, to: 8, steps: 5\}$"):
        parse_targets(_alone([f"gap={text}"]), [GAP])
