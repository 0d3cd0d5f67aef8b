"""Recipes of any content: a recipe or one line, never a traceback, in bounded time and memory, and nothing is run."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from gschnet_pyg.recipe import GenerationRecipe, Recipe, check_recipe, load_generation_recipe, load_recipe, load_sweep
from gschnet_pyg.recipe_yaml import PlainLoader, StrictLoader
from tests.faults.outcomes import assert_refused, examples, must_refuse, nothing_written, refusal
from tests.integration.conftest import Command

LAUGHS = "\n".join(
    ["a0: &a0 {x: 1, y: 2}", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)), "data: *a11"]
)
MERGED = "\n".join(
    ["a0: &a0 {x: 1}", *(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 12))]
)
CHAINED = "\n".join(["a0: &a0 [1]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 3000)), "data: *a2999"])
BAD_FILES = {
    "empty": b"",
    "nothing but a comment": b"# demo\n",
    "null bytes": bytes(4096),
    "no UTF-8": b"seed: 1\nname: \xff\xfe\xfa\n",
    "UTF-16": "seed: 1\n".encode("utf-16"),
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "a list": b"- 1\n- 2\n",
    "a number": b"7\n",
    "a key twice": b"seed: 1\nseed: 2\n",
    "a key of a list": b"? [1, 2]\n: 3\n",
    "unclosed": b"data: {kind: demo\n",
    "a tab": b"data:\n\tkind: demo\n",
    "two documents": b"seed: 1\n---\nseed: 2\n",
    "a tag of Python": b"data: !!python/object/apply:os.system ['touch executed']\n",
    "a module of Python": b"data: !!python/name:os.system\n",
    "a tag of nobody": b"data: !calculator {path: x}\n",
    "a number that is none": b"seed: !!int x\n",
    "an empty number": b"seed: !!int ''\n",
    "a flag that is none": b"seed: !!bool perhaps\n",
    "a date that is none": b"seed: 2026-99-99\n",
    "a time that is none": b"seed: !!timestamp now\n",
    "a number of 5,000 digits": b"seed: " + b"9" * 5000 + b"\n",
    "a number of 5,000 hexadecimal digits": b"seed: 0x" + b"F" * 5000 + b"\n",
    "a number of 80 bits": b"training: {batch_size: 1000000000000000000000000}\n",
    "an alias without an anchor": b"data: *nothing\n",
    "an alias inside itself": b"data: &a {kind: demo, more: *a}\n",
    "a list inside itself": b"split: &a [*a]\n",
    "billion laughs": LAUGHS.encode(),
    "billion merged laughs": MERGED.encode(),
    "a chain of aliases": CHAINED.encode(),
    "a deep list": b"data: " + b"[" * 100_000,
    "a deep mapping": b"{a: " * 10_000,
    "deep dashes": b"data:\n" + b"- " * 10_000,
    "a large file": b"# " + b"x" * (2**20) + b"\n",
    "very many keys": b"".join(b"k%d: 1\n" % number for number in range(2000)),
    "control characters": b'extends: "\\e[31m\\r\\n\\u2028none"\n',
}


@pytest.mark.parametrize("load", [load_recipe, load_generation_recipe, load_sweep, check_recipe])
@pytest.mark.parametrize("kind", BAD_FILES)
def test_files_that_are_no_recipe(tmp_path: Path, kind: str, load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_bytes(BAD_FILES[kind])
    must_refuse(lambda: load("mine.yaml"), "none" if kind == "control characters" else "mine.yaml")
    assert os.listdir(tmp_path) == ["mine.yaml"]


@pytest.mark.parametrize("kind", ["a tag of Python", "billion laughs", "a deep list", "control characters"])
def test_the_command_line_refuses_them(command: Command, kind: str) -> None:
    Path("mine.yaml").write_bytes(BAD_FILES[kind])
    for words in (("train",), ("generate",), ("recipe", "check"), ("recipe", "show")):
        with nothing_written():
            assert_refused(command(*words, "mine.yaml"))


def test_names_that_are_no_file(command: Command, tmp_path: Path) -> None:
    Path("folder").mkdir()
    Path("run").mkdir()
    Path("run/recipe.yaml").write_text("extends: demo\n")
    os.mkfifo("pipe.yaml")
    os.symlink("loop.yaml", "loop.yaml")
    facts = {
        "folder": "is a folder",
        "run": "such as run/recipe.yaml",
        "pipe.yaml": "no such file",
        "..": "is a folder",
    }
    for name in ("folder", "run", "..", "pipe.yaml", "loop.yaml", "x" * 5000, "a\x1b[31mb", "", "no\nname"):
        assert_refused(command("train", name), facts.get(name, ""))
        must_refuse(lambda name=name: load_recipe(name))


def test_chains_of_recipes(command: Command, tmp_path: Path) -> None:
    for number in range(30):
        Path(f"{number}.yaml").write_text(f"extends: {number + 1}.yaml\n")
    Path("30.yaml").write_text("extends: demo\n")
    assert_refused(command("train", "0.yaml"), "extends a recipe that extends another")
    assert isinstance(load_recipe("15.yaml"), Recipe)
    Path("30.yaml").write_text("extends: 29.yaml\n")
    assert_refused(command("train", "29.yaml"), "extends itself")
    Path("own.yaml").write_text("extends: ./own.yaml\n")
    assert_refused(command("train", "own.yaml"), "extends itself")
    Path("own.yaml").write_text("extends: none.yaml\n")
    assert_refused(command("train", "own.yaml"), "none.yaml: no such file")
    Path("own.yaml").write_text("extends: [demo, qm9]\n")
    assert_refused(command("train", "own.yaml"), "extends: must be the name or path of one recipe")
    Path("own.yaml").write_text(f"extends: {'x' * 5000}\n")
    assert_refused(command("train", "own.yaml"), "no such file")


KEYS = sorted(
    set(re.findall(r"(\w+):", yaml.safe_dump(load_recipe("qm9_gap_relative_energy").model_dump(mode="json"))))
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(2**62, 2**80), st.floats(), st.text(max_size=8), st.dates(),
    st.sampled_from(["demo", "file", "scalar", "composition", "cosine", "train", "generate", "²", "-0", "1e400"]),
)  # fmt: skip
NAMES = st.one_of(st.sampled_from([*KEYS, *GenerationRecipe.model_fields]), st.text(max_size=6), st.integers(-1, 3))
VALUES = st.recursive(
    SCALARS, lambda inside: st.one_of(st.lists(inside, max_size=4), st.dictionaries(NAMES, inside, max_size=4)),
    max_leaves=12,
)  # fmt: skip


@examples(60)
@given(document=st.dictionaries(NAMES, VALUES, max_size=6))
@example(document={"kind": ["train"], "data": {"kind": {}}, 1: 2, None: 3})
@example(document={"parameters": {"a": {"distribution": "normal", "mu": 1000.0}}, "method": "random", "command": []})
def test_documents_at_random(tmp_path: Path, document: dict[Any, Any]) -> None:
    path = tmp_path / "mine.yaml"
    for extra in ({}, {"extends": "qm9_gap_relative_energy"}, {"kind": "generate", "run": "x"}):
        path.write_text(yaml.safe_dump({**extra, **document}), encoding="utf-8")
        for load in (load_recipe, load_generation_recipe, check_recipe):
            refusal(lambda load=load: load(path))


@examples(80)
@given(text=st.text(alphabet="ab:-[]{}&*!#|>%@`'\"\n\t ,?<=1.\x00\x85\u2028\ud800", max_size=60))
def test_text_at_random(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    refusal(lambda: check_recipe(path))
    refusal(lambda: load_recipe("demo", [f"data={text}", f"{text}=1"]))


@examples(80)
@given(
    changes=st.lists(
        st.tuples(
            st.lists(st.one_of(st.sampled_from(KEYS), st.sampled_from(["0", "1", "²", "-1"])), max_size=4), VALUES
        )
    )
)
@example(changes=[(["a"] * 5000, 1)])
@example(changes=[(["conditions", "²"], 1)])
@example(changes=[(["conditions", "9" * 5000], 1)])
def test_overrides_at_random(changes: list[tuple[list[str], Any]]) -> None:
    words = [f"{'.'.join(key)}={yaml.safe_dump(value, default_flow_style=True, width=10**6)}" for key, value in changes]
    refusal(lambda: load_recipe("qm9_gap_relative_energy", words))
    refusal(lambda: load_generation_recipe("generate/quick", words))


TEN = ", ".join(["*a%d"] * 10)


@pytest.mark.parametrize(
    "change",
    [
        "training.batch_size=0xFFFFFFFFFFFFFFFFFFFF",
        "model.features=1000000000",
        "model.interactions=1000000000",
        "model.type_head.layers=100000",
        "model.distance_bins=1000000000000",
        "model.max_distance=1e300",
        "cutoffs.prediction=1e9",
        "atoms.stop=1000000000000",
        "training.workers.train=1000000",
        "training.devices=1000000",
        "properties.fingerprint.bits=8000000000",
        f"data={LAUGHS.splitlines()[0]}",
        f"data={{{', '.join(['a0: &a0 [1]', *(f'a{n}: &a{n} [{TEN % ((n - 1,) * 10)}]' for n in range(1, 9))])}}}",
    ],
)
def test_sizes_beyond_sense(command: Command, database: Path, change: str) -> None:
    with nothing_written():
        assert_refused(command("train", "qm9_fast", "data.kind=file", f"data.path={database.name}", change))


def test_a_network_that_would_fill_the_memory_is_refused_before_anything_is_written(
    command: Command, database: Path
) -> None:
    large = ("model.features=60000", "model.interactions=100", "split={train: 20, validation: 8}")
    with nothing_written():
        outcome = command("train", "qm9_fast", "data.kind=file", f"data.path={database.name}", *large)
        assert_refused(outcome, "weights, more than the 1,000,000,000", "make features")


@pytest.mark.parametrize(
    ("parameters", "fact"),
    [
        ("{seed: {min: 0, max: 1000000000000}}", "too large"),
        ("{seed: {distribution: q_uniform, min: 0.0, max: 1.0e+300, q: 1.0e-9}}", "too large"),
        ("{seed: {distribution: log_uniform, min: 1, max: 100000}}", "beyond what can be computed"),
        ("{seed: {distribution: beta, a: 0, b: 0}}", "beyond what can be computed"),
        (f"{{{', '.join(f'k{n}: {{values: [1, 2, 3, 4, 5, 6, 7, 8]}}' for n in range(40))}}}", "too large"),
        (f"{{a: {{parameters: {{{', '.join(f'k{n}: {{min: 0, max: 9}}' for n in range(40))}}}}}}}", "combinations"),
    ],
)
def test_sweeps_without_end(tmp_path: Path, parameters: str, fact: str) -> None:
    command = "command: [gschnet-pyg, train, demo, logging.wandb=online, '${args_no_hyphens}']"
    (tmp_path / "sweep.yaml").write_text(f"method: grid\nparameters: {parameters}\n{command}\n")
    must_refuse(lambda: load_sweep(tmp_path / "sweep.yaml"), fact)


def test_the_loaders_build_plain_values_alone() -> None:
    for loader in (PlainLoader, StrictLoader):
        assert issubclass(loader, yaml.SafeLoader)
        assert not any("python" in str(tag) for tag in loader.yaml_constructors)
        assert not loader.yaml_multi_constructors
