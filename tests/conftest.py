"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest_plugins = ["tests.browser"]


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with reference numbers and QM9 geometries; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("GSCHNET_SHARED", Path(__file__).parents[2] / "shared"))
    if not (folder / "reference").is_dir():
        pytest.skip(f"no reference data at {folder} (set GSCHNET_SHARED)")
    return folder


@pytest.fixture
def no_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Weights & Biases as on a new machine: no settings, no login. Gives the file that logins are stored in."""
    import wandb

    wandb.teardown()  # what it has read of the environment before
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "wandb-config"))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "wandb-cache"))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    yield tmp_path / "netrc"
    wandb.teardown()
