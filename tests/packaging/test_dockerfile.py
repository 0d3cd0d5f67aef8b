"""The image for GPUs: linted, and built of the releases that the project is tested with."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
DOCKERFILE = REPOSITORY / "Dockerfile"


def test_the_linter_has_nothing_to_say() -> None:
    linter = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if linter is None:
        pytest.skip("hadolint is not installed (`make setup` does, on Linux)")
    found = subprocess.run([linter, "--no-color", DOCKERFILE], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")


def test_releases_are_those_of_make_setup() -> None:
    torch = re.search(r"ARG TORCH=(\S+)", DOCKERFILE.read_text())
    assert torch is not None
    assert f"TORCH ?= torch=={torch[1]}\n" in (REPOSITORY / "Makefile").read_text()


def test_everything_that_the_wheel_is_built_of_gets_into_the_image() -> None:
    let_in = {line.removeprefix("!") for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if "!" in line}
    assert let_in == {"gschnet_pyg", "recipes", "pyproject.toml", "README.md", "LICENSE"}
    assert all((REPOSITORY / name).exists() for name in let_in)
