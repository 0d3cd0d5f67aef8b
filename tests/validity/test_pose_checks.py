from __future__ import annotations

import sys

import numpy as np
import pytest

from gschnet_pyg.contracts import Rate
from gschnet_pyg.errors import DataError
from gschnet_pyg.validity import pose_checks as module
from gschnet_pyg.validity.checks import Molecule, ValidityOptions
from gschnet_pyg.validity.pose_checks import check_poses, require_posebusters
from tests.validity.molecules import HANGS, accident, embed, without

OPTIONS = ValidityOptions(timeout=60)


def flat_cyclohexane() -> Molecule:
    """Carbon atoms in a plane, hydrogen above and below it."""
    turn = np.arange(6) * np.pi / 3
    ring = np.stack([np.cos(turn), np.sin(turn), np.zeros(6)], axis=1)
    hydrogen = [2.16 * ring + np.array([0, 0, side]) for side in (0.89, -0.89)]
    return np.repeat([6, 1], [6, 12]), np.concatenate([1.53 * ring, *hydrogen])


def test_a_missing_package_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "posebusters", None)
    monkeypatch.delitem(sys.modules, "gschnet_pyg.validity.pose_worker", raising=False)
    with pytest.raises(DataError, match="pip install posebusters") as caught:
        check_poses([embed("CCO")], [0], OPTIONS)
    assert "\n" not in str(caught.value)


def test_good_molecules_pass_and_checks_count_what_they_apply_to(capfd: pytest.CaptureFixture[str]) -> None:
    posebusters = pytest.importorskip("posebusters")
    molecules = [embed("c1ccccc1O"), without(embed("C"), 4), embed("CC(C)=C(C)C"), embed("CCO")]
    found = check_poses(molecules, [0, 1, 2], OPTIONS, workers=1)
    assert found.version == posebusters.__version__ == require_posebusters()
    assert found.asked == 3
    assert found.failures == {"not_valid": 1}
    assert found.all_passed == Rate(2, 2)
    assert found.checks["sanitization"] == found.checks["bond_lengths"] == found.checks["internal_energy"] == Rate(2, 2)
    assert found.checks["aromatic_ring_flatness"] == found.checks["double_bond_flatness"] == Rate(1, 1)
    assert found.checks["non-aromatic_ring_non-flatness"] == Rate(0, 0)
    assert capfd.readouterr() == ("", "")


def test_a_flat_cyclohexane_does_not_pass() -> None:
    pytest.importorskip("posebusters")
    found = check_poses([embed("C1CCCCC1"), flat_cyclohexane()], [0, 1], OPTIONS, workers=1)
    assert found.failures == {}
    assert found.checks["non-aromatic_ring_non-flatness"] == Rate(1, 2)
    assert found.all_passed == Rate(1, 2)


def check_or_hang(molecule: Molecule, options: ValidityOptions, with_energy: bool) -> dict[str, bool | None] | str:
    n_atoms = len(molecule[0])
    accident(HANGS if n_atoms == 3 or (n_atoms == 5 and with_energy) else 0)
    return {"bond_lengths": True, "internal_energy": True if with_energy else None}


def test_what_takes_too_long_is_checked_again_without_its_energy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_worker", lambda: ("1.0", check_or_hang))
    molecules = [embed("C"), embed("CO"), embed("O")]
    found = check_poses(molecules, [0, 1, 2], ValidityOptions(timeout=2), workers=1)
    assert found.failures == {"timeout": 1}
    assert found.checks == {"bond_lengths": Rate(2, 2), "internal_energy": Rate(1, 1)}
    assert found.all_passed == Rate(2, 2)
