"""One molecule from SMILES to coordinates: ETKDG conformers, the best of them by MMFF94."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from ase import units
from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers
from rdkit.ForceField import rdForceField  # noqa: F401 (older releases know what the helpers return only then)

FAILURES = {
    "empty": "no SMILES",
    "unreadable": "RDKit cannot read the SMILES",
    "fragments": "several fragments; give each molecule a line of its own",
    "no_element": "an atom that is no element",
    "no_parameters": "MMFF94 has no parameters for it",
    "no_conformer": "no coordinates found by distance geometry",
    "not_converged": "MMFF94 does not converge",
    "other_stereo": "the coordinates have another stereochemistry than the SMILES",
    "timeout": "took too long",
    "crash": "RDKit crashed or ran out of memory",
}
"""Why a SMILES has no coordinates, in words."""


_ATTEMPTS = 20  # for each conformer


@dataclass(frozen=True)
class Embedded:
    """A molecule with coordinates.

    Attributes:
        smiles: canonical.
        z: ``[N]`` atomic numbers, hydrogens included.
        pos: ``[N, 3]`` Å.
        energy: of MMFF94, eV.
        is_stereo_open: the SMILES leaves stereochemistry open, which the coordinates then have by chance.
    """

    smiles: str
    z: np.ndarray
    pos: np.ndarray
    energy: float
    is_stereo_open: bool


def embed_best(smiles: str, conformers: int = 10, seed: int = 0) -> Embedded | str:
    """Coordinates of a molecule: of several conformers the one of the lowest MMFF94 energy.

    The result depends on the molecule, the number of conformers and the seed alone: not on how its SMILES is written,
    nor on the molecules before it.

    Args:
        smiles: of one molecule; charges and radicals are fine where MMFF94 has parameters for them.
        conformers: how many are embedded, by ETKDGv3 or else by distance geometry alone, each relaxed to the next
            minimum.
        seed: of all molecules; each has a stream of its own.

    Returns:
        The molecule, or a key of ``FAILURES``.

    Source:
        Wang, Witek, Landrum, Riniker, J. Chem. Inf. Model. 60, 2044 (2020); Halgren, J. Comput. Chem. 17, 490 (1996);
        both as RDKit has them.
    """
    with rdBase.BlockLogs():
        parsed = _parsed(smiles)
        if isinstance(parsed, str):
            return parsed
        name = Chem.MolToSmiles(parsed)
        mol = Chem.AddHs(parsed)
        if not rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol):
            return "no_parameters"
        found = _conformers(mol, conformers, zlib.crc32(f"{seed} {name}".encode()) % 2**31)
        if not found:
            return "no_conformer"
        energies = {conformer: energy for conformer in found if (energy := relax(mol, conformer)) is not None}
        if not energies:
            return "not_converged"
        best = min(energies, key=energies.__getitem__)
        if not _has_stereo(mol, best, parsed):
            return "other_stereo"
        is_open = _is_stereo_open(parsed)
    z = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()], dtype=np.uint8)
    return Embedded(name, z, mol.GetConformer(best).GetPositions(), energies[best], is_open)


def relax(mol: Chem.Mol, conformer: int = -1) -> float | None:
    """Move a molecule to the next minimum of MMFF94.

    Args:
        mol: with hydrogens; its conformer is changed.
        conformer: id; the first one by default.

    Returns:
        The energy there, eV; none if MMFF94 lacks parameters or the search does not converge.
    """
    parameters = rdForceFieldHelpers.MMFFGetMoleculeProperties(mol)
    if parameters is None:
        return None
    field = rdForceFieldHelpers.MMFFGetMoleculeForceField(mol, parameters, confId=conformer)
    if field.Minimize(maxIts=5000) != 0:
        return None
    return float(field.CalcEnergy() * units.kcal / units.mol)


def _parsed(smiles: str) -> Chem.Mol | str:
    """The molecule with its atoms in canonical order, or why not."""
    if not smiles.strip():
        return "empty"
    mol = Chem.MolFromSmiles(smiles)
    if mol is None or not mol.GetNumAtoms():
        return "unreadable"
    if any(atom.GetAtomicNum() == 0 for atom in mol.GetAtoms()):
        return "no_element"
    if len(Chem.GetMolFrags(mol)) > 1:
        return "fragments"
    for atom in mol.GetAtoms():
        atom.SetAtomMapNum(0)
    return Chem.MolFromSmiles(Chem.MolToSmiles(mol)) or "unreadable"


def _conformers(mol: Chem.Mol, number: int, seed: int) -> list[int]:
    """Ids of embedded conformers.

    Where ETKDG's knowledge of crystal structures leads nowhere, as in strained cages, plain distance geometry often
    does. Few attempts at each: those that fail at first fail hundreds of times, which takes minutes.
    """
    plain = rdDistGeom.EmbedParameters()
    for settings, use_random in ((rdDistGeom.ETKDGv3(), False), (plain, False), (plain, True)):
        settings.randomSeed = seed  # type: ignore[assignment]
        settings.numThreads = 1  # type: ignore[assignment]
        settings.maxIterations = _ATTEMPTS  # type: ignore[assignment]
        settings.useRandomCoords = use_random  # type: ignore[assignment]
        if found := list(rdDistGeom.EmbedMultipleConfs(mol, number, settings)):
            return found
    return []


def _is_stereo_open(mol: Chem.Mol) -> bool:
    return any(each.specified == Chem.StereoSpecified.Unspecified for each in Chem.FindPotentialStereo(mol))


def _has_stereo(mol: Chem.Mol, conformer: int, wanted: Chem.Mol) -> bool:
    """Whether coordinates have the stereochemistry that is wanted, as far as it is stated."""
    seen = Chem.Mol(mol, confId=conformer)
    Chem.AssignStereochemistryFrom3D(seen)
    return bool(Chem.RemoveHs(seen).HasSubstructMatch(wanted, useChirality=True))
