"""What is printed where."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import pytest
from tqdm import tqdm

from gschnet_pyg.cli.output import talking


def chatter(quiet: bool, as_json: bool) -> None:
    with talking(quiet, as_json) as out:
        out.say("on the way")
        out.say("Warning: strange")
        print("of some library")
        logging.getLogger("gschnet_pyg").warning("something left out")
        out.result("the path", path=Path("the path"), count=3)


def test_talk_goes_to_standard_output_and_warnings_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    chatter(quiet=False, as_json=False)
    captured = capsys.readouterr()
    assert captured.out == "on the way\nof some library\n"
    assert captured.err.startswith("Warning: strange\n")


def test_quiet_prints_the_essential_alone(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    chatter(quiet=True, as_json=False)
    assert capsys.readouterr() == ("the path\n", "")
    assert caplog.records == []
    logging.getLogger("gschnet_pyg").warning("heard again")
    assert len(caplog.records) == 1


@pytest.mark.parametrize("quiet", [False, True])
def test_json_is_alone_on_standard_output(capsys: pytest.CaptureFixture[str], quiet: bool) -> None:
    chatter(quiet, as_json=True)
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"path": "the path", "count": 3}
    assert ("on the way" in captured.err) is not quiet


def test_quiet_draws_no_bars_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert not tqdm([1], disable=None, leave=False).disable
    with talking(quiet=True):
        assert tqdm([1], disable=None).disable


def test_an_interrupt_says_how_to_go_on() -> None:
    with pytest.raises(KeyboardInterrupt, match=r"^start anew$"), talking(if_interrupted="start anew"):
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt, match=r"^goes on$"), talking(if_interrupted="start anew"):
        raise KeyboardInterrupt("goes on")
