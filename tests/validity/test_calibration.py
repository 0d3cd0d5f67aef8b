"""Real QM9 geometries score what was measured and published for them, within a point."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gschnet_pyg.contracts import ValidityReport
from gschnet_pyg.validity.checks import ValidityOptions
from gschnet_pyg.validity.judging import judge_all
from gschnet_pyg.validity.metrics import summarise

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def report(shared: Path) -> ValidityReport:
    with np.load(shared / "data" / "qm9_geometries.npz") as file:
        arrays = dict(file)
    offsets = np.concatenate([[0], np.cumsum(arrays["n_atoms"], dtype=np.int64)])
    rows = np.random.default_rng(0).permutation(len(offsets) - 1)[:8000]
    molecules = [(arrays["z"][slice(*offsets[i : i + 2])], arrays["pos"][slice(*offsets[i : i + 2])]) for i in rows]
    options = ValidityOptions()
    return summarise(judge_all(molecules, options), options=options)


@pytest.mark.parametrize(
    ("name", "percent"), [("atom_stable", 99.4), ("molecule_stable", 95.6), ("valid", 97.9), ("valid_unique", 97.9)]
)
def test_edm(report: ValidityReport, name: str, percent: float) -> None:
    assert 100 * report.edm[name].value == pytest.approx(percent, abs=1)


@pytest.mark.parametrize("name", ["valid", "valid_unique"])
def test_rdkit(report: ValidityReport, name: str) -> None:
    rate = report.rdkit[name]
    assert rate is not None
    assert 100 * rate.value == pytest.approx(94.1, abs=1)


def test_no_molecule_is_lost(report: ValidityReport) -> None:
    assert report.failures.keys() <= {"bond_orders", "sanitisation"}
