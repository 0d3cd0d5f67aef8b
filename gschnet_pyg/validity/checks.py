"""One molecule examined, by RDKit and by EDM's rules.

Worker processes import this module: it must not import torch, neither itself nor through others, so that they start
quickly.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal, get_args

import numpy as np
import rdkit
from rdkit import Chem

from gschnet_pyg.bonds import PerceptionOptions, canonical_smiles, perceive
from gschnet_pyg.validity.stability import bond_orders, edm_smiles, is_stable

Molecule = tuple[np.ndarray, np.ndarray]
"""Atomic numbers ``[N]`` and positions ``[N, 3]`` in Å."""

Findings = dict[str, Any]
"""Fields of a ``Verdict`` by name; the type itself would bring torch."""

Stereo = Literal["keep", "no_enantiomers", "ignore"]
"""Which molecules that differ in stereochemistry alone are different ones."""


@dataclass(frozen=True)
class ValidityOptions(PerceptionOptions):
    """How molecules are judged.

    Args:
        stereo: ``keep``: stereoisomers are different molecules; ``no_enantiomers``: mirror images are one molecule,
            diastereomers are not; ``ignore``: all stereoisomers are one molecule.
        timeout: seconds that a worker process may spend on one molecule.
    """

    stereo: Stereo = "keep"
    timeout: float = 5.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.stereo not in get_args(Stereo):
            raise ValueError(f"stereo: {self.stereo!r} is none of {', '.join(get_args(Stereo))}")
        if self.timeout <= 0:
            raise ValueError("timeout: must be positive")

    def in_force(self) -> dict[str, Any]:
        """All options as JSON, with RDKit's version, which decides as well."""
        return {**asdict(self), "charges": list(self.charges), "rdkit": rdkit.__version__}


def examine(molecule: Molecule, options: ValidityOptions) -> Findings:
    """Everything that a verdict says of one molecule."""
    return examine_by_rdkit(molecule, options) | examine_by_edm(molecule)


def examine_by_rdkit(molecule: Molecule, options: ValidityOptions) -> Findings:
    """Formula, SMILES or the reason why it is not valid, and the geometry of a valid molecule."""
    z, pos = molecule
    perceived = perceive(z, pos, options=options)
    findings: Findings = {"formula": hill_formula(z), "smiles": None, "failure": perceived.failure}
    if (mol := perceived.mol) is not None:
        findings["smiles"] = _name(mol, options.stereo)
        findings["ring_sizes"] = tuple(sorted(len(ring) for ring in Chem.GetSymmSSSR(mol)))
        findings["bond_lengths"] = _bond_lengths(z, pos, mol)
    return findings


def examine_by_edm(molecule: Molecule) -> Findings:
    """Stable atoms and the SMILES of the largest fragment. Without finite coordinates nothing is stable or valid."""
    z, pos = (np.asarray(array) for array in molecule)
    findings: Findings = {"n_atoms": len(z), "n_stable_atoms": 0, "edm_smiles": None}
    if np.isfinite(pos).all() and np.all((z >= 1) & (z <= 118)):
        orders = bond_orders(z, pos)
        findings["n_stable_atoms"] = int(is_stable(z, orders).sum())
        findings["edm_smiles"] = edm_smiles(z, orders)
    return findings


def _name(mol: Chem.Mol, stereo: Stereo) -> str:
    """Canonical SMILES; of mirror images that count as one, the lexicographically smaller."""
    smiles = canonical_smiles(mol, stereo=stereo != "ignore")
    if stereo == "no_enantiomers" and "@" in smiles:  # without a centre it is its own mirror image
        return min(smiles, canonical_smiles(_mirror_image(mol)))
    return smiles


def _mirror_image(mol: Chem.Mol) -> Chem.Mol:
    """Reflected in the plane x = 0: every centre is inverted, double bonds stay as they are."""
    mirror = Chem.Mol(mol)
    conformer = mirror.GetConformer()
    conformer.SetPositions(conformer.GetPositions() * np.array([-1.0, 1.0, 1.0]))
    return mirror


def hill_formula(z: np.ndarray) -> str:
    """Formula in Hill order; ``X`` stands for anything that is not an element."""
    counts = Counter(_symbol(number) for number in np.asarray(z).tolist())
    first = ["C", "H"] if "C" in counts else []
    order = [symbol for symbol in first if symbol in counts] + sorted(counts.keys() - set(first))
    return "".join(f"{symbol}{counts[symbol] if counts[symbol] > 1 else ''}" for symbol in order)


@cache
def _symbol(number: int) -> str:
    return str(Chem.GetPeriodicTable().GetElementSymbol(number)) if 1 <= number <= 118 else "X"


@cache
def _pair(first: int, second: int) -> str:
    """``C-H``, ``C-N``: alphabetical, hydrogen last."""
    return "-".join(sorted((_symbol(first), _symbol(second)), key=lambda symbol: (symbol == "H", symbol)))


def _bond_lengths(z: np.ndarray, pos: np.ndarray, mol: Chem.Mol) -> dict[str, tuple[float, ...]]:
    """Å, by the elements of the bond."""
    ends = np.array([(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in mol.GetBonds()], dtype=int)
    first, second = ends.reshape(-1, 2).T
    length = np.linalg.norm(np.asarray(pos, dtype=np.float64)[first] - pos[second], axis=-1)
    lengths: dict[str, list[float]] = defaultdict(list)
    for i, j, value in zip(first.tolist(), second.tolist(), length.round(4).tolist(), strict=True):
        lengths[_pair(int(z[i]), int(z[j]))].append(value)
    return {pair: tuple(values) for pair, values in lengths.items()}
