"""A browser, for tests of pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
OPTIONS = [
    "--headless", "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--enable-unsafe-swiftshader", "--use-angle=swiftshader",
]  # fmt: skip


def required() -> bool:
    return "CI" in os.environ


@pytest.fixture(scope="module")
def start() -> Iterator[Any]:
    """Starts browsers, each with a profile of its own."""
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        if required():
            raise
        pytest.skip("playwright is not installed")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        if required():
            pytest.fail(f"none of {', '.join(BROWSERS)} is installed")
        pytest.skip("no Chromium is installed")
    with sync_playwright() as playwright:
        yield lambda folder, **more: playwright.chromium.launch_persistent_context(
            str(folder), executable_path=program, args=OPTIONS, offline=True, accept_downloads=True, **more
        )
