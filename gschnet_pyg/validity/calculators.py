"""ASE calculators by name, and what they measure on molecules; Å in, eV out."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError, get_calculator_class
from ase.calculators.names import names as known_to_ase

from gschnet_pyg.data.readers import bar
from gschnet_pyg.data.sources import DEMO
from gschnet_pyg.errors import DataError
from gschnet_pyg.validity.checks import Molecule
from gschnet_pyg.validity.demo_calculator import DemoCalculator


def load_calculator(name: str) -> Any:
    """Make an ASE calculator.

    Args:
        name: ``demo`` for that of the demo set; one that ASE knows (``emt``, ``orca``), made with its defaults; or
            ``module:attribute``, of a module that is installed or in the working directory, where the attribute is a
            calculator, or a class or function that makes one when it is called without arguments.

    Raises:
        DataError: if there is none of that name, it needs a package that is not installed, or it cannot be made.
    """
    if name == DEMO:
        return DemoCalculator()  # type: ignore[no-untyped-call]
    with _modules_from_here():
        return _made(name)


@contextmanager
def _modules_from_here() -> Iterator[None]:
    """Modules in the working directory can be imported, as with ``python -m``."""
    before = list(sys.path)
    sys.path.insert(0, str(Path.cwd()))
    importlib.invalidate_caches()  # the file may be new
    try:
        yield
    finally:
        sys.path[:] = before


def _made(name: str) -> Any:
    """As :func:`load_calculator`."""
    maker = _attribute(name) if ":" in name else _class_of_ase(name)
    is_calculator = not isinstance(maker, type) and hasattr(maker, "get_property")
    if not is_calculator and not callable(maker):
        raise DataError(f"calculator {name}: is neither a class nor a function that makes an ASE calculator")
    try:
        calculator = maker if is_calculator else maker()
    except Exception as error:  # whatever a calculator objects to
        raise DataError(
            f"calculator {name}: cannot be made without arguments ({_in_a_line(error)}); "
            "name a function of your own that makes it, as module:attribute"
        ) from error
    if not callable(getattr(calculator, "get_property", None)):
        raise DataError(f"calculator {name}: gives {type(calculator).__name__}, which is no ASE calculator")
    return calculator


def measure(calculator: Any, property_name: str, z: np.ndarray, pos: np.ndarray) -> float | None:
    """One property of one molecule; several of the same molecule in a row cost one calculation.

    Args:
        calculator: ASE's.
        property_name: as the calculator calls it, ``energy`` among them; what it does not call a property may be among
            the results of its calculation of the energy, as a gap often is.
        z: ``[N]`` atomic numbers.
        pos: ``[N, 3]`` Å.

    Returns:
        The number in ASE's units, eV for energies, or none if the calculator lacks the property.

    Raises:
        ValueError: if it gives anything but one finite number.
        Exception: whatever the calculator raises when it fails for this molecule.
    """
    atoms = Atoms(numbers=z, positions=pos)
    try:
        value = calculator.get_property(property_name, atoms)
    except PropertyNotImplementedError:
        try:
            calculator.get_property("energy", atoms)
        except PropertyNotImplementedError:
            return None
        value = getattr(calculator, "results", {}).get(property_name)
    if value is None:
        return None
    if np.size(value) != 1:
        raise ValueError(f"{property_name} has {np.size(value)} components, one is needed")
    number = float(np.ravel(value)[0])
    if not np.isfinite(number):
        raise ValueError(f"{property_name} is {number}")
    return number


@dataclass(frozen=True)
class Measured:
    """One property of many molecules.

    Attributes:
        values: ``[M]`` eV; NaN where there is none.
        is_lacking: the calculator does not have the property at all.
        failed: molecules that the calculator failed for.
        failure: what it said of the first one.
    """

    values: np.ndarray
    is_lacking: bool = False
    failed: int = 0
    failure: str | None = None


def measure_all(
    calculator: Any, property_names: Sequence[str], molecules: Sequence[Molecule], *, progress: bool = True
) -> dict[str, Measured]:
    """Properties of molecules by name; failures are counted.

    A property that the calculator lacks for the first molecule that it does not fail for is not asked for again.

    Args:
        calculator: ASE's.
        property_names: as for ``measure``; different ones.
        molecules: ``(z [N], pos [N, 3] Å)`` each.
        progress: show a bar on a terminal.
    """
    values = {name: np.full(len(molecules), np.nan) for name in property_names}
    failures: dict[str, list[str]] = {name: [] for name in property_names}
    lacking: set[str] = set()
    for index, (z, pos) in enumerate(bar(molecules, "measuring", progress)):
        for name in property_names:
            if name in lacking:
                continue
            try:
                value = measure(calculator, name, z, pos)
            except Exception as error:  # calculators raise what they like; it is counted and reported
                failures[name].append(_in_a_line(error))
                continue
            if value is not None:
                values[name][index] = value
            elif index == len(failures[name]):
                lacking.add(name)
            else:
                failures[name].append(f"no {name} among its results")
    return {
        name: Measured(values[name], name in lacking, len(failures[name]), next(iter(failures[name]), None))
        for name in property_names
    }


def _attribute(name: str) -> Any:
    """``module:attribute``."""
    module_name, _, path = name.partition(":")
    if not module_name or not path:
        raise DataError(f"calculator {name}: is not of the form module:attribute, as in tblite.ase:TBLite")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise DataError(
            f"calculator {name}: there is no module {error.name}, neither here nor installed; install it, or put its "
            "folder on PYTHONPATH"
        ) from error
    except Exception as error:  # it is code of the user's
        raise DataError(f"calculator {name}: {module_name} cannot be imported ({_in_a_line(error)})") from error
    if not hasattr(module, path):
        raise DataError(f"calculator {name}: {module_name} has no {path}{_alike(path, dir(module))}")
    return getattr(module, path)


def _class_of_ase(name: str) -> Any:
    try:
        return get_calculator_class(name)  # type: ignore[no-untyped-call]
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("ase.calculators"):
            raise DataError(f"calculator {name}: needs the package {error.name}; install it") from error
        known = f"ASE knows none of that name{_alike(name, known_to_ase)}"
    except (ImportError, AttributeError, ValueError) as error:
        known = f"ASE cannot make it ({_in_a_line(error)})"
    raise DataError(f"calculator {name}: {known}; name one of your own as module:attribute")


def _alike(name: str, names: Sequence[str]) -> str:
    """The nearest name as a question, where there is one."""
    spelling = {each.lower(): each for each in names}
    near = get_close_matches(name.lower(), spelling, n=1)
    return f" (is it {spelling[near[0]]}?)" if near else ""


def _in_a_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
