from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from gschnet_pyg.contracts import Cutoffs
from gschnet_pyg.data import arrays, connectivity
from gschnet_pyg.data.arrays import Collector
from gschnet_pyg.data.connectivity import connected
from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.data.sources import open_dataset
from gschnet_pyg.data.writing import write_database

PIECES = [
    molecule("CH3CH2OH"),
    Atoms("H2", [[0, 0, 0], [0, 0, 4.0]]),
    Atoms("H"),
    Atoms("H4", [[0, 0, 0], [9, 0, 0], [0, 0, 0.7], [9, 0, 0.7]]),  # two pieces whose atoms alternate
    molecule("H2O"),
    Atoms("C2", [[0, 0, 0], [0, 0, 1.68]]),  # inside 1.7 Å, outside 1.1 times the covalent radii
]
TOGETHER = [True, False, True, False, True, False]


def dataset(atoms: list[Atoms]) -> MoleculeDataset:
    collector = Collector("test")
    for number, each in enumerate(atoms):
        collector.add(number, each.numbers, each.positions, {})
    return MoleculeDataset(collector.finish())


@pytest.mark.parametrize("chunk", [1, 5, 50_000])
def test_pieces_are_told_apart_whatever_the_chunks(monkeypatch, chunk):
    monkeypatch.setattr(arrays, "PIECE_ATOMS", chunk)
    assert connected(dataset(PIECES), Cutoffs()).tolist() == TOGETHER


def test_the_covalent_factor_and_the_cutoff_decide():
    assert connected(dataset(PIECES), Cutoffs(covalent_factor=None))[5]
    assert connected(dataset(PIECES), Cutoffs(placement=5.0, covalent_factor=None))[1]
    assert not connected(dataset(PIECES), Cutoffs(placement=1.2))[0]


def test_the_answer_is_kept_with_the_data_by_the_settings_that_decide(tmp_path, monkeypatch):
    write_database(tmp_path / "a.db", PIECES)
    opened = open_dataset(tmp_path / "a.db", progress=False)
    assert connected(opened, Cutoffs(), progress=False).tolist() == TOGETHER
    calls = []
    original = connectivity._connected
    monkeypatch.setattr(connectivity, "_connected", lambda *a: calls.append(1) or original(*a))
    reopened = open_dataset(tmp_path / "a.db", progress=False)
    assert connected(reopened, Cutoffs(model=3.0), progress=False).tolist() == TOGETHER
    assert connected(reopened.subset([4, 1]), Cutoffs(), progress=False).tolist() == [True, False]
    assert calls == []
    assert connected(reopened, Cutoffs(covalent_factor=None), progress=False)[5]
    assert calls == [1]


@pytest.mark.shared
def test_almost_all_of_qm9_holds_together(shared, tmp_path):
    qm9 = open_dataset(shared / "data" / "qm9_geometries.npz", cache_dir=tmp_path, progress=False)
    answer = connected(MoleculeDataset(qm9.arrays.take(np.arange(0, len(qm9), 20))), Cutoffs(), progress=False)
    assert np.mean(answer) > 0.999
