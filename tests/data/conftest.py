"""Small molecules, and the demo set made once for all tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.data.demo import open_demo


@pytest.fixture(autouse=True)
def user_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test touches the real cache of the user."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user-cache"))
    return tmp_path / "user-cache" / "gschnet_pyg"


@pytest.fixture
def molecules() -> list[Atoms]:
    """Water, methane, benzene and ethanol with two properties each."""
    atoms = [molecule(name) for name in ("H2O", "CH4", "C6H6", "CH3CH2OH")]
    for number, each in enumerate(atoms):
        each.info = {"gap": 1.5 + number, "dipole_vector": np.arange(3) + 0.5 * number, "comment": "text"}
    return atoms


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> MoleculeDataset:
    """The demo set, built once."""
    return open_demo(cache_dir=tmp_path_factory.mktemp("demo"), progress=False)
