"""How commands end: a line on standard error, and a number for the shell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gschnet_pyg import cli
from gschnet_pyg.errors import DataError

Ended = tuple[int, str, str]


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Exit code, standard output and standard error of a command."""

    def call(*words: str) -> Ended:
        monkeypatch.setattr("sys.argv", ["gschnet-pyg", *words])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        captured = capsys.readouterr()
        assert isinstance(exit_.value.code, int)
        return exit_.value.code, captured.out, captured.err

    return call


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("trian demo", "no such command 'trian'; did you mean 'train'?"),
        ("data imprt x", "no such command 'imprt'; did you mean 'import'?"),
        ("recipe chekc x", "no such command 'chekc'; did you mean 'check'?"),
        ("data xyzzy", "no such command 'xyzzy'; there are: info, import"),
        ("generate runs/x --temprature 0.1", "no such option: --temprature; did you mean --temperature?"),
        ("--verison", "no such option: --verison; did you mean --version?"),
        ("train", "missing argument 'RECIPE'; see gschnet-pyg train --help"),
        ("data info a b", "got unexpected extra argument(s) (b); see gschnet-pyg data info --help"),
        ("report --json", "option '--json' requires an argument; write --json - for standard output, or name a file"),
        ("report --json x.db", "missing argument 'FILE'; write --json - for standard output, or name a file"),
        ("report x.db --json -q", "--json -q: write --json - for standard output, or name a file"),
        ("report x --stereo non", "invalid value for '--stereo'"),
        ("train demo training.bacth_size=3", "demo: training.bacth_size: unknown key; did you mean 'batch_size'?"),
        ("train qm9_fats", "qm9_fats: no such file, and no recipe of that name; did you mean 'qm9_fast'?"),
    ],
)
def test_what_is_misspelt_is_one_line_with_a_suggestion(ended: Callable[..., Ended], line: str, error: str) -> None:
    code, out, err = ended(*line.split())
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {error}")
    assert err.count("\n") == 1


def failing(error: BaseException) -> Callable[..., Any]:
    def fail(*arguments: Any, **more: Any) -> Any:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (DataError("a.db: two\nlines"), 2, "error: a.db: two lines\n"),
        (FileNotFoundError(2, "No such file or directory", "a.db"), 2, "error: [Errno 2] No such file or directory"),
        (KeyboardInterrupt(), 130, "Interrupted. out.db was not written; the same command starts anew.\n"),
        (KeyboardInterrupt("It goes on."), 130, "Interrupted. It goes on.\n"),
        (ZeroDivisionError("division by zero"), 1, "error: unexpected, this should not happen: ZeroDivisionError: div"),
        (EOFError("cut off"), 1, "error: unexpected, this should not happen: EOFError: cut off"),
        (MemoryError(), 1, "error: out of memory; make batches or molecules smaller"),
        (ModuleNotFoundError("no", name="ase"), 1, "error: ase is not installed; `gschnet-pyg doctor`"),
        (BrokenPipeError(32, "Broken pipe"), 2, "error: [Errno 32] Broken pipe"),  # not that of standard output
    ],
)
def test_every_error_has_its_exit_code_and_one_line(
    ended: Callable[..., Ended],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    line: str,
) -> None:
    monkeypatch.setattr("gschnet_pyg.data.importing.import_files", failing(error))
    monkeypatch.setattr("gschnet_pyg.cli.entry._nobody_listens", lambda: False)
    found, out, err = ended("data", "import", "a.db", "-o", "out.db")
    assert (found, out) == (code, "")
    assert err.startswith(line)
    assert err.count("\n") == 1
    for words in (["--debug", "data", "import", "a.db", "-o", "out.db"],):
        found, out, err = ended(*words)
        assert found == code
        assert "Traceback" in err
    monkeypatch.setenv("GSCHNET_DEBUG", "1")
    assert "Traceback" in ended("data", "import", "a.db", "-o", "out.db")[2]


def program(*words: str, **more: Any) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **more.pop("env", {})}
    return subprocess.Popen(
        [sys.executable, "-m", "gschnet_pyg.cli", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        **more,
    )


@pytest.mark.parametrize("words", [("recipe", "show", "qm9"), ("recipe", "list"), ("--version",), ("recipe", "schema")])
def test_nobody_reads_on(words: tuple[str, ...]) -> None:
    process = program(*words)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait() == 141


def test_no_colours_where_nobody_sees_them() -> None:
    process = program("trian", env={"FORCE_COLOR": "1"})
    assert process.communicate()[1] == "error: no such command 'trian'; did you mean 'train'?\n"


@pytest.mark.parametrize(
    ("settings", "is_red"),
    [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_errors_are_red_on_a_terminal(settings: dict[str, str], is_red: bool) -> None:
    import pty

    ours, theirs = pty.openpty()
    environment = {**{k: v for k, v in os.environ.items() if k != "NO_COLOR"}, **settings}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    subprocess.run([sys.executable, "-m", "gschnet_pyg.cli", "trian"], env=environment, stderr=theirs)
    os.close(theirs)
    assert (b"\x1b[31m" in os.read(ours, 1000)) is is_red


def test_no_words_at_all_show_the_help(ended: Callable[..., Ended]) -> None:
    for words in ([], ["data"], ["recipe"]):
        code, out, err = ended(*words)
        assert (code, err) == (0, "")
        assert "Examples:" in out


def test_version(ended: Callable[..., Ended]) -> None:
    assert ended("--version")[1].startswith("gschnet-pyg 0.")


def test_recipes_as_json_and_as_names(ended: Callable[..., Ended], tmp_path: Path) -> None:
    code, out, err = ended("recipe", "list", "--json")
    listed = json.loads(out)["recipes"]
    assert (code, err) == (0, "")
    assert {"name", "purpose", "path"} <= listed[0].keys()
    assert ended("recipe", "list", "--quiet")[1].split() == [each["name"] for each in listed]
    assert json.loads(ended("recipe", "check", "qm9", "--json")[1]) == {"recipe": "qm9", "kind": "training"}
    assert ended("recipe", "check", "qm9", "--quiet") == (0, "", "")
    code, out, err = ended("recipe", "check", str(tmp_path / "none.yaml"), "--json")
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
