"""The built-in demo set: small organic molecules, enumerated and embedded here."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import rdkit
from rdkit import Chem, RDLogger, rdBase
from rdkit.Chem import rdDistGeom

from gschnet_pyg.bonds import PerceptionOptions, canonical_smiles, perceive
from gschnet_pyg.contracts import Cutoffs
from gschnet_pyg.data.arrays import Collector, MoleculeArrays
from gschnet_pyg.data.cache import cached, short_hash, user_cache
from gschnet_pyg.data.connectivity import connected
from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.data.embedding import relax
from gschnet_pyg.data.enumeration import enumerate_smiles
from gschnet_pyg.data.orbitals import huckel_gap
from gschnet_pyg.data.readers import bar

_FORMAT = 2  # raise it when the molecules or their properties change
_MAX_HEAVY = 7
_N_CANDIDATES = 5500
ENERGY, GAP = "mmff94_energy", "huckel_gap"
"""The properties of the demo set, eV."""


def open_demo(
    properties: Sequence[str] | None = None, cache_dir: Path | None = None, progress: bool = True
) -> MoleculeDataset:
    """Molecules of H, C, N, O and F with up to 7 heavy atoms, with MMFF94 energy and extended Hückel gap in eV.

    Made once, in well under a minute, and cached for this version of RDKit: all enumerated molecules with up to 6
    heavy atoms, and of those with 7 the ones whose SMILES have the lowest hash, 5,500 in all; coordinates by ETKDG
    with a seed from the SMILES, then MMFF94 to convergence; the gap belongs to that geometry. The few that fail, that
    RDKit does not perceive from their coordinates as what they are, or that fall apart under the default placement
    rule are left out.
    ``dataset.smiles`` lists what they are (stereochemistry is left to chance and not stated).

    Args:
        properties: ``mmff94_energy``, ``huckel_gap``, both or none; both by default.
        cache_dir: folder for the cache instead of the user's.
        progress: show bars while it is made.
    """
    state = short_hash([_FORMAT, rdkit.__version__])
    arrays = cached((cache_dir or user_cache()) / "demo", state, "all", lambda: _build(progress))
    return MoleculeDataset(arrays, properties)


def demo_smiles(cache_dir: Path | None = None, progress: bool = True) -> list[str]:
    """Canonical SMILES of the demo set, in its order, without stereochemistry."""
    return open_demo(cache_dir=cache_dir, progress=progress).smiles


def candidates(max_heavy: int = _MAX_HEAVY, number: int = _N_CANDIDATES, progress: bool = True) -> list[str]:
    """The enumerated molecules that the demo set is made of, by number of heavy atoms, then by hash.

    Args:
        max_heavy: largest number of heavy atoms.
        number: of molecules at most; those of the lowest hash among the largest are taken.
        progress: show a bar.
    """
    levels = enumerate_smiles(max_heavy, progress)
    return [smiles for level in levels for smiles in sorted(level, key=_hash)][:number]


def _hash(smiles: str) -> str:
    return hashlib.blake2b(smiles.encode(), digest_size=8).hexdigest()


def _build(progress: bool) -> MoleculeArrays:
    collector = Collector("demo")
    names: list[str] = []
    smiles = candidates(progress=progress)
    with _quiet_rdkit(), ThreadPoolExecutor(min(os.cpu_count() or 1, 16)) as pool:  # RDKit releases the interpreter
        for name, found in zip(smiles, bar(pool.map(embed, smiles), "demo set", progress, len(smiles)), strict=True):
            if found is not None:
                mol, properties = found
                z = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()])
                collector.add(len(names), z, mol.GetConformer().GetPositions(), properties)
                names.append(name)
    return _in_one_piece(replace(collector.finish(units={ENERGY: "eV", GAP: "eV"}), smiles=np.array(names)))


@contextmanager
def _quiet_rdkit() -> Iterator[None]:
    """Keep RDKit's logs off while threads use it, whose own blocks of the logs can overlap and leave them off."""
    enabled = [line.partition(":")[0] for line in rdBase.LogStatus().splitlines() if line.endswith(":enabled")]
    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for log in enabled:
            RDLogger.EnableLog(log)  # type: ignore[attr-defined]


def _in_one_piece(arrays: MoleculeArrays) -> MoleculeArrays:
    """Leave out molecules that fall apart under the default placement rule, and number the others from 0."""
    kept = arrays.take(np.flatnonzero(connected(MoleculeDataset(arrays), Cutoffs(), progress=False)))
    return replace(kept, ids=np.arange(len(kept)))


def embed(smiles: str) -> tuple[Chem.Mol, dict[str, float]] | None:
    """Coordinates of a molecule at a minimum of MMFF94, and its properties there.

    Args:
        smiles: canonical, without stereochemistry.

    Returns:
        Molecule with hydrogens and one conformer, and its energy and gap in eV; none if any step fails or if the
        bonds perceived from the coordinates are not those of the SMILES.
    """
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    settings = rdDistGeom.ETKDGv3()
    settings.randomSeed = zlib.crc32(smiles.encode()) % 2**31  # type: ignore[assignment]
    settings.maxIterations = 20  # type: ignore[assignment]
    if rdDistGeom.EmbedMolecule(mol, settings) != 0:
        return None
    energy = relax(mol)
    if energy is None or _perceived_smiles(mol) != smiles:
        return None
    if (gap := huckel_gap(mol)) is None:
        return None
    return mol, {ENERGY: energy, GAP: gap}


def _perceived_smiles(mol: Chem.Mol) -> str | None:
    """Canonical SMILES, without stereochemistry, of what is perceived from the coordinates alone."""
    z = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()])
    perceived = perceive(z, mol.GetConformer().GetPositions(), options=PerceptionOptions()).mol
    return None if perceived is None else canonical_smiles(perceived, stereo=False)
