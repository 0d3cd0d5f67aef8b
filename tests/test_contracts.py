from __future__ import annotations

import pytest

from gschnet_pyg.contracts import Rate
from tests.page.reports import entry


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [
        (8, 10, 0.4902, 0.9433),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (834, 1000, 0.8097, 0.8557),
        (0, 0, 0.0, 1.0),
    ],
)
def test_intervals_are_wilsons(count: int, of: int, low: float, high: float) -> None:
    assert Rate(count, of).interval == pytest.approx((low, high), abs=1e-4)
    assert Rate(of - count, of).interval == pytest.approx((1 - high, 1 - low), abs=1e-4)


COMPARISON = {"generated", "reference", "divergence"}
TYPED = {"unit", "bin_width", "divergence", "types"}
RATE = {"value", "count", "of"}
NUMBERS = {"n", "mean", "deviation", "quantiles", "bin_width", "histogram"}
RELAXATION = {"method", "unit", "asked", "relaxed", "failures", "energy", "rmsd", "same_bonds", "molecules", "pairs",
              "reference"}  # fmt: skip


def test_the_json_form_is_stable() -> None:
    """Programs read these keys: a change of any of them is a change of the format."""
    content = entry().report.to_json()
    assert content["format"] == 1
    assert set(content) == {
        *("format", "options", "requested", "finished", "timeouts", "rdkit", "edm", "rings", "distributions"),
        *("geometry", "chemistry", "reference", "targets", "verdicts", "source"),
    }
    assert set(content["rdkit"]) == {"valid", "valid_unique", "unseen", "novel", "failures"}
    assert set(content["edm"]) == {"atom_stable", "molecule_stable", "valid", "valid_unique"}
    for rate in (content["rdkit"]["novel"], content["edm"]["valid"], content["geometry"]["clashes"]):
        assert set(rate) == RATE
    distributions = content["distributions"]
    assert set(distributions) == {
        *("molecules", "reference_molecules", "atom_counts", "atom_types", "ring_sizes"),
        *("bond_lengths", "angles", "dihedrals"),
    }
    assert set(distributions["atom_counts"]) == COMPARISON
    assert set(distributions["angles"]) == TYPED
    assert all(set(each) == COMPARISON for each in distributions["bond_lengths"]["types"].values())
    for ring in content["rings"].values():
        assert set(ring) == {"rings", "per_molecule", "molecules", "reference_molecules"}
    geometry = content["geometry"]
    assert set(geometry) == {
        *("clashes", "reference_clashes", "origin_distance", "strain", "relaxation", "pose_checks"),
    }
    assert set(geometry["strain"]) == RELAXATION
    assert set(geometry["strain"]["energy"]) == set(geometry["origin_distance"]) == NUMBERS
    assert set(geometry["pose_checks"]) == {"version", "asked", "checks", "all_passed", "failures"}
    chemistry = content["chemistry"]
    assert set(chemistry) == {"functional_groups", "frequent", "similarity"}
    assert all(set(group) == {"molecules", "reference"} for group in chemistry["functional_groups"].values())
    assert all(set(each) == {"smiles", "formula", "count", "reference"} for each in chemistry["frequent"])
    assert set(chemistry["similarity"]) == {"trained", "asked", "unique", "unseen", "test", "molecules", "nearest"}
    assert set(content["reference"]) == {"molecules", "seen", "valid", "edm"}
    assert all(
        set(verdict)
        == {"formula", "smiles", "failure", "n_atoms", "n_stable_atoms", "edm_smiles", "ring_sizes", "n_clashes"}
        for verdict in content["verdicts"]
    )
