"""Conditions in recipes: lists that change entry by entry, and errors that name the entry."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gschnet_pyg.errors import RecipeError
from gschnet_pyg.recipe import load_recipe
from gschnet_pyg.recipe_sections.model import ScalarSettings

GAP, SIZE = "{kind: scalar, property: gap}", "{kind: scalar, property: n_atoms}"


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_conditions_change_entry_by_entry_or_as_a_whole(tmp_path: Path) -> None:
    child = "qm9_gap_relative_energy"
    gap, energy = load_recipe(child).conditions
    changed = load_recipe(child, ["conditions.0.property=lumo", "conditions.0.maximum=3.5"]).conditions
    assert changed == (gap.model_copy(update={"property": "lumo", "maximum": 3.5}), energy)
    assert [c.kind for c in load_recipe(child, ["conditions.1={kind: composition}"]).conditions] == [
        "scalar",
        "composition",
    ]
    for parent in (child, "qm9"):
        (only,) = load_recipe(parent, [f"conditions=[{GAP}]"]).conditions
        assert only == ScalarSettings(kind="scalar", property="gap")
        three_lines = _write(tmp_path / "a.yaml", f"extends: {parent}\nname: a\nconditions: [{GAP}, {SIZE}]\n")
        assert [condition.property for condition in load_recipe(three_lines).conditions] == ["gap", "n_atoms"]
    assert load_recipe(child, ["conditions=[]"]).conditions == ()


def test_conditions_read_back_as_they_are(tmp_path: Path) -> None:
    kinds = f"[{GAP}, {{kind: vector, hidden: 8}}, {{kind: composition, count: {{maximum: 60}}}}]"
    recipe = load_recipe("qm9", [f"conditions={kinds}", "properties.relative_atomic_energy.energy=u0"])
    assert [condition.property for condition in recipe.conditions] == ["gap", "fingerprint", "composition"]
    path = _write(tmp_path / "resolved.yaml", yaml.safe_dump(recipe.model_dump(mode="json")))
    assert load_recipe(path) == recipe


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ("[{kind: scalar, propety: gap}]", r"conditions.0.propety: unknown key; did you mean 'property'\?"),
        ("[{kind: scalar}]", "conditions.0.property: missing; Of the data, or computed"),
        (f"[{GAP}, {{kind: scalar, property: mu, minimun: 2}}]", r"conditions.1.minimun: .*mean 'minimum'\?"),
        ("[{kind: composition, skip_hydrogens: true}]", r"conditions.0.skip_hydrogens: .*mean 'skip_hydrogen'\?"),
        ("[{kind: composition, count: {maxmum: 9}}]", r"conditions.0.count.maxmum: .*mean 'maximum'\?"),
        (
            "[{kind: vector, spacing: 2}]",
            "conditions.0.spacing: unknown key; there are: kind, property, layers, width, hi",
        ),
        ("[{kind: composition, property: gap}]", "conditions.0.property: unknown key"),
        (
            "[{kind: vektor}]",
            r"conditions.0.kind: 'vektor' is not one of 'scalar', 'vector', 'composition'; did you mean 'vector'\?$",
        ),
        ("[{property: gap}]", "conditions.0.kind: missing"),
        ("{kind: scalar, property: gap}", r"conditions: must be a list; give all of it, conditions=\[...\]"),
        (f"[{GAP}, {{kind: vector, property: gap}}]", "conditions: gap stands twice; keep one of them"),
        ("[{kind: composition}, {kind: composition}]", "conditions: composition stands twice"),
        (
            "[{kind: scalar, property: gap, minimum: 4, maximum: 4}]",
            "conditions.0: minimum 4.0 is not below maximum 4.0",
        ),
        ("[{kind: scalar, property: gap, spacing: 0}]", "conditions.0.spacing: .*greater than 0"),
        ("[{kind: scalar, property: gap, maximum: .inf}]", "conditions.0.maximum: .*finite"),
        ("[{kind: composition, count: {minimum: 40}}]", "conditions.0.count: minimum 40.0 is not below maximum 35.0"),
    ],
)
def test_what_is_wrong_with_a_condition(conditions: str, message: str) -> None:
    with pytest.raises(RecipeError, match=f"qm9: {message}") as caught:
        load_recipe("qm9", [f"conditions={conditions}"])
    assert "\n" not in str(caught.value)


def test_the_next_entry_of_a_list_is_added() -> None:
    energy = "qm9_gap_relative_energy"
    added = load_recipe(energy, ["conditions.2.kind=scalar", "conditions.2.property=mu", "conditions.1.width=8"])
    assert [condition.property for condition in added.conditions] == ["gap", "relative_atomic_energy", "mu"]
    assert added.conditions[1].width == 8
    first = load_recipe("qm9", [f"conditions.1={SIZE}", f"conditions.0={GAP}"])
    assert [condition.property for condition in first.conditions] == ["gap", "n_atoms"]
    with pytest.raises(RecipeError, match=r"conditions\.3: no such entry; the list has entries 0 to 1"):
        load_recipe(energy, ["conditions.3.property=gap"])
    with pytest.raises(RecipeError, match=r"conditions\.0\.kind: missing"):
        load_recipe("qm9", ["conditions.0.property=gap"])
    with pytest.raises(RecipeError, match=r"conditions: must be a list; give all of it, conditions=\[...\]"):
        load_recipe("qm9", [f"conditions.1={GAP}"])
