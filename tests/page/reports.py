"""Reports made by hand, around a few molecules made on the spot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from rdkit import Chem
from rdkit.Chem import AllChem

from gschnet_pyg.bonds import PerceptionOptions, canonical_smiles, perceive
from gschnet_pyg.contracts import (
    Chemistry,
    Comparison,
    Distributions,
    FrequentMolecule,
    FunctionalGroup,
    Geometry,
    Numbers,
    PoseChecks,
    Rate,
    ReferenceSummary,
    Relaxation,
    RingStatistics,
    Similarity,
    TargetComparison,
    TargetGroup,
    TypedComparison,
    ValidityReport,
    Verdict,
)
from gschnet_pyg.page.records import PageEntry
from gschnet_pyg.validity.checks import Molecule
from gschnet_pyg.validity.rates import MoleculeClasses, edm_rates, rdkit_rates

SMILES = ("CCO", "C=C", "c1ccccc1", "C[C@H](N)C(=O)O", "F/C=C/C", "C#N", "C1CC1", "CC(C)=O", "NC=O", "OC1CN1", "CCO")
OPTIONS = {"charges": [0], "charged_fragments": False, "radicals": False, "max_iterations": 10000, "stereo": "keep"}


def embed(smiles: str) -> Molecule:
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert AllChem.EmbedMolecule(mol, randomSeed=7) == 0
    return np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()]), mol.GetConformer().GetPositions()


@cache
def molecules() -> tuple[Molecule, ...]:
    """Valid ones, then a radical, two fragments, atoms at one place, no atoms, coordinates that are no numbers."""
    z, pos = embed("CCO")
    methane = embed("C")
    return (
        *(embed(smiles) for smiles in SMILES),
        (z[:-1], pos[:-1]),
        (np.concatenate([z, methane[0]]), np.concatenate([pos, methane[1] + 9])),
        (np.array([6, 6]), np.zeros((2, 3))),
        (np.array([], dtype=int), np.zeros((0, 3))),
        (np.array([8, 1, 1]), np.full((3, 3), np.nan)),
    )


def verdict(molecule: Molecule) -> Verdict:
    z, pos = molecule
    found = perceive(z, pos, options=PerceptionOptions())
    smiles = canonical_smiles(found.mol) if found.mol is not None else None
    counts = Counter(Chem.GetPeriodicTable().GetElementSymbol(int(number)) for number in z)
    formula = "".join(f"{symbol}{counts[symbol]}" for symbol in sorted(counts))
    stable = len(z) if smiles else max(len(z) - 1, 0)
    return Verdict(formula, smiles, found.failure, len(z), stable, smiles, n_clashes=0 if smiles else None)


def numbers(*values: float, bin_width: float = 1.0) -> Numbers:
    bins = Counter(f"{value // bin_width * bin_width:.2f}" for value in values)
    low, quarter, half, three_quarters, high = np.quantile(values, (0.05, 0.25, 0.5, 0.75, 0.95)).tolist()
    return Numbers(
        len(values), float(np.mean(values)), None, (low, quarter, half, three_quarters, high), bin_width, dict(bins)
    )


def comparison(generated: Mapping[str, int], reference: Mapping[str, int] | None) -> Comparison:
    return Comparison(generated, reference, None if reference is None else 0.125)


def report(*, compared: bool = True, full: bool = True, options: Mapping[str, Any] = OPTIONS) -> ValidityReport:
    """Eleven valid molecules of sixteen, and two attempts that were abandoned."""
    verdicts = tuple(map(verdict, molecules()))
    known = {"CCO", "C=C"} if compared else None
    requested = len(verdicts) + 2
    failures = Counter(each.failure for each in verdicts if each.failure)
    valid = [row for row, each in enumerate(verdicts) if each.is_valid]
    typed = TypedComparison(
        "Å",
        0.02,
        0.25 if compared else None,
        {"C-H": comparison({"1.08": 9, "1.10": 3}, {"1.08": 5} if compared else None)},
    )
    return ValidityReport(
        options=options,
        requested=requested,
        finished=len(verdicts),
        rdkit=rdkit_rates(verdicts, requested, known, known),
        failures={**failures, "unfinished": 2},
        edm=edm_rates(verdicts, requested),
        rings={"3": RingStatistics(2, 2 / 11, Rate(2, 11), Rate(1, 50) if compared else None)},
        distributions=Distributions(
            len(valid), 50 if compared else None,
            comparison({"9": 2, "6": 1}, {"9": 20} if compared else None),
            comparison({"C": 20, "H": 40, "O": 5}, {"C": 10} if compared else None),
            comparison({"3": 2, "6": 1}, {"6": 4} if compared else None),
            typed, typed, typed,
        ),
        geometry=geometry(valid) if full else Geometry(Rate(0, len(valid))),
        chemistry=chemistry(valid) if full else Chemistry({}, ()),
        reference=ReferenceSummary(50, 40, Rate(49, 50), edm_rates(verdicts, len(verdicts))) if compared else None,
        targets=targets(valid) if full else (),
        verdicts=verdicts,
        source={"file": "generated/1.db", "generation": {"temperature": 0.1}} if full else {},
    )  # fmt: skip


def geometry(valid: list[int]) -> Geometry:
    strain = Relaxation(
        "MMFF94", "kcal/mol", 3, 2, {"no_parameters": 1},
        numbers(3.5, 8.25), numbers(0.1, 0.3, bin_width=0.1), Rate(2, 2),
        molecules=(valid[0], valid[1]), pairs=((3.5, 0.1), (8.25, 0.3)),
    )  # fmt: skip
    checks = PoseChecks("0.6.5", 4, {"bond_lengths": Rate(3, 4)}, Rate(3, 4), {})
    return Geometry(Rate(1, len(valid)), Rate(0, 50), numbers(0.5, 1.5), strain, strain, checks)


def chemistry(valid: list[int]) -> Chemistry:
    similarity = Similarity(40, 1, numbers(0.75), numbers(0.5), None, (valid[0],), ((0.75, "CCCO"),))
    groups = {"alcohols": FunctionalGroup(Rate(3, len(valid)), Rate(5, 50))}
    return Chemistry(groups, (FrequentMolecule("CCO", "C2H6O", 2, 1),), similarity)


def targets(valid: list[int]) -> tuple[TargetComparison, ...]:
    overall = TargetGroup("all", None, 2, 2, 2, 5.0, 1.0, 0.25)
    gap = TargetComparison(
        "gap", "scalar", "eV", "demo", 2, overall=overall,
        groups=(TargetGroup("4", 4.0, 2, 2, 2, 4.25, 0.35, 0.25),), correlation=0.9,
        molecules=(valid[0], valid[1]), pairs=((4.0, 4.0), (4.0, 4.5)),
    )  # fmt: skip
    formula = TargetComparison(
        "composition", "composition", measured=1, overall=TargetGroup("all", None, 1, 1, 1, exact=Rate(1, 1)),
        groups=(TargetGroup("C2H6O", None, 1, 1, 1, exact=Rate(1, 1), exact_of_finished=Rate(1, 1)),),
        molecules=(valid[0],), pairs=(("C2H6O", "C2H6O"),),
    )  # fmt: skip
    return gap, formula, TargetComparison("alpha", "scalar", reason="name an ASE calculator")


def entry(name: str = "first.db", **kinds: Any) -> PageEntry:
    found = report(**kinds)
    known = {"CCO", "C=C"} if found.reference else None
    return PageEntry(name, found, molecules(), MoleculeClasses.of(found.verdicts, known, known))
