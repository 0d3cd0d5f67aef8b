"""One molecule relaxed by MMFF94.

Worker processes import this module: it needs NumPy and RDKit only, so that they start quickly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdForceFieldHelpers
from rdkit.ForceField import rdForceField  # noqa: F401 (older releases know what the helpers return only then)

from gschnet_pyg.bonds import PerceptionOptions, canonical_smiles, perceive
from gschnet_pyg.validity.checks import Molecule

MAX_ITERATIONS = 5_000
"""Of the minimisation; molecules of QM9's size take some tens."""


@dataclass(frozen=True)
class Relaxed:
    """What became of a molecule in the next minimum.

    Attributes:
        energy: by which it went down.
        rmsd: Å, of all atoms between the two geometries after superposition.
        same_bonds: the same bonds are perceived in both geometries.
    """

    energy: float
    rmsd: float
    same_bonds: bool


def relax(molecule: Molecule, options: PerceptionOptions, max_iterations: int = MAX_ITERATIONS) -> Relaxed | str:
    """Minimise the energy of one molecule by MMFF94, from the geometry that it has.

    The force field keeps the perceived bonds in place; that they are kept means that the coordinates still show them.

    Args:
        molecule: ``(z [N], pos [N, 3] Å)``.
        options: how bonds are perceived.
        max_iterations: of the minimisation.

    Returns:
        Energy in kcal/mol, RMSD and bonds; or the reason why not: ``not_valid``, ``no_parameters`` (the force field
        lacks an atom type), ``not_converged``.

    Source:
        Halgren, J. Comput. Chem. 17, 490 (1996), as RDKit has it (Tosco et al., J. Cheminform. 6, 37 (2014)).
    """
    z, pos = (np.asarray(array) for array in molecule)
    mol = perceive(z, pos, options=options).mol
    if mol is None:
        return "not_valid"
    name = canonical_smiles(mol, stereo=False)
    with rdBase.BlockLogs():
        parameters = rdForceFieldHelpers.MMFFGetMoleculeProperties(mol, mmffVariant="MMFF94")
        if parameters is None:
            return "no_parameters"
        found = _minimise(mol, parameters, max_iterations)
    if found is None:
        return "not_converged"
    energy, relaxed = found
    return Relaxed(energy, superposed_rmsd(pos, relaxed), perceived_name((z, relaxed), options) == name)


def perceived_name(molecule: Molecule, options: PerceptionOptions) -> str | None:
    """Canonical SMILES without stereochemistry; none where the molecule is not valid."""
    mol = perceive(*molecule, options=options).mol
    return None if mol is None else canonical_smiles(mol, stereo=False)


def superposed_rmsd(first: np.ndarray, second: np.ndarray) -> float:
    """Smallest root mean square distance of two geometries under translation and rotation, not reflection.

    Args:
        first: ``[N, 3]`` Å, at least one atom.
        second: ``[N, 3]`` Å, atoms in the same order, of equal weight.

    Source:
        Kabsch, Acta Crystallogr. A 32, 922 (1976).
    """
    a, b = (np.asarray(pos, dtype=np.float64) - np.mean(pos, axis=0, dtype=np.float64) for pos in (first, second))
    u, _, vt = np.linalg.svd(a.T @ b)
    u[:, -1] *= np.sign(np.linalg.det(u @ vt))
    return float(np.sqrt(((a @ (u @ vt) - b) ** 2).sum() / len(a)))


def _minimise(mol: Chem.Mol, parameters: Any, max_iterations: int) -> tuple[float, np.ndarray] | None:
    """Energy lost in kcal/mol and the relaxed positions; the molecule is changed. None without a minimum."""
    field = rdForceFieldHelpers.MMFFGetMoleculeForceField(mol, parameters)
    before = field.CalcEnergy()
    try:
        is_unfinished = field.Minimize(maxIts=max_iterations)
    except RuntimeError:  # the search along a line fails where forces are not finite
        return None
    energy, relaxed = before - field.CalcEnergy(), mol.GetConformer().GetPositions()
    if is_unfinished or not np.isfinite(energy) or not np.isfinite(relaxed).all():
        return None
    return max(0.0, energy), relaxed  # at a minimum rounding may raise it
