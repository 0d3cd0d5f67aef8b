"""Models of strangers: refused with a reason, before memory is taken, and never unpickled."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from gschnet_pyg.model.conversion import read_established
from gschnet_pyg.model.storage import describe_model, load_model, restore_model
from gschnet_pyg.run_directory import RunDirectory
from tests.faults.outcomes import assert_refused, examples, must_refuse, nothing_written, refusal
from tests.faults.runs import TARGETS, resumed
from tests.integration.conftest import Command
from tests.model.established import established_state
from tests.model.test_conversion import EVERY_KIND, make

State = dict[str, torch.Tensor]


def rewrite(path: Path, change: Callable[[State, dict[str, Any]], Any]) -> None:
    """Change weights and description of a model file; what the change gives, if something, is the description."""
    model = load_model(path)
    weights, description = load_file(path), json.loads(json.dumps(describe_model(model)))
    changed = change(weights, description)
    text = changed if isinstance(changed, str) else json.dumps(description)
    save_file({name: value.contiguous() for name, value in weights.items()}, path, {"gschnet_pyg": text})


def set_in(*place: str | int, value: Any) -> Callable[[State, dict[str, Any]], None]:
    """A change of one entry of the description."""

    def change(_: State, description: Any) -> None:
        for key in place[:-1]:
            description = description[key]
        description[place[-1]] = value

    return change


def without(name: str) -> Callable[[State, dict[str, Any]], None]:
    """A change that takes a weight or an entry of the description away."""

    def change(weights: State, description: dict[str, Any]) -> None:
        del (weights if name in weights else description)[name]

    return change


def filled(value: float) -> Callable[[State, dict[str, Any]], None]:
    """A change of some numbers of a weight."""

    def change(weights: State, _: dict[str, Any]) -> None:
        weights[FIRST][2] = value

    return change


FIRST = "schnet.embedding.weight"
CHANGES: dict[str, tuple[Callable[[State, dict[str, Any]], Any], str]] = {
    "a wrong shape": (lambda w, d: w.update({FIRST: torch.zeros(3, 3)}), f"{FIRST} is [3, 3], not [7, 8]"),
    "a missing weight": (without(FIRST), f"{FIRST} is missing"),
    "another weight": (lambda w, d: w.update(more=torch.zeros(1)), "there is no more in such a model"),
    "whole numbers": (lambda w, d: w.update({FIRST: torch.zeros(7, 8, dtype=torch.int64)}), "torch.int64"),
    "flags": (lambda w, d: w.update({FIRST: torch.zeros(7, 8, dtype=torch.bool)}), "torch.bool"),
    "eight bits": (lambda w, d: w.update({FIRST: torch.zeros(7, 8).to(torch.float8_e4m3fn)}), "torch.float8"),
    "nan": (filled(float("nan")), f"{FIRST} holds numbers that are not finite"),
    "infinite": (filled(float("inf")), f"{FIRST} holds numbers that are not finite"),
    "a negative cutoff": (set_in("cutoffs", "model", value=-5.0), "cutoffs.model is -5.0"),
    "a cutoff of zero": (set_in("cutoffs", "placement", value=0), "cutoffs.placement is 0"),
    "a cutoff of nan": (set_in("cutoffs", "prediction", value=float("nan")), "cutoffs.prediction is nan"),
    "an infinite cutoff": (set_in("cutoffs", "prediction", value=float("inf")), "cutoffs.prediction is inf"),
    "a cutoff beyond sense": (set_in("cutoffs", "prediction", value=1e12), "at most 1,000"),
    "a cutoff of text": (set_in("cutoffs", "model", value="10"), "cutoffs.model is '10'"),
    "a tiny cutoff": (set_in("cutoffs", "model", value=5e-324), "description of the model is damaged"),
    "a cutoff of other weights": (set_in("cutoffs", "prediction", value=7.0), "distance_head.2"),
    "an unknown cutoff": (set_in("cutoffs", "repulsion", value=1.0), "repulsion"),
    "features beyond sense": (set_in("settings", "n_features", value=10**9), "n_features is 1000000000"),
    "many features": (set_in("settings", "n_features", value=60_000), "do not fit"),
    "blocks beyond sense": (set_in("settings", "n_interactions", value=10**9), "n_interactions"),
    "bins beyond sense": (set_in("settings", "n_distance_bins", value=10**15), "n_distance_bins"),
    "layers beyond sense": (set_in("settings", "type_layers", value=10**9), "type_layers"),
    "features of a fraction": (set_in("settings", "n_features", value=8.5), "n_features is 8.5"),
    "features of a flag": (set_in("settings", "n_features", value=True), "n_features is True"),
    "a flag of text": (set_in("settings", "average_types", value="yes"), "average_types"),
    "unknown settings": (set_in("settings", "n_heads", value=4), "n_heads"),
    "a list of settings": (set_in("settings", value=[1, 2]), "description of the model is damaged"),
    "no elements": (set_in("vocabulary", "atom_types", value=[]), "atom_types"),
    "no such elements": (set_in("vocabulary", "atom_types", value=[1, 6, 7, 8, 400]), "from 1 to 118"),
    "a token beyond sense": (set_in("vocabulary", "stop", value=10**12), "stop is 1000000000000"),
    "a condition twice as wide": (set_in("conditions", 0, "width", value=128), "do not fit"),
    "Gaussians beyond sense": (set_in("conditions", 0, "spacing", value=1e-300), "Gaussians"),
    "a range without end": (set_in("conditions", 0, "maximum", value=float("inf")), "Gaussians"),
    "a range of nan": (set_in("conditions", 0, "observed", value=[[float("nan"), 1.0]]), "not finite"),
    "ranges of nothing": (set_in("conditions", 1, "observed", value=[[0, 1]]), "1 ranges for 5 values"),
    "an unknown condition": (set_in("conditions", 0, "kind", value="curve"), "unknown kind, 'curve'; update"),
    "conditions that are none": (set_in("conditions", value={"gap": 1}), "description of the model is damaged"),
    "no mixing": (without("mixing"), "mixing"),
    "a newer format": (set_in("format", value=2), "newer version (format 2); update gschnet_pyg"),
    "no format": (without("format"), "format"),
    "a format of text": (set_in("format", value="1"), "format is '1'"),
    "damaged JSON": (lambda w, d: '{"format": 1', "damaged"),
    "deep JSON": (lambda w, d: "[" * 100_000, "damaged"),
    "a list": (lambda w, d: "[1, 2]", "description of the model is damaged"),
    "nothing": (lambda w, d: "null", "holds no G-SchNet model"),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_models_that_cannot_be(command: Command, directory: Path, kind: str) -> None:
    change, fact = CHANGES[kind]
    rewrite(directory / "model.safetensors", change)
    with nothing_written():
        outcome = command("generate", "run", "-n", 2, *TARGETS, "-o", "new.db")
        assert_refused(outcome, "run/model.safetensors", fact)


@pytest.mark.parametrize("content", [b"", b"\x08", b"\xff" * 64, b'\x10\x00\x00\x00\x00\x00\x00\x00{"a": 1}        '])
def test_files_that_are_no_model(command: Command, directory: Path, content: bytes) -> None:
    (directory / "model.safetensors").write_bytes(content)
    assert_refused(command("generate", "run", "-n", 2), "model.safetensors: damaged")


def test_what_was_converted_may_be_said_in_any_way(command: Command, directory: Path) -> None:
    path = directory / "model.safetensors"
    text = json.dumps(describe_model(load_model(path)))
    for origin in ("[1, 2]", "7", "{", '{"sha256": 3}'):
        save_file(load_file(path), path, {"gschnet_pyg": text, "converted_from": origin})
        found = RunDirectory(directory).conversion()
        assert found is None or "file" in found


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=5)),
    lambda inside: st.one_of(st.lists(inside, max_size=3), st.dictionaries(st.text(max_size=5), inside, max_size=3)),
    max_leaves=6,
)


def test_descriptions_at_random(trained: Path) -> None:
    model = load_model(trained / "model.safetensors")
    weights, text = dict(model.state_dict()), json.dumps(describe_model(model))
    places = list(_places(json.loads(text)))

    @examples(150)
    @given(changes=st.lists(st.tuples(st.sampled_from(places), JSON), min_size=1, max_size=2))
    def check(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
        description = json.loads(text)
        for (*place, last), value in changes:
            inside = description
            for key in place:
                inside = inside[key] if isinstance(inside, list | dict) and _has(inside, key) else {}
            if isinstance(inside, dict) or (isinstance(inside, list) and _has(inside, last)):
                inside[last] = value
        refusal(lambda: restore_model(description, weights))

    check()


def _has(inside: list | dict, key: Any) -> bool:
    return key in inside if isinstance(inside, dict) else isinstance(key, int) and key < len(inside)


def _places(inside: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths to everything in JSON."""
    pairs = inside.items() if isinstance(inside, dict) else enumerate(inside) if isinstance(inside, list) else ()
    for key, value in pairs:
        yield (*before, key)
        yield from _places(value, (*before, key))


def spoil(path: Path, **changes: Any) -> None:
    torch.save({**torch.load(path, weights_only=True), **changes}, path)


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({"gschnet_pyg": None}, "its gschnet_pyg is missing or none"),
        ({"gschnet_pyg": {"format": 99}}, "newer version"),
        ({"gschnet_pyg": {"format": 1}}, "description of the model is damaged"),
        ({"state_dict": {}}, "is missing"),
        ({"state_dict": [1]}, "its state_dict is missing or none"),
        ({"state_dict": {"model.x": 3}}, "do not fit"),
        ({"callbacks": {"a": 3}}, "a state in it is none"),
    ],
)
def test_checkpoints_that_cannot_be(command: Command, directory: Path, changes: dict[str, Any], fact: str) -> None:
    (directory / "model.safetensors").unlink()
    spoil(directory / "checkpoints/best.ckpt", **changes)
    with nothing_written():
        assert_refused(command("generate", "run", "-n", 2, "-o", "new.db"), "best.ckpt", fact)


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({"global_step": "3"}, "its global_step is missing or none"),
        ({"state_dict": {"model.x": torch.zeros(1)}}, "does not fit"),
        ({"callbacks": None}, "its callbacks is missing or none"),
        ({"loops": None}, "its loops is missing or none"),
        ({"optimizer_states": 3}, "its optimizer_states is missing or none"),
    ],
)
def test_checkpoints_that_cannot_be_resumed(
    command: Command, trained: Path, directory: Path, changes: dict[str, Any], fact: str
) -> None:
    spoil(directory / "checkpoints/last.ckpt", **changes)
    assert_refused(resumed(command), "last.ckpt", fact)


def test_established_state_dicts_at_random() -> None:
    state = established_state(make(conditions=EVERY_KIND))
    tensors = st.sampled_from(
        [torch.tensor(3), torch.tensor(-1.5), torch.zeros(0), torch.zeros(2, 2), torch.tensor([True]),
         torch.tensor([float("nan")]), torch.zeros(2, 2, 2), torch.tensor([1e30]), torch.tensor([2**62]),
         torch.tensor(1j), torch.full((3,), -7)]
    )  # fmt: skip

    @examples(150)
    @given(changes=st.dictionaries(st.sampled_from(sorted(state)), st.one_of(st.none(), tensors), max_size=3))
    def check(changes: dict[str, torch.Tensor | None]) -> None:
        altered = {name: value for name, value in {**state, **changes}.items() if value is not None}
        refusal(lambda: read_established(altered))

    check()
    must_refuse(lambda: read_established({}), "no whole state dict")
