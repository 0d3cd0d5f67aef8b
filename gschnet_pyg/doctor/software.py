"""Python, this package, and the packages that it needs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module, metadata, util
from pathlib import Path
from typing import Any

from gschnet_pyg import __version__
from gschnet_pyg.doctor.findings import Check

NEEDED_PYTHON = (3, 11)


def python() -> Check:
    """The interpreter."""
    version = ".".join(map(str, sys.version_info[:3]))
    found = f"{version}, {sys.executable}"
    if sys.version_info < NEEDED_PYTHON:
        return Check("Python", "problem", found, "install Python 3.11 or newer, and the package with that")
    return Check("Python", "ok", found)


def package() -> Check:
    """This package and its recipes."""
    from gschnet_pyg.recipe_files import recipe_folder, shipped_recipes

    found = f"{__version__}, {Path(__file__).parents[1]}"
    if not (recipes := shipped_recipes()):
        remedy = "install the package anew: pip install --force-reinstall --no-deps gschnet-pyg"
        return Check("gschnet_pyg", "problem", f"{found}; no recipes in {recipe_folder()}", remedy)
    return Check("gschnet_pyg", "ok", f"{found}; {len(recipes)} recipes")


def dependencies() -> Check:
    """Versions of all packages that this one says it needs."""
    name = "dependencies"
    try:
        stated = metadata.requires("gschnet-pyg") or []
    except metadata.PackageNotFoundError:
        return Check(name, "note", "the package runs without being installed", "pip install -e . in its folder")
    from packaging.requirements import Requirement

    needed = [each for each in map(Requirement, stated) if each.marker is None or each.marker.evaluate({"extra": ""})]
    lacking = [text for text in map(_lacking, needed) if text]
    if lacking:
        wanted = " ".join(f"'{each.name}{each.specifier}'" for each in needed if _lacking(each))
        return Check(name, "problem", "; ".join(lacking), f"pip install {wanted}")
    return Check(name, "ok", f"all {len(needed)} are there, and new enough")


def _lacking(requirement: Any) -> str | None:
    """What is wrong with an installed package, going by its metadata."""
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return f"{requirement.name} is not installed"
    if requirement.specifier.contains(version, prereleases=True):
        return None
    return f"{requirement.name} {version}, but {requirement.specifier} is needed"


def torch() -> Check:
    """PyTorch, its build and its threads."""

    def look(module: Any) -> str:
        build = f"CUDA {module.version.cuda}" if module.version.cuda else "CPU"
        if getattr(module.version, "hip", None):
            build = f"ROCm {module.version.hip}"
        total = float(module.ones(3).sum())
        if total != 3:
            raise ArithmeticError(f"1 + 1 + 1 gave {total}")
        return f"{module.__version__}, built for {build}, {module.get_num_threads()} threads"

    return tried("torch", "torch", look)


def torch_geometric() -> Check:
    """PyTorch Geometric."""
    return tried("torch-geometric", "torch_geometric.data", _version("torch_geometric"))


def lightning() -> Check:
    """Lightning."""
    return tried("Lightning", "lightning.pytorch", _version("lightning"))


def rdkit() -> Check:
    """RDKit, which perceives bonds."""

    def look(module: Any) -> str:
        if module.MolToSmiles(module.MolFromSmiles("OCC")) != "CCO":
            raise ValueError("it does not know ethanol")
        return str(import_module("rdkit").__version__)

    return tried("RDKit", "rdkit.Chem", look)


def ase() -> Check:
    """ASE, which reads and writes molecules."""
    return tried("ASE", "ase.db", _version("ase"))


def posebusters() -> Check:
    """PoseBusters, which is optional."""
    if util.find_spec("posebusters") is None:
        remedy = "pip install posebusters, for gschnet-pyg report --posebusters"
        return Check("PoseBusters", "note", "not installed; it is optional", remedy)
    return Check("PoseBusters", "ok", metadata.version("posebusters"))


def tried(name: str, module: str, look: Callable[[Any], str]) -> Check:
    """Import a module and use it."""
    package = module.split(".")[0]
    try:
        found = look(import_module(module))
    except ModuleNotFoundError as error:
        missing = (error.name or module).split(".")[0]
        # a package that is there may lack one that it needs
        found = "not installed" if missing == package else f"needs {missing}, which is not installed"
        return Check(name, "problem", found, f"pip install {missing.replace('_', '-')}")
    except Exception as error:
        found = f"is installed, but does not work: {type(error).__name__}: {error}"
        remedy = f"pip install --force-reinstall {package.replace('_', '-')}"
        return Check(name, "problem", " ".join(found.split())[:300], remedy)
    return Check(name, "ok", found)


def _version(package: str) -> Callable[[Any], str]:
    return lambda module: str(import_module(package).__version__)
