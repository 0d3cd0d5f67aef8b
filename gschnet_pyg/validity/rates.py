"""Shares of molecules and atoms, with their denominators."""

from __future__ import annotations

from collections.abc import Sequence, Set

from gschnet_pyg.contracts import Rate, Verdict


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
    smiles = {verdict.smiles for verdict in verdicts if verdict.smiles is not None}
    return {
        "valid": Rate(sum(verdict.is_valid for verdict in verdicts), requested),
        "valid_unique": Rate(len(smiles), requested),
        "unseen": None if seen is None else Rate(len(smiles - seen), requested),
        "novel": None if known is None else Rate(len(smiles - known), requested),
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
