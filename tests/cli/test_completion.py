"""What TAB offers, by way of the scripts of the shells."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gschnet_pyg import cli

Offered = Callable[..., list[str]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What the program answers to a shell."""

    def ask(instruction: str, **variables: str) -> str:
        for name, value in {**variables, "_GSCHNET_PYG_COMPLETE": instruction}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("sys.argv", ["gschnet-pyg"])
        with pytest.raises(SystemExit):
            cli.main()
        captured = capsys.readouterr()
        assert captured.err == ""
        return captured.out

    return ask


@pytest.fixture
def offered(asked: Callable[..., str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Offered:
    """What bash is offered for the last of some words, as it splits them."""
    monkeypatch.chdir(folder)

    def offer(*words: str) -> list[str]:
        lines = "\n".join(["gschnet-pyg", *words])
        return asked("complete_bash", COMP_WORDS=lines, COMP_CWORD=str(len(words))).split()

    return offer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two runs, a recipe of the user, and a hidden folder."""
    for name, content in (
        ("runs/first/recipe.yaml", "conditions: [{kind: scalar, property: gap}, {kind: composition}]\n"),
        ("runs/second/recipe.yaml", "kind: train\n"),
        ("mine.yaml", "extends: demo\n"),
        (".hidden/run/recipe.yaml", ""),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


def test_commands_and_options(offered: Offered) -> None:
    assert {"train", "generate", "report", "data", "recipe", "doctor"} <= set(offered(""))
    assert offered("data", "i") == ["info", "import"]
    assert offered("generate", "runs/first", "--te") == ["--temperature"]
    assert offered("report", "--stereo", "no") == ["no_enantiomers"]


def test_recipes_and_runs(offered: Offered) -> None:
    assert {"qm9", "qm9_fast"} <= set(offered("train", "q"))
    assert "generate/quick" not in offered("train", "")
    assert offered("train", "mi") == ["mine.yaml"]
    assert {"runs/first", "runs/second", "generate/quick", "mine.yaml"} <= set(offered("generate", ""))
    assert offered("generate", "runs/f") == ["runs/first"]
    assert offered("generate", "./runs/f") == ["./runs/first"]
    assert "generate/quick" in offered("recipe", "copy", "g")


def test_keys_go_on_where_they_part(offered: Offered) -> None:
    assert {"training.", "model.", "seed="} <= set(offered("train", "demo", ""))
    assert {"training.batch_size=", "training.optimizer."} <= set(offered("train", "demo", "tr"))
    # the present value comes along, so that no space is put behind the =
    assert offered("train", "demo", "training.ba") == ["training.batch_size=", "training.batch_size=48"]
    assert offered("train", "demo", "data.kind=file", "data.pa")[0] == "data.path="
    assert offered("generate", "runs/first", "temp")[0] == "temperature="
    assert {"conditions.0.", "conditions.1."} == set(offered("train", "demo_gap_relative_energy", "conditions"))


def test_values_as_bash_splits_them(offered: Offered) -> None:
    assert offered("train", "demo", "training.accelerator", "=") == ["auto", "cpu", "gpu"]
    assert offered("train", "demo", "training.accelerator", "=", "c") == ["cpu"]
    assert {"demo", "file", "qm9"} == set(offered("train", "mine.yaml", "data.kind", "="))
    # and goes on to keys after a value
    assert offered("train", "demo", "run.id", "=", "x", "training.acc")[0] == "training.accelerator="


def test_conditions_of_the_model(offered: Offered) -> None:
    assert offered("generate", "runs/first", "-c", "g") == ["gap=", "gap=VALUE"]
    assert offered("generate", "runs/first", "-c", "comp")[0] == "composition="


@pytest.mark.parametrize("words", [["train", "nowhere.yaml", "training.ba"], ["generate", "nowhere", "temp"]])
def test_what_cannot_be_read_is_passed_over(offered: Offered, words: list[str]) -> None:
    assert offered(*words)[0].endswith("=")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_its_script(asked: Callable[..., str], shell: str) -> None:
    script = asked(f"source_{shell}")
    assert f"complete_{shell}" in script
    assert "_GSCHNET_PYG_COMPLETE" in script


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_values_as_other_shells_have_them(asked: Callable[..., str], shell: str) -> None:
    line = {"_TYPER_COMPLETE_ARGS": "gschnet-pyg train demo training.precision=b"}
    answer = asked(f"complete_{shell}", _TYPER_COMPLETE_FISH_ACTION="get-args", **line)
    assert "training.precision=bfloat16" in answer
    assert "float32" not in answer


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys; from types import SimpleNamespace as Bare; from gschnet_pyg.cli import completion\n"
        "ctx = Bare(params={'recipe': 'demo'}, command=Bare(name='train'))\n"
        "assert completion.overrides(ctx, 'training.ba')\n"
        "print(sorted({'torch', 'rdkit', 'ase', 'numpy', 'rich'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
