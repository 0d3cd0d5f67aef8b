"""Run the fast tests with the oldest and the newest versions of the dependencies that pyproject.toml allows.

Each set goes into a fresh virtual environment. The oldest versions are the lower bounds themselves, those of the
tools that the tests use among them; what only formats, checks and documents the package is not installed. PyTorch and
torch-cluster are in both sets what the Makefile installs.

    python tests/compatibility.py both
    python tests/compatibility.py oldest --keep /tmp/environments tests/data -x
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOOLS = ("hatchling", "hypothesis", "playwright", "posebusters", "pytest")
"""Of the development dependencies: without them there are no fast tests."""
NOT_RUN = ("tests/docs", "tests/notebooks")
"""Tests of what is written with those other tools."""
TORCH = "torch"
"""Comes first, since torch-cluster is built against it."""


def declared() -> list[str]:
    """What the package needs, and the tools of its fast tests, as pyproject.toml states it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    tools = [each for each in project["optional-dependencies"]["dev"] if name_of(each) in TOOLS]
    return [each for each in (*project["dependencies"], *tools) if name_of(each) != TORCH]


def name_of(requirement: str) -> str:
    """``numpy`` of ``numpy>=2.0``."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None, requirement
    return found[0]


def oldest(requirement: str) -> str:
    """``numpy==2.0`` of ``numpy>=2.0``."""
    found = re.fullmatch(r"([A-Za-z0-9._-]+)>=([0-9.]+)", requirement)
    if found is None:
        raise SystemExit(f"pyproject.toml: {requirement}: only a lower bound, NAME>=VERSION, can be tested")
    return f"{found[1]}=={found[2]}"


def torch_of_makefile() -> str:
    """The release of PyTorch that ``make setup`` installs."""
    found = re.search(r"^TORCH \?= (\S+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    return os.environ.get("TORCH") or found[1]


def install(environment: Path, which: str) -> Path:
    """Make an environment, or go on with one that is there; its Python."""
    python = environment / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--upgrade", "pip"], check=True)  # older ones search for hours where bounds are tight
    requirements = [oldest(each) if which == "oldest" else each for each in declared()]
    pins = [torch_of_makefile(), *(each for each in requirements if "==" in each)]
    constraints = environment / "constraints.txt"
    constraints.write_text("\n".join(pins) + "\n", encoding="utf-8")
    subprocess.run([*pip, torch_of_makefile(), "setuptools>=77", "wheel"], check=True)
    subprocess.run([*pip, "--no-build-isolation", "-c", constraints, "torch-cluster>=1.6.3"], check=True)
    subprocess.run([*pip, "-c", constraints, *requirements], check=True)
    subprocess.run([*pip, "--no-deps", "--editable", ROOT], check=True)
    return python


def versions(python: Path) -> dict[str, str]:
    """What was installed, by name."""
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return {normal(each["name"]): each["version"] for each in json.loads(listed.stdout)}


def normal(name: str) -> str:
    """Of several spellings the one."""
    return re.sub(r"[-_.]+", "-", name).lower()


@contextmanager
def place_for(kept: Path | None) -> Iterator[Path]:
    """For the environments: one that stays, or one that goes."""
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="compatibility-") as temporary:
        yield Path(temporary)


def main(arguments: Sequence[str] | None = None) -> int:
    """Install, test, and say what came of it; 0 if all tests pass."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=("oldest", "newest", "both"))
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the environments there, and use them again")
    options, pytest = parser.parse_known_args(arguments)
    which = ("oldest", "newest") if options.which == "both" else (options.which,)
    results: dict[str, tuple[dict[str, str], str]] = {}
    with place_for(options.keep) as place:
        for each in which:
            print(f"== {each}: installing into {place / each}", flush=True)
            try:
                python = install(place / each, each)
            except subprocess.CalledProcessError:
                results[each] = ({}, "not installed")
                continue
            left_out = (f"--ignore={folder}" for folder in NOT_RUN)
            code = subprocess.run([python, "-m", "pytest", "-q", *left_out, *pytest], cwd=ROOT).returncode
            results[each] = (versions(python), "passed" if code == 0 else f"failed ({code})")
    width = max(len(name_of(each)) for each in declared())
    print()
    for requirement in [torch_of_makefile(), "torch-cluster", *declared()]:
        name = name_of(requirement)
        found = "  ".join(f"{installed.get(normal(name), '-'):14}" for installed, _ in results.values())
        print(f"{name:{width}}  {found}")
    print(f"{'tests':{width}}  " + "  ".join(f"{outcome:14}" for _, outcome in results.values()))
    return int(any(outcome != "passed" for _, outcome in results.values()))


if __name__ == "__main__":
    sys.exit(main())
