"""What a refusal looks like to the user and on the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from gschnet_pyg.errors import GschnetError
from tests.integration.conftest import Outcome

CACHES = ("user-cache", ".gschnet-cache")


def examples(number: int) -> settings:
    """So many examples, the same ones every time; fixtures are those of the test."""
    slow = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(max_examples=number, derandomize=True, database=None, deadline=None, suppress_health_check=slow)


def assert_refused(outcome: Outcome, *facts: str) -> None:
    """Exit code 2 and exactly one line, which can be printed and says some facts."""
    assert outcome.code == 2, outcome
    assert len(outcome.err.splitlines()) == 1, outcome.err
    assert outcome.err.startswith("error: ")
    assert outcome.err.rstrip("\n").isprintable()
    for fact in facts:
        assert fact in outcome.err


def content(folder: Path) -> dict[str, bytes]:
    """Files under a folder, converted data aside, which are whole or not there."""
    files = (path for path in sorted(folder.rglob("*")) if not any(name in str(path) for name in CACHES))
    return {str(path): path.read_bytes() if path.is_file() else b"folder" for path in files}


@contextmanager
def nothing_written(folder: Path = Path()) -> Iterator[None]:
    """Files under a folder are after the block what they were before it."""
    before = content(folder)
    yield
    assert content(folder) == before


def refusal(call: Callable[[], object]) -> str | None:
    """The message with which something is refused, or none if it is accepted; nothing else may be raised."""
    try:
        call()
    except GschnetError as error:
        message = str(error)
        assert message.isprintable()
        assert len(message) <= 4000
        return message
    return None


def must_refuse(call: Callable[[], object], *facts: str) -> None:
    """Something is refused, and the message says some facts."""
    message = refusal(call)
    if message is None:
        pytest.fail("was accepted")
    for fact in facts:
        assert fact in message
