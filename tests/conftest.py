"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with reference numbers and QM9 geometries; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("GSCHNET_SHARED", Path(__file__).parents[2] / "shared"))
    if not (folder / "reference").is_dir():
        pytest.skip(f"no reference data at {folder} (set GSCHNET_SHARED)")
    return folder
