"""One molecule examined, by RDKit and by EDM's rules.

Worker processes import this module: it must not import torch, neither itself nor through others, so that they start
quickly.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import rdkit
from rdkit import Chem

from gschnet_pyg.bonds import PerceptionOptions, canonical_smiles, heavy_atoms, perceive
from gschnet_pyg.validity.chemistry import find_groups, on_bits
from gschnet_pyg.validity.geometry import count_clashes
from gschnet_pyg.validity.stability import bond_orders, edm_smiles, is_stable

Molecule = tuple[np.ndarray, np.ndarray]
"""Atomic numbers ``[N]`` and positions ``[N, 3]`` in Å."""

Findings = dict[str, Any]
"""Fields of a ``Verdict`` by name; RDKit and EDM's rules each find some of them."""


class Contents(NamedTuple):
    """What a valid molecule is made of; bytes, since arrays take long to travel between processes.

    Attributes:
        z: ``[N]`` atomic numbers, uint8.
        pos: ``[N, 3]`` Å, float64.
        bonds: ``[B, 2]`` atoms of every bond, each bond once, int64.
        groups: places in ``chemistry.group_names``, uint8.
        on_bits: of the fingerprint, uint16.
    """

    z: bytes
    pos: bytes
    bonds: bytes
    groups: bytes
    on_bits: bytes


class Examined(NamedTuple):
    """Everything that is found out about a molecule; contents where it is valid by RDKit."""

    findings: Findings
    contents: Contents | None


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


def examine(molecule: Molecule, options: ValidityOptions) -> Examined:
    """By RDKit and by EDM's rules."""
    found = examine_by_rdkit(molecule, options)
    return Examined(found.findings | examine_by_edm(molecule), found.contents)


def examine_by_rdkit(molecule: Molecule, options: ValidityOptions) -> Examined:
    """Formula, SMILES or the reason why it is not valid; rings, clashes and contents of a valid molecule."""
    z, pos = (np.asarray(array) for array in molecule)
    perceived = perceive(z, pos, options=options)
    findings: Findings = {"formula": hill_formula(z), "smiles": None, "failure": perceived.failure}
    if (mol := perceived.mol) is None:
        return Examined(findings, None)
    adjacency = Chem.GetAdjacencyMatrix(mol)
    heavy = heavy_atoms(mol, stereo=options.stereo != "ignore")
    findings["smiles"] = _name(mol, heavy, options.stereo)
    findings["ring_sizes"] = tuple(sorted(map(len, mol.GetRingInfo().AtomRings())))
    findings["n_clashes"] = count_clashes(z, pos, adjacency)
    flat = heavy_atoms(heavy, stereo=False)
    contents = Contents(
        z=z.astype(np.uint8).tobytes(),
        pos=pos.astype(np.float64).tobytes(),
        bonds=np.argwhere(np.triu(adjacency)).tobytes(),
        groups=bytes(find_groups(flat)),
        on_bits=on_bits(flat).tobytes(),
    )
    return Examined(findings, contents)


def examine_by_edm(molecule: Molecule) -> Findings:
    """Stable atoms and the SMILES of the largest fragment. Without finite coordinates nothing is stable or valid."""
    z, pos = (np.asarray(array) for array in molecule)
    findings: Findings = {"n_atoms": len(z), "n_stable_atoms": 0, "edm_smiles": None}
    if np.isfinite(pos).all() and np.all((z >= 1) & (z <= 118)):
        orders = bond_orders(z, pos)
        findings["n_stable_atoms"] = int(is_stable(z, orders).sum())
        findings["edm_smiles"] = edm_smiles(z, orders)
    return findings


def _name(mol: Chem.Mol, heavy: Chem.Mol, stereo: Stereo) -> str:
    """Canonical SMILES; of mirror images that count as one, the lexicographically smaller.

    Args:
        mol: with its hydrogens.
        heavy: without, and with as much stereochemistry as tells molecules apart.
        stereo: which molecules are different.
    """
    smiles = str(Chem.MolToSmiles(heavy, isomericSmiles=stereo != "ignore"))
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
