"""The source of the tests, as a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.build.sources import columns, write


@pytest.fixture(autouse=True)
def user_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches the real cache of the user."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user-cache"))


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return write(tmp_path / "molecules.db", columns())
