"""Molecules made on the spot, and things that can happen to a worker process; workers import this: no torch."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
from rdkit import Chem
from rdkit.Chem import AllChem

from gschnet_pyg.validity.checks import Examined, Molecule, ValidityOptions, examine

HANGS, DIES, EATS_MEMORY, RAISES = 101, 102, 103, 104
"""Elements that bring down ``examine_with_accidents``."""


def embed(smiles: str) -> Molecule:
    """Hydrogens added, relaxed with MMFF94."""
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert AllChem.EmbedMolecule(mol, randomSeed=7) == 0
    if AllChem.MMFFHasAllMoleculeParams(mol):
        AllChem.MMFFOptimizeMolecule(mol)
    return np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()]), mol.GetConformer().GetPositions()


def without(molecule: Molecule, *atoms: int) -> Molecule:
    z, pos = molecule
    return np.delete(z, atoms), np.delete(pos, atoms, axis=0)


def line(*atoms: tuple[int, float]) -> Molecule:
    """Atoms on the x axis: atomic number and position, Å."""
    z, x = zip(*atoms, strict=True)
    return np.array(z), np.array([(value, 0.0, 0.0) for value in x])


def examine_with_accidents(molecule: Molecule, options: ValidityOptions) -> Examined:
    accident(int(molecule[0][0]) if len(molecule[0]) else 0)
    return examine(molecule, options)


def accident(kind: int) -> int:
    if kind == HANGS:
        time.sleep(3600)
    if kind == DIES:
        os.kill(os.getpid(), signal.SIGSEGV)
    if kind == EATS_MEMORY:
        np.ones(8 << 30, dtype=np.uint8)
    if kind == RAISES:
        raise KeyError("a bug")
    return kind
