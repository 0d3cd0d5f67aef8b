"""Molecules as a table of wandb, to look at in 3D."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rdkit import Chem

from gschnet_pyg.bonds import PerceptionOptions, atom, perceive
from gschnet_pyg.contracts import Verdict


@dataclass(frozen=True)
class ShownMolecule:
    """A finished molecule with what was found about it.

    Attributes:
        number: of the attempt.
        z: ``[N]`` atomic numbers.
        pos: ``[N, 3]`` Å.
        verdict: on it.
        targets: what it was asked to be, by condition.
    """

    number: int
    z: np.ndarray
    pos: np.ndarray
    verdict: Verdict
    targets: Mapping[str, Any] = field(default_factory=dict)


COLUMNS = ("number", "molecule", "formula", "smiles", "valid", "reason", "stable", "atoms")
"""Of every table; ``target_...`` follow where molecules were asked to be something."""


def molecule_table(molecules: Sequence[ShownMolecule], perception: PerceptionOptions) -> Any:
    """A ``wandb.Table`` with a row for each molecule.

    Args:
        molecules: with the same targets all.
        perception: how bonds were found when the molecules were judged.
    """
    import wandb

    targets = list(molecules[0].targets) if molecules else []
    table = wandb.Table(columns=[*COLUMNS, *(f"target_{name}" for name in targets)], allow_mixed_types=True)
    for each in molecules:
        verdict = each.verdict
        table.add_data(
            each.number,
            _in_3d(each, perception),
            verdict.formula,
            verdict.smiles,
            verdict.is_valid,
            verdict.failure,
            verdict.is_stable,
            verdict.n_atoms,
            *(each.targets[name] for name in targets),
        )
    return table


def plain_target(value: np.ndarray) -> float | str:
    """A target as a cell of a table: a number, or several as text."""
    return float(value[0]) if len(value) == 1 else " ".join(f"{number:g}" for number in value)


def _in_3d(molecule: ShownMolecule, perception: PerceptionOptions) -> Any:
    """What wandb draws; none where there is nothing to be drawn."""
    import wandb

    if not len(molecule.z) or not np.isfinite(molecule.pos).all():
        return None
    mol = None
    if molecule.verdict.is_valid:  # RDKit has come to its end with these once; others it may never leave
        mol = perceive(molecule.z, molecule.pos, options=perception).mol
    caption = molecule.verdict.smiles or molecule.verdict.failure
    return wandb.Molecule.from_rdkit(
        mol or _bare(molecule.z, molecule.pos), caption=caption, convert_to_3d_and_optimize=False
    )


def _bare(z: np.ndarray, pos: np.ndarray) -> Chem.Mol:
    """Atoms without bonds, which the viewer finds by distance."""
    mol = Chem.RWMol()
    for number in z.tolist():
        mol.AddAtom(atom(number))
    conformer = Chem.Conformer(len(z))
    conformer.SetPositions(np.ascontiguousarray(pos, dtype=np.float64))
    mol.AddConformer(conformer)
    return mol.GetMol()
