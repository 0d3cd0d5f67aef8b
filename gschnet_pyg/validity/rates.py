"""Classes of molecules, and shares of molecules and atoms with their denominators."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np

from gschnet_pyg.contracts import Rate, Verdict


@dataclass(frozen=True)
class MoleculeClasses:
    """Which of ``M`` molecules are valid, and first, unseen and novel among them.

    Attributes:
        is_valid: ``[M]`` valid by RDKit.
        is_unique: ``[M]`` valid, and the first with its SMILES.
        is_unseen: ``[M]`` unique, and not among training and validation molecules; none without a reference.
        is_novel: ``[M]`` unique, and not in the reference at all; none without a reference.
    """

    is_valid: np.ndarray
    is_unique: np.ndarray
    is_unseen: np.ndarray | None = None
    is_novel: np.ndarray | None = None

    @classmethod
    def of(cls, verdicts: Sequence[Verdict], seen: Set[str] | None, known: Set[str] | None) -> MoleculeClasses:
        """From verdicts and canonical SMILES.

        Args:
            verdicts: ``M`` of them.
            seen: SMILES of training and validation molecules, if there is a reference.
            known: SMILES of all reference molecules, if there is one.
        """
        first: dict[str, int] = {}
        for row, verdict in enumerate(verdicts):
            if verdict.smiles is not None:
                first.setdefault(verdict.smiles, row)

        def those(rows: list[int]) -> np.ndarray:
            mask = np.zeros(len(verdicts), dtype=bool)
            mask[rows] = True
            return mask

        def absent_from(others: Set[str] | None) -> np.ndarray | None:
            return None if others is None else those([row for smiles, row in first.items() if smiles not in others])

        return cls(
            is_valid=np.fromiter((verdict.is_valid for verdict in verdicts), dtype=bool),
            is_unique=those(list(first.values())),
            is_unseen=absent_from(seen),
            is_novel=absent_from(known),
        )


def rdkit_rates(
    verdicts: Sequence[Verdict], requested: int, seen: Set[str] | None, known: Set[str] | None
) -> dict[str, Rate | None]:
    """Valid molecules, and different SMILES among them: all, those not seen, those not known.

    Args:
        verdicts: of the finished molecules.
        requested: the denominator.
        seen: canonical SMILES of training and validation molecules, if there is a reference.
        known: canonical SMILES of all reference molecules, if there is one.
    """
    classes = MoleculeClasses.of(verdicts, seen, known)

    def rate(mask: np.ndarray | None) -> Rate | None:
        return None if mask is None else Rate(int(mask.sum()), requested)

    return {
        "valid": rate(classes.is_valid),
        "valid_unique": rate(classes.is_unique),
        "unseen": rate(classes.is_unseen),
        "novel": rate(classes.is_novel),
    }


def edm_rates(verdicts: Sequence[Verdict], requested: int) -> dict[str, Rate]:
    """EDM's four columns: atoms over all atoms that are there, molecules over the requested ones."""
    smiles = [verdict.edm_smiles for verdict in verdicts if verdict.edm_smiles is not None]
    return {
        "atom_stable": Rate(
            sum(verdict.n_stable_atoms for verdict in verdicts), sum(verdict.n_atoms for verdict in verdicts)
        ),
        "molecule_stable": Rate(sum(verdict.is_stable for verdict in verdicts), requested),
        "valid": Rate(len(smiles), requested),
        "valid_unique": Rate(len(set(smiles)), requested),
    }
