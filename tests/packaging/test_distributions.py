"""What the wheel and the source distribution hold."""

from __future__ import annotations

import email
import hashlib
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

from gschnet_pyg import __version__

pytest.importorskip("hatchling")
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

REPOSITORY = Path(__file__).parents[2]


def build_wheel(source: Path, folder: Path) -> Path:
    (wheel,) = WheelBuilder(str(source)).build(directory=str(folder), versions=["standard"])
    return Path(wheel)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(REPOSITORY, tmp_path_factory.mktemp("wheel"))


def contents(wheel: Path) -> dict[str, str]:
    """Names and digests of the files of the package."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith("gschnet_pyg/")]
        return {name: hashlib.sha256(archive.read(name)).hexdigest() for name in names}


def expected() -> set[str]:
    package = [path for path in (REPOSITORY / "gschnet_pyg").rglob("*") if path.is_file()]
    recipes = (REPOSITORY / "recipes").rglob("*.yaml")
    return {
        *(str(path.relative_to(REPOSITORY)) for path in package if "__pycache__" not in path.parts),
        *(f"gschnet_pyg/{path.relative_to(REPOSITORY)}" for path in recipes),
    }


def test_the_wheel_holds_the_package_its_assets_and_the_recipes_and_nothing_else(wheel: Path) -> None:
    found = contents(wheel)
    assert found.keys() == expected()
    for name in ("recipes/demo.yaml", "recipes/generate/demo.yaml", "page/templates/page.html", "py.typed"):
        assert f"gschnet_pyg/{name}" in found
    with zipfile.ZipFile(wheel) as archive:
        others = {name.split("/")[0] for name in archive.namelist()} - {"gschnet_pyg"}
    assert others == {f"gschnet_pyg-{__version__}.dist-info"}


def test_the_source_distribution_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    (path,) = SdistBuilder(str(REPOSITORY)).build(directory=str(tmp_path), versions=["standard"])
    with tarfile.open(path) as archive:
        archive.extractall(tmp_path, filter="data")
    source = tmp_path / f"gschnet_pyg-{__version__}"
    assert contents(build_wheel(source, tmp_path)) == contents(wheel)
    for name in ("tests/conftest.py", "docs/parity.md", "Makefile", "Dockerfile", "CITATION.cff", "LICENSE"):
        assert (source / name).is_file(), name


def test_metadata(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        metadata = email.message_from_bytes(archive.read(f"gschnet_pyg-{__version__}.dist-info/METADATA"))
        entry_points = archive.read(f"gschnet_pyg-{__version__}.dist-info/entry_points.txt").decode()
    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "MIT"
    assert "gschnet-pyg = gschnet_pyg.cli:main" in entry_points
    needed = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    assert not [line for line in needed if line.startswith("torch-cluster")]  # its twin serves
    assert {"cluster", "posebusters", "dev"} <= set(metadata.get_all("Provides-Extra"))


def test_the_citation_is_of_this_version_and_complete() -> None:
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert str(citation["version"]) == __version__
    for key in ("message", "title", "authors", "license"):
        assert citation[key], key
    assert len(citation["references"]) == 3
    for reference in citation["references"]:
        assert {"type", "title", "authors"} <= reference.keys()
        assert all({"family-names", "given-names"} <= author.keys() for author in reference["authors"])
        assert isinstance(reference["year"], int)
    assert "10.1038/s41467-022-28526-y" in [reference.get("doi") for reference in citation["references"]]
