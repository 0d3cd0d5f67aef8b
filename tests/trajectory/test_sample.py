"""Facts about trajectories."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from gschnet_pyg.contracts import Cutoffs, Trajectory
from gschnet_pyg.errors import DisconnectedMolecule
from gschnet_pyg.neighbors import neighbors
from gschnet_pyg.trajectory.sample import draw_steps, sample_trajectory
from tests.molecules import SMILES, molecule

CUTOFFS = Cutoffs()
STOP = 123


def sample(mol: Data, seed: int = 0) -> Trajectory:
    return sample_trajectory(mol, CUTOFFS, torch.Generator().manual_seed(seed))


def placement_neighbors(mol: Data) -> list[set[int]]:
    pairs = neighbors(mol.z, mol.pos, torch.tensor([0, len(mol.z)]), CUTOFFS).placement
    near: list[set[int]] = [set() for _ in mol.z]
    for a, b in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True):
        near[a].add(b)
        near[b].add(a)
    return near


@pytest.mark.parametrize("smiles", SMILES)
@pytest.mark.parametrize("seed", range(3))
def test_rebuilds_the_molecule(smiles: str, seed: int) -> None:
    mol = molecule(smiles)
    n = len(mol.z)
    trajectory = sample(mol, seed)
    assert sorted(trajectory.order) == list(range(n))
    assert len(trajectory.focus) == 2 * n
    assert (trajectory.next_z == STOP).sum() == n
    is_placement = trajectory.next_z != STOP
    np.testing.assert_array_equal(trajectory.next_z[is_placement], mol.z.numpy()[trajectory.order])
    np.testing.assert_array_equal(trajectory.n_placed, np.cumsum(is_placement) - is_placement)


@pytest.mark.parametrize("smiles", SMILES)
def test_every_step_obeys_the_rules(smiles: str) -> None:
    mol = molecule(smiles)
    near, distance = placement_neighbors(mol), mol.pos.norm(dim=1).numpy()
    trajectory = sample(mol, 1)
    placed: list[int] = []
    finished: set[int] = set()
    for step, focus in enumerate(trajectory.focus.tolist()):
        if step == 0:
            assert focus == -1
            assert trajectory.order[0] == np.argmin(distance)
            placed.append(int(trajectory.order[0]))
            continue
        assert focus in placed
        assert focus not in finished
        candidates = near[focus] - set(placed)
        if trajectory.next_z[step] == STOP:
            assert not candidates
            finished.add(focus)
        else:
            new = int(trajectory.order[trajectory.n_placed[step]])
            assert new in candidates
            assert distance[new] == min(distance[a] for a in candidates)
            placed.append(new)
    assert finished == set(range(len(mol.z)))


def test_equal_seeds_give_equal_trajectories() -> None:
    mol = molecule("CC(N)C(=O)O")
    first, second, other = sample(mol, 5), sample(mol, 5), sample(mol, 6)
    np.testing.assert_array_equal(first.focus, second.focus)
    np.testing.assert_array_equal(first.order, second.order)
    assert first.focus.tolist() != other.focus.tolist()


def test_focus_is_uniform_among_unfinished_atoms() -> None:
    """After methane's carbon and one hydrogen, each of the two is the next focus half of the time."""
    mol = molecule("C")
    focuses = [sample(mol, seed).focus[2] for seed in range(400)]
    assert abs(np.mean(np.equal(focuses, 0)) - 0.5) < 0.08  # 3.2 standard errors


def methane() -> Data:
    """Four hydrogens at exactly the same distance around a carbon in their middle, in the file as in space."""
    corner = 1.09 / np.sqrt(3) * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    return Data(z=torch.tensor([1, 1, 6, 1, 1]), pos=torch.as_tensor(np.insert(corner, 2, 0.0, axis=0)))


def test_ties_go_to_the_lower_index() -> None:
    """Hydrogens at the same distance are placed in the order of the file, whatever the walk."""
    for seed in range(10):
        assert sample(methane(), seed).order.tolist() == [2, 0, 1, 3, 4]


def test_a_seed_keeps_its_trajectory() -> None:
    """Runs that an earlier version began go on with the trajectories that it would have drawn."""
    assert sample(methane(), 0).focus.tolist() == [-1, 2, 0, 2, 1, 2, 3, 2, 2, 4]
    assert sample(methane(), 1).focus.tolist() == [-1, 2, 2, 2, 2, 1, 2, 3, 4, 0]


def test_a_single_atom_comes_and_stops() -> None:
    trajectory = sample(Data(z=torch.tensor([6]), pos=torch.zeros(1, 3, dtype=torch.float64)))
    assert trajectory.order.tolist() == [0]
    assert trajectory.focus.tolist() == [-1, 0]
    assert trajectory.next_z.tolist() == [6, STOP]
    assert trajectory.n_placed.tolist() == [0, 1]


def test_a_molecule_in_two_pieces_is_refused() -> None:
    mol = molecule("C")
    mol.pos[-1] += 5.0
    with pytest.raises(
        DisconnectedMolecule,
        match=r"1 of 5 atoms cannot be reached .*; leave the molecule out or enlarge the placement cutoff$",
    ):
        sample(mol)


def test_drawn_steps_are_distinct_ordered_and_cover_everything() -> None:
    generator = torch.Generator().manual_seed(0)
    seen = set()
    for _ in range(60):
        drawn = draw_steps(10, 4, generator).tolist()
        assert drawn == sorted(set(drawn))
        assert len(drawn) == 4
        seen |= set(drawn)
    assert seen == set(range(10))
    assert draw_steps(6, 10, generator).tolist() == list(range(6))
    assert draw_steps(6, None, generator).tolist() == list(range(6))
