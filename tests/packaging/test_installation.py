"""From an environment with nothing but the wheel, and a folder that is no checkout: the demo from copy to report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
TORCH = os.environ.get("GSCHNET_TORCH", "torch==2.13.0")

pytestmark = pytest.mark.slow


def output(*command: object, folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:] or done.stdout[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """An empty folder, and variables that lead to a new environment and know nothing of the checkout."""
    place = tmp_path_factory.mktemp("installed")
    known = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    known |= {"XDG_CACHE_HOME": str(place / "cache"), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    dist, scripts, folder = place / "dist", place / "venv" / "bin", place / "elsewhere"
    folder.mkdir()
    output(sys.executable, "-m", "build", "--outdir", dist, REPOSITORY, folder=folder, environment=known)
    (wheel,), (_source,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    output(sys.executable, "-m", "venv", place / "venv", folder=folder, environment=known)
    output(scripts / "python", "-m", "pip", "install", "--quiet", TORCH, folder=folder, environment=known)
    output(scripts / "python", "-m", "pip", "install", "--quiet", wheel, folder=folder, environment=known)
    return folder, {**known, "PATH": f"{scripts}{os.pathsep}{known['PATH']}"}


def test_the_demo_from_the_wheel_alone(environment: tuple[Path, dict[str, str]]) -> None:
    folder, known = environment

    def shell(line: str) -> str:
        return output("bash", "-c", line, folder=folder, environment=known)

    where = shell("python -c 'import gschnet_pyg, sys; print(gschnet_pyg.__file__, *sys.path)'")
    assert str(REPOSITORY) not in where
    twin = "from gschnet_pyg.neighbors import HAS_TORCH_CLUSTER as there; print(there)"
    assert shell(f"python -c '{twin}'").strip() == "False"
    listed = shell("gschnet-pyg recipe list")
    recipes = (
        str(path.relative_to(REPOSITORY / "recipes").with_suffix(""))
        for path in (REPOSITORY / "recipes").rglob("*.yaml")
    )
    assert all(name in listed for name in recipes)
    shell("gschnet-pyg doctor")

    small = "model.features=16 model.interactions=2 training.max_steps=60 training.batch_size=32"
    told = shell(
        f"gschnet-pyg recipe copy demo && gschnet-pyg train demo.yaml run.id=demo {small} && "
        "gschnet-pyg generate runs/demo -n 40 --max-atoms 12 --seed 1 && "
        "gschnet-pyg report runs/demo/generated/1.db --reference runs/demo --json report.json --html report.html"
    )
    assert "40 molecules requested" in told
    report = json.loads((folder / "report.json").read_text())
    assert report["requested"] == 40
    assert "</html>" in (folder / "report.html").read_text()
    assert (folder / "demo.yaml").is_file()
    shell("python -m gschnet_pyg.cli --version")
