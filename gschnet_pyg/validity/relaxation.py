"""How far molecules are from the next minimum: by MMFF94 in worker processes, by any ASE calculator in this one."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import astuple, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from ase.optimize import BFGS

from gschnet_pyg.contracts import Rate, Relaxation
from gschnet_pyg.data.readers import bar
from gschnet_pyg.errors import DataError
from gschnet_pyg.files import replace_file
from gschnet_pyg.untrusted import DAMAGE, sealed, unsealed
from gschnet_pyg.validity.checks import Molecule, ValidityOptions
from gschnet_pyg.validity.numbers import RMSD_BIN, STRAIN_BIN, STRAIN_BIN_KCAL, numbers_of
from gschnet_pyg.validity.pieces import Pieces
from gschnet_pyg.validity.reference import FlatMolecules
from gschnet_pyg.validity.samples import sample_rows
from gschnet_pyg.validity.strain import MAX_ITERATIONS, Relaxed, perceived_name, relax, superposed_rmsd
from gschnet_pyg.workers.pool import Lost, map_in_workers

Outcome = Relaxed | str
"""What became of a molecule, or the reason why it was not relaxed."""

_MMFF = ("MMFF94", "kcal/mol", STRAIN_BIN_KCAL)
_FORMAT = 2  # of cached outcomes; another one whenever a molecule would be relaxed otherwise
_log = logging.getLogger(__name__)


def relax_by_mmff(
    molecules: Sequence[Molecule],
    rows: Sequence[int] | np.ndarray,
    options: ValidityOptions,
    *,
    workers: int | None = None,
    progress: bool = True,
) -> Relaxation:
    """Relax molecules by MMFF94 in worker processes.

    Args:
        molecules: ``(z [N], pos [N, 3] Å)`` each.
        rows: of those that are to be relaxed, valid ones.
        options: how bonds are perceived, and the seconds that a molecule may take; one that takes longer fails as
            ``timeout``, one that takes its worker down as ``crash``, others as ``strain.relax`` says.
        workers: most processes to start; one per available core by default; 0 for this process, where nothing
            interrupts a molecule that hangs.
        progress: show a bar on a terminal.
    """
    outcomes = _relaxed_by_mmff([molecules[row] for row in rows], options, workers, progress)
    return _summary(*_MMFF, rows, outcomes)


def reference_relaxation(
    molecules: FlatMolecules,
    valid_rows: Sequence[int] | np.ndarray,
    n: int,
    options: ValidityOptions,
    *,
    seed: int = 0,
    cache: Path | None = None,
    force: bool = False,
    workers: int | None = None,
    progress: bool = True,
) -> Relaxation:
    """Relax a sample of reference molecules by MMFF94, or take the result from the cache.

    Args:
        molecules: all of the reference.
        valid_rows: of those that are valid.
        n: molecules to draw.
        options: as for :func:`relax_by_mmff`.
        seed: of the sample.
        cache: folder to keep results in, under the hash of the sample, the options and RDKit's version.
        force: relax again whatever is kept.
        workers: as for :func:`relax_by_mmff`.
        progress: show a bar on a terminal.
    """
    rows = sample_rows(valid_rows, n, seed)
    pieces = Pieces(np.asarray(molecules.z), np.asarray(molecules.pos), np.asarray(molecules.offsets))
    sample = [pieces[row] for row in rows.tolist()]
    path = cache / f"strain-{_key(rows, sample, options)}.json" if cache else None
    outcomes = None if path is None or force else _load(path, len(rows))
    if outcomes is None:
        outcomes = _relaxed_by_mmff(sample, options, workers, progress)
        if path is not None:
            _save(outcomes, path)
    return _summary(*_MMFF, rows, outcomes)


def check_forces(calculator: Any, name: str) -> None:
    """Refuse a calculator that says that it has no forces, before any work is done.

    Args:
        calculator: ASE's.
        name: for messages.

    Raises:
        DataError: naming it.
    """
    if "forces" not in getattr(calculator, "implemented_properties", ["forces"]):
        raise DataError(_without_forces(name))


def relax_by_calculator(
    molecules: Sequence[Molecule],
    rows: Sequence[int] | np.ndarray,
    calculator: Any,
    name: str,
    options: ValidityOptions,
    *,
    max_steps: int = 500,
    fmax: float = 0.05,
    workers: int | None = None,
    progress: bool = True,
) -> Relaxation:
    """Relax molecules by an ASE calculator in this process, with ASE's BFGS; energies are in eV.

    A molecule that is not valid, does not converge or is one that the calculator fails for counts as a failure;
    the reason of the last holds what the calculator said of the first one. Bonds are perceived in worker processes.

    Args:
        molecules: ``(z [N], pos [N, 3] Å)`` each.
        rows: of those that are to be relaxed, valid ones.
        calculator: that gives energies and forces.
        name: of it.
        options: how bonds are perceived.
        max_steps: of the minimisation.
        fmax: eV/Å; no force is larger in the minimum.
        workers: for the perception of bonds; as for :func:`relax_by_mmff`.
        progress: show a bar on a terminal.

    Raises:
        DataError: if the calculator has no forces.
    """
    check_forces(calculator, name)
    chosen = [molecules[row] for row in rows]
    before = _names(chosen, options, workers)
    found: list[tuple[float, np.ndarray] | str] = []
    messages: list[str] = []
    for (z, pos), smiles in bar(list(zip(chosen, before, strict=True)), f"relaxing by {name}", progress):
        try:
            found.append("not_valid" if smiles is None else _minimise(calculator, z, pos, max_steps, fmax))
        except PropertyNotImplementedError as error:
            raise DataError(_without_forces(name)) from error
        except Exception as error:  # calculators raise what they like; it is counted and reported
            lines = str(error).strip().splitlines()
            messages.append(": ".join([type(error).__name__, *lines[:1]]))
            found.append(f"error ({messages[0]})")
    relaxed = [(z, each[1]) for (z, _), each in zip(chosen, found, strict=True) if not isinstance(each, str)]
    after = iter(_names(relaxed, options, workers))
    outcomes: list[Outcome] = [
        each if isinstance(each, str) else Relaxed(each[0], superposed_rmsd(pos, each[1]), next(after) == smiles)
        for each, (_, pos), smiles in zip(found, chosen, before, strict=True)
    ]
    return _summary(name, "eV", STRAIN_BIN, rows, outcomes)


def beside(found: Relaxation, reference: Relaxation | None) -> Relaxation:
    """The relaxation of generated molecules with that of reference molecules, of which only the numbers are kept."""
    if reference is None:
        return found
    return replace(found, reference=replace(reference, molecules=(), pairs=(), reference=None))


def _relaxed_by_mmff(
    chosen: Sequence[Molecule], options: ValidityOptions, workers: int | None, progress: bool
) -> list[Outcome]:
    outcomes = _applied(partial(relax, options=options), chosen, options, workers)
    shown = bar(outcomes, "relaxing", progress, len(chosen))
    return [outcome.value if isinstance(outcome, Lost) else outcome for outcome in shown]


def _names(chosen: Sequence[Molecule], options: ValidityOptions, workers: int | None) -> list[str | None]:
    """SMILES without stereochemistry of what is valid; perception may hang on what a calculator has made."""
    names = _applied(partial(perceived_name, options=options), chosen, options, workers)
    return [None if isinstance(name, Lost) else name for name in names]


def _applied(
    function: partial[Any], chosen: Sequence[Molecule], options: ValidityOptions, workers: int | None
) -> Iterator[Any]:
    if workers == 0:
        return map(function, chosen)
    return map_in_workers(function, chosen, workers=workers, timeout=options.timeout)


def _minimise(
    calculator: Any, z: np.ndarray, pos: np.ndarray, max_steps: int, fmax: float
) -> tuple[float, np.ndarray] | str:
    """Energy lost in eV and the relaxed positions, or the reason why not."""
    atoms = Atoms(numbers=z, positions=pos)
    atoms.calc = calculator
    before = _finite(atoms)
    is_converged = BFGS(atoms, logfile=None).run(fmax=fmax, steps=max_steps)  # type: ignore[no-untyped-call]
    return (before - _finite(atoms), atoms.get_positions()) if is_converged else "not_converged"  # type: ignore[no-untyped-call]


def _finite(atoms: Atoms) -> float:
    """Energy, eV."""
    energy, forces = float(atoms.get_potential_energy()), np.asarray(atoms.get_forces(), dtype=np.float64)  # type: ignore[no-untyped-call]
    if not np.isfinite(energy) or forces.shape != (len(atoms), 3) or not np.isfinite(forces).all():
        raise ValueError("energy or forces are not finite")
    return energy


def _without_forces(name: str) -> str:
    return f"calculator {name}: gives no forces, so that it cannot relax molecules; name one that does"


def _summary(
    method: str, unit: str, bin_width: float, rows: Sequence[int] | np.ndarray, outcomes: Sequence[Outcome]
) -> Relaxation:
    relaxed = {int(row): each for row, each in zip(rows, outcomes, strict=True) if isinstance(each, Relaxed)}
    failures = Counter(each for each in outcomes if isinstance(each, str))
    return Relaxation(
        method=method,
        unit=unit,
        asked=len(outcomes),
        relaxed=len(relaxed),
        failures=dict(failures.most_common()),
        energy=numbers_of([each.energy for each in relaxed.values()], bin_width),
        rmsd=numbers_of([each.rmsd for each in relaxed.values()], RMSD_BIN),
        same_bonds=Rate(sum(each.same_bonds for each in relaxed.values()), len(relaxed)),
        molecules=tuple(relaxed),
        pairs=tuple((each.energy, each.rmsd) for each in relaxed.values()),
    )


def _key(rows: np.ndarray, sample: Sequence[Molecule], options: ValidityOptions) -> str:
    """Short hash of everything that decides the result."""
    settings = [_FORMAT, MAX_ITERATIONS, options.in_force()]
    digest = hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=8)
    digest.update(np.ascontiguousarray(rows, dtype=np.int64).data)
    for z, pos in sample:
        digest.update(np.ascontiguousarray(z, dtype=np.uint8).data)
        digest.update(np.ascontiguousarray(pos, dtype=np.float64).data)
    return digest.hexdigest()


def _save(outcomes: Sequence[Outcome], path: Path) -> None:
    content = [each if isinstance(each, str) else astuple(each) for each in outcomes]
    with replace_file(path) as temporary:
        temporary.write_text("".join(sealed(content)), encoding="utf-8")


def _load(path: Path, n: int) -> list[Outcome] | None:
    if not path.is_file():
        return None
    try:
        content = unsealed(path.read_text(encoding="utf-8"))
        outcomes: list[Outcome] = [each if isinstance(each, str) else Relaxed(*each) for each in content]
        if len(outcomes) != n:
            raise ValueError(f"{len(outcomes)} molecules in place of {n}")
    except DAMAGE as error:
        _log.warning("%s: damaged cache (%s), relaxed again", path, error)
        return None
    return outcomes
