"""A hundred thousand molecules are judged in little memory: of each a verdict stays, and nothing else."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from gschnet_pyg.data.writing import write_database
from gschnet_pyg.validity.checks import Contents, Examined, ValidityOptions
from gschnet_pyg.validity.judging import judge_all
from gschnet_pyg.validity.metrics import summarise
from gschnet_pyg.validity.results import load_judgement, save_judgement
from tests.faults.memory import watched
from tests.molecules import SMILES, coordinates

PER_MOLECULE = 1000
"""Bytes that may be allocated for each, whatever its number of atoms; its verdict takes half of them."""

WORKERS = 2 << 20
"""Bytes by which workers may differ that have judged few or many."""


def found_of(molecule, options: ValidityOptions) -> Examined:
    """What judging would give, each another molecule, without the time that it takes."""
    number = int(molecule[1][0, 0])
    smiles = f"CC(C)(N)C1CC1OC{'C' * (number % 7)}{number}"
    findings = {
        **{"formula": f"C{number % 50}H12", "smiles": smiles, "failure": None, "ring_sizes": (3, 6), "n_clashes": 0},
        **{"n_atoms": 40, "n_stable_atoms": 40, "edm_smiles": smiles + "C"},
    }
    bits = (np.arange(20, dtype=np.uint16) * 60 + number % 50).tobytes()
    z, pos, bonds = np.full(20, 6, dtype=np.uint8), np.arange(60.0).reshape(20, 3), np.array([[0, 1]])
    return Examined(findings, Contents(z.tobytes(), pos.tobytes(), bonds.tobytes(), bytes([1]), bits))


def judged(folder: Path, n_molecules: int) -> None:
    """Judged, kept, read again, and summed up."""
    molecules = ((np.array([6]), np.array([[float(number), 0, 0]])) for number in range(n_molecules))
    judgement = judge_all(molecules, ValidityOptions(), workers=0, progress=False, examine_one=found_of)
    assert len(judgement.verdicts) == n_molecules
    save_judgement(folder / "a.db", "key", judgement)
    del judgement
    again = load_judgement(folder / "a.db", "key")
    assert again is not None
    report = summarise(again, options=ValidityOptions())
    assert report.rdkit["valid_unique"].count == n_molecules


def test_of_each_molecule_a_verdict_stays(tmp_path):
    sizes, peaks = (1000, 6000), []
    judged(tmp_path, 10)  # what is imported is not counted
    for n_molecules in sizes:
        tracemalloc.start()
        judged(tmp_path, n_molecules)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (peaks[1] - peaks[0]) / (sizes[1] - sizes[0]) < PER_MOLECULE


def test_verdicts_share_what_they_have_in_common(tmp_path):
    molecules = [(np.array([6]), np.array([[float(number), 0, 0]])) for number in (0, 50)]
    made = judge_all(molecules, ValidityOptions(), workers=0, progress=False, examine_one=found_of)
    save_judgement(tmp_path / "a.db", "key", made)
    for judgement in (made, load_judgement(tmp_path / "a.db", "key")):
        first, second = judgement.verdicts
        assert first.formula is second.formula
        assert first.ring_sizes is second.ring_sizes
        assert not hasattr(first, "__dict__")


@pytest.mark.slow
def test_a_report_of_more_molecules_hardly_takes_more_memory(tmp_path):
    random, sizes, outcomes = np.random.default_rng(0), (5_000, 20_000), []
    for n_molecules in sizes:
        smiles = (SMILES[number % len(SMILES)] for number in range(n_molecules))
        molecules = (Atoms(z, pos + random.normal(scale=0.03, size=pos.shape)) for z, pos in map(coordinates, smiles))
        write_database(tmp_path / f"{n_molecules}.db", molecules)
        for more in ((), ("--json", "a.json")):  # judged, and read again
            outcome = watched("report", f"{n_molecules}.db", "--sample", 0, *more, cwd=tmp_path)
            assert outcome.code == 0, outcome.err
            outcomes.append(outcome)
        assert json.loads((tmp_path / "a.json").read_text())["finished"] == n_molecules
    judged, kept = zip(outcomes[:2], outcomes[2:], strict=True)
    for (few, many), bound in ((judged, PER_MOLECULE), (kept, 3 * PER_MOLECULE)):  # JSON begins as Python's containers
        assert (many.peak - few.peak) / (sizes[1] - sizes[0]) < bound
    assert judged[1].worker_peak - judged[0].worker_peak < WORKERS
