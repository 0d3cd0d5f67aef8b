"""Small molecules for tests, made with RDKit."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from ase.data import atomic_masses
from rdkit import Chem
from rdkit.Chem import AllChem
from torch_geometric.data import Data

SMILES = ("C", "CO", "CC=O", "c1ccccc1", "CC(N)C(=O)O", "C1CC1C#N", "OCC(F)CN", "CCCCCC")


@cache
def coordinates(smiles: str) -> tuple[np.ndarray, np.ndarray]:
    """Atomic numbers ``[N]`` and positions ``[N, 3]`` Å, centred on the centre of mass."""
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert AllChem.EmbedMolecule(mol, randomSeed=7) == 0
    AllChem.MMFFOptimizeMolecule(mol)
    z = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()])
    pos = mol.GetConformer().GetPositions()
    mass = atomic_masses[z]
    return z, pos - mass @ pos / mass.sum()


def molecule(smiles: str, seed: int = 0, number: int = 0) -> Data:
    """A molecule as the dataset gives it, with the seed of its trajectory."""
    z, pos = coordinates(smiles)
    return Data(z=torch.tensor(z), pos=torch.tensor(pos), id=torch.tensor([number]), seed=seed)


def molecules(seed: int = 0) -> list[Data]:
    """One of each."""
    return [molecule(smiles, seed + number, number) for number, smiles in enumerate(SMILES)]
