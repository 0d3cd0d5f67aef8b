"""Neighbours against brute force, and the twin against torch_cluster."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from ase.data import covalent_radii

from gschnet_pyg import neighbors as rooms
from gschnet_pyg.contracts import Cutoffs
from gschnet_pyg.neighbors import Pairs, neighbors, pairs_within, propose_all, propose_by_cluster

needs_cluster = pytest.mark.skipif(not rooms.HAS_TORCH_CLUSTER, reason="torch-cluster is not installed")


@pytest.fixture(params=["torch_cluster", "twin"])
def _either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "torch_cluster" and not rooms.HAS_TORCH_CLUSTER:
        pytest.skip("torch-cluster is not installed")
    monkeypatch.setattr(rooms, "HAS_TORCH_CLUSTER", request.param == "torch_cluster")


def cloud(n: int, size: float, seed: int) -> torch.Tensor:
    return torch.rand(n, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * size


def as_set(pairs: Pairs) -> set[tuple[int, int]]:
    found = list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    assert len(set(found)) == len(found)
    return set(found)


def brute_force(pos: torch.Tensor, ptr: list[int], cutoff: float) -> set[tuple[int, int]]:
    return {
        (i, j)
        for start, end in itertools.pairwise(ptr)
        for i, j in itertools.combinations(range(start, end), 2)
        if float(np.linalg.norm(pos[i].numpy() - pos[j].numpy())) < cutoff
    }


@pytest.mark.usefixtures("_either_way")
@pytest.mark.parametrize("n", [2, 33, 60, 150])
def test_everyone_inside_one_cutoff(n: int) -> None:
    """A default of 32 neighbours, as torch_cluster has it, would lose pairs here."""
    pos = cloud(n, 2.0, seed=n)
    assert as_set(pairs_within(pos, torch.tensor([0, n]), 4.0)) == brute_force(pos, [0, n], 4.0)


@pytest.mark.usefixtures("_either_way")
def test_batch_of_unequal_molecules() -> None:
    ptr = [0, 1, 70, 72, 72, 140]
    pos = cloud(ptr[-1], 5.0, seed=1)
    pairs = pairs_within(pos, torch.tensor(ptr), 2.5)
    assert as_set(pairs) == brute_force(pos, ptr, 2.5)
    assert bool((pairs.first < pairs.second).all())


@pytest.mark.usefixtures("_either_way")
def test_boundary_is_outside() -> None:
    pos = torch.tensor([[0.0, 0, 0], [1.7, 0, 0], [0, np.nextafter(1.7, 0), 0]], dtype=torch.float64)
    assert as_set(pairs_within(pos, torch.tensor([0, 3]), 1.7)) == {(0, 2)}


@pytest.mark.usefixtures("_either_way")
def test_far_from_the_origin_nothing_changes() -> None:
    pos = cloud(40, 6.0, seed=3)
    moved = pairs_within(pos + 1000.0, torch.tensor([0, 40]), 3.0)
    assert as_set(moved) == as_set(pairs_within(pos, torch.tensor([0, 40]), 3.0))


@pytest.mark.usefixtures("_either_way")
def test_no_atoms_no_pairs() -> None:
    for ptr in ([0, 0, 0], [0]):
        assert len(pairs_within(torch.zeros(0, 3), torch.tensor(ptr), 5.0)) == 0


@pytest.mark.usefixtures("_either_way")
@pytest.mark.parametrize("reaches", [*itertools.permutations((1.0, 2.0, 3.0))])
def test_any_of_the_cutoffs_may_be_the_longest(reaches: tuple[float, float, float]) -> None:
    pos = torch.tensor([[0.0, 0, 0], [0.9, 0, 0], [0, 1.9, 0], [0, 0, 2.9]], dtype=torch.float64)
    near = neighbors(
        torch.ones(4, dtype=torch.long), pos, torch.tensor([0, 4]), Cutoffs(*reaches, covalent_factor=None)
    )
    for pairs, reach in zip((near.model, near.prediction, near.placement), reaches, strict=True):
        assert as_set(pairs) == brute_force(pos, [0, 4], reach)


@pytest.mark.usefixtures("_either_way")
def test_the_covalent_reach_is_outside() -> None:
    reach = 1.1 * (covalent_radii[6] + covalent_radii[1])
    for distance, n_pairs in ((reach, 0), (np.nextafter(reach, 0.0), 1)):
        pos = torch.tensor([[0.0, 0, 0], [distance, 0, 0]], dtype=torch.float64)
        near = neighbors(torch.tensor([6, 1]), pos, torch.tensor([0, 2]), Cutoffs(5.0, 5.0, 5.0, covalent_factor=1.1))
        assert len(near.placement) == n_pairs


@pytest.mark.usefixtures("_either_way")
@pytest.mark.parametrize("cutoff", [0.01, 0.5, 1.0, 50.0])
def test_one_bit_inside_the_cutoff_is_inside(cutoff: float) -> None:
    pos = torch.tensor([[0.0, 0, 0], [np.nextafter(cutoff, 0.0), 0, 0]], dtype=torch.float64)
    assert len(pairs_within(pos, torch.tensor([0, 2]), cutoff)) == 1


@pytest.mark.usefixtures("_either_way")
def test_distances_are_in_double_precision() -> None:
    pairs = pairs_within(cloud(9, 2.0, 0).float(), torch.tensor([0, 9]), 5.0)
    assert len(pairs) == 36
    assert pairs.distance.dtype == torch.float64


@needs_cluster
@pytest.mark.parametrize("seed", range(5))
def test_twin_is_exact(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ptr = torch.tensor([0, 30, 31, 95, 160])
    pos = cloud(160, 6.0, seed)
    by_cluster = pairs_within(pos, ptr, 3.0)
    monkeypatch.setattr(rooms, "HAS_TORCH_CLUSTER", False)
    by_twin = pairs_within(pos, ptr, 3.0)
    for name in ("first", "second", "distance"):
        assert torch.equal(getattr(by_cluster, name), getattr(by_twin, name)), name


@needs_cluster
def test_both_propose_pairs_of_the_same_molecule_only() -> None:
    ptr = torch.tensor([0, 5, 12])
    molecule = torch.tensor([0] * 5 + [1] * 7)
    for propose in (propose_by_cluster, propose_all):
        first, second = propose(cloud(12, 1.0, 0), ptr, 2.0)
        assert torch.equal(molecule[first], molecule[second])


@pytest.mark.usefixtures("_either_way")
def test_three_cutoffs_and_covalent_radii() -> None:
    z = torch.tensor([6, 1, 1, 8])
    pos = torch.tensor([[0.0, 0, 0], [1.09, 0, 0], [0, 1.4, 0], [0, 0, 3.0]], dtype=torch.float64)
    near = neighbors(z, pos, torch.tensor([0, 4]), Cutoffs(3.1, 1.8, 1.7, covalent_factor=1.1))
    reach = 1.1 * (covalent_radii[6] + covalent_radii[1])
    assert 1.09 < reach < 1.4
    assert as_set(near.placement) == {(0, 1)}
    assert as_set(near.prediction) == {(0, 1), (0, 2), (1, 2)}
    assert as_set(near.model) == {(0, 1), (0, 2), (1, 2), (0, 3)}
    without_radii = neighbors(z, pos, torch.tensor([0, 4]), Cutoffs(3.1, 1.8, 1.7, covalent_factor=None))
    assert as_set(without_radii.placement) == {(0, 1), (0, 2)}


@pytest.mark.parametrize("error", ["OSError('undefined symbol')", "RuntimeError('other CUDA')", "ImportError('no')"])
def test_the_twin_serves_where_torch_cluster_was_built_for_another_torch(tmp_path: Path, error: str) -> None:
    """In a process of its own, since the choice is made once."""
    (tmp_path / "torch_cluster.py").write_text(f"raise {error}")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import torch; from gschnet_pyg import neighbors\n"
        "pairs = neighbors.pairs_within(torch.zeros(3, 3), torch.tensor([0, 3]), 1.0)\n"
        "print(len(pairs), neighbors.HAS_TORCH_CLUSTER, neighbors.WHY_TWIN)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.startswith("3 False ")
