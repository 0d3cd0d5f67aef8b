"""Frontier orbitals by extended Hückel theory."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rdkit import Chem
from rdkit.Chem import rdEHTTools

_ELEMENTS = {1, 6, 7, 8, 9}
_lock = threading.Lock()


def huckel_gap(mol: Chem.Mol) -> float | None:
    """Lowest empty minus highest occupied orbital, eV.

    Rough, but instant: 14 eV for hexane, 5 for ethylene, 4.5 for benzene.

    Args:
        mol: closed-shell molecule of H, C, N, O and F with all hydrogens and one conformer.

    Returns:
        The gap; none if the calculation fails.

    Raises:
        ValueError: if there is another element. Of some the library has no parameters, and it would end the process.

    Source:
        Hoffmann, J. Chem. Phys. 39, 1397 (1963), by the YAeHMOP library in RDKit.
    """
    if strange := {atom.GetSymbol() for atom in mol.GetAtoms() if atom.GetAtomicNum() not in _ELEMENTS}:
        raise ValueError(f"{min(strange)} is none of the elements H, C, N, O and F")
    with _quiet_errors():
        succeeded, found = rdEHTTools.RunMol(mol)
    n_occupied = found.numElectrons // 2
    if not succeeded or not 0 < n_occupied < found.numOrbitals:
        return None
    energies = found.GetOrbitalEnergies()
    return float(energies[n_occupied] - energies[n_occupied - 1])


@contextmanager
def _quiet_errors() -> Iterator[None]:
    """Discard what the library writes to the process's standard error: it finds every OH bond suspiciously short.

    Python's own ``sys.stderr`` is not what it writes to. One thread at a time; the library works on globals anyway.
    """
    with _lock, open(os.devnull, "wb") as nowhere:
        kept = os.dup(2)
        try:
            os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
