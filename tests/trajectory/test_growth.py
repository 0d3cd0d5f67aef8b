"""Facts about trajectories that begin with a fragment, and about the rules of the next atom."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from gschnet_pyg.contracts import Cutoffs, Growth, PlacementSteps, Trajectory, Vocabulary
from gschnet_pyg.errors import DisconnectedMolecule
from gschnet_pyg.trajectory.collate import PlacementCollate
from gschnet_pyg.trajectory.sample import draw_steps, sample_trajectory
from tests.molecules import SMILES, molecule, molecules
from tests.trajectory.test_sample import placement_neighbors

CUTOFFS, VOCABULARY = Cutoffs(), Vocabulary()
STOP = VOCABULARY.stop
HALF = Growth(fragment_share=0.5)
FINISHED_HALF = Growth(fragment_share=0.5, finished_fragment=True)


def sample(mol: Data, growth: Growth, seed: int = 0) -> Trajectory:
    return sample_trajectory(mol, CUTOFFS, torch.Generator().manual_seed(seed), growth=growth)


def fragment_of(trajectory: Trajectory) -> list[int]:
    n_atoms = int(trajectory.n_placed[0]) if len(trajectory.n_placed) else len(trajectory.order)
    return trajectory.order[:n_atoms].tolist()


@pytest.mark.parametrize("next_atom", ["center", "focus", "random", "index"])
@pytest.mark.parametrize("finished", [False, True])
@pytest.mark.parametrize("smiles", SMILES)
def test_a_fragment_grows_into_its_molecule(smiles: str, finished: bool, next_atom) -> None:
    mol = molecule(smiles)
    near = placement_neighbors(mol)
    for seed in range(3):
        trajectory = sample(mol, Growth(True, 0.5, finished, next_atom), seed)
        placed = fragment_of(trajectory)
        closed = {atom for atom in placed if near[atom] <= set(placed)} if finished else set()
        n_left = len(mol.z) - len(placed)
        assert sorted(trajectory.order) == list(range(len(mol.z)))
        assert (trajectory.next_z != STOP).sum() == n_left
        assert (trajectory.next_z == STOP).sum() == len(mol.z) - len(closed)
        for focus, next_z, n_placed in zip(trajectory.focus, trajectory.next_z, trajectory.n_placed, strict=True):
            assert n_placed == len(placed)
            assert focus in placed
            assert focus not in closed
            if next_z == STOP:
                assert near[focus] <= set(placed)
                closed.add(int(focus))
            else:
                new = int(trajectory.order[n_placed])
                assert new in near[focus]
                assert new not in placed
                assert next_z == mol.z[new]
                placed.append(new)
        assert closed == set(range(len(mol.z)))


@pytest.mark.parametrize("smiles", SMILES)
def test_fragments_hang_together_and_have_every_size_up_to_their_share(smiles: str) -> None:
    mol = molecule(smiles)
    near = placement_neighbors(mol)
    fragments = [fragment_of(sample(mol, HALF, seed)) for seed in range(150)]
    assert {len(fragment) for fragment in fragments} == set(range(1, len(mol.z) // 2 + 1))
    assert {fragment[0] for fragment in fragments} == set(range(len(mol.z)))
    for fragment in fragments:
        assert all(near[atom] & set(fragment[:k]) for k, atom in enumerate(fragment) if k)


def test_the_fragment_has_at_least_one_atom() -> None:
    assert len(fragment_of(sample(molecule("C"), Growth(fragment_share=0.01)))) == 1


def test_a_share_of_atoms_is_not_lost_to_rounding() -> None:
    """0.29 x 100 is 28.999... in floating point."""
    chain = Data(z=torch.full((100,), 6), pos=torch.arange(100.0, dtype=torch.float64)[:, None] * torch.eye(3)[0] * 1.5)
    assert max(len(fragment_of(sample(chain, Growth(fragment_share=0.29), seed))) for seed in range(200)) == 29


def test_a_fragment_that_is_the_whole_molecule_still_learns_its_stops() -> None:
    mol = molecule("O")
    sizes = set()
    for seed in range(20):
        trajectory = sample(mol, Growth(fragment_share=1.0, finished_fragment=True), seed)
        sizes.add(int(trajectory.n_placed[0]))
        assert (trajectory.next_z == STOP).sum() >= 1
    assert 3 in sizes


def test_a_fragment_does_not_hide_a_molecule_in_two_pieces() -> None:
    mol = molecule("C")
    mol.pos[-1] += 5.0
    for seed in range(10):
        with pytest.raises(DisconnectedMolecule, match="atoms cannot be reached"):
            sample(mol, FINISHED_HALF, seed)


def nearest_candidates(mol: Data, trajectory: Trajectory, measure) -> None:
    """Every placed atom has the smallest measure of the unplaced neighbours of its focus."""
    near = placement_neighbors(mol)
    for focus, next_z, n_placed in zip(trajectory.focus, trajectory.next_z, trajectory.n_placed, strict=True):
        if focus >= 0 and next_z != STOP:
            candidates = near[focus] - set(trajectory.order[:n_placed].tolist())
            chosen = trajectory.order[n_placed]
            assert measure(focus, chosen) == min(measure(focus, atom) for atom in candidates)


@pytest.mark.parametrize("share", [None, 0.5])
@pytest.mark.parametrize("smiles", ["CC(N)C(=O)O", "C1CC1C#N"])
def test_the_next_atom_follows_the_rule(smiles: str, share: float | None) -> None:
    mol = molecule(smiles)
    pos = mol.pos.numpy()
    measures = {
        "center": lambda focus, atom: np.linalg.norm(pos[atom]),
        "focus": lambda focus, atom: float((mol.pos[atom] - mol.pos[focus]).norm()),
        "index": lambda focus, atom: atom,
    }
    for next_atom, measure in measures.items():
        nearest_candidates(mol, sample(mol, Growth(True, share, next_atom=next_atom)), measure)


def test_random_rule_is_uniform() -> None:
    """Each hydrogen of methane is the first to come as often as the others."""
    growth = Growth(next_atom="random")
    first = [int(sample(molecule("C"), growth, seed).order[1]) for seed in range(800)]
    counts = np.bincount(first, minlength=5)[1:]
    assert abs(counts - 200).max() < 45  # 3.7 standard errors


@pytest.mark.parametrize("growth", [Growth(next_atom="random"), Growth(True, 0.5, next_atom="random")])
def test_the_seed_decides_what_is_drawn(growth: Growth) -> None:
    mol = molecule("CC(N)C(=O)O")
    again, other = sample(mol, growth, 3), sample(mol, growth, 4)
    np.testing.assert_array_equal(again.order, sample(mol, growth, 3).order)
    assert again.order.tolist() != other.order.tolist()


def test_any_neighbour_of_a_fragment_joins_it() -> None:
    """Of the fragments that begin with methane's carbon, each hydrogen is the second atom as often as the others."""
    fragments = [fragment_of(sample(molecule("C"), Growth(fragment_share=1.0), seed)) for seed in range(2000)]
    second = [fragment[1] for fragment in fragments if fragment[0] == 0 and len(fragment) > 1]
    counts = np.bincount(second, minlength=5)
    assert counts[0] == 0
    assert abs(counts[1:] - len(second) / 4).max() < 4 * np.sqrt(len(second) * 3 / 16)


def test_growth_needs_something_to_start_from() -> None:
    with pytest.raises(ValueError, match="fragment_share"):
        Growth(has_origin=False)
    for share in (0.0, 1.1, -0.5):
        with pytest.raises(ValueError, match="fragment_share"):
            Growth(fragment_share=share)
    with pytest.raises(ValueError, match="must be one of center, focus"):
        Growth(next_atom="nearest")  # type: ignore[arg-type]


def collate(growth: Growth, steps_drawn: int | None = None, mols: list[Data] | None = None) -> PlacementSteps:
    return PlacementCollate(VOCABULARY, CUTOFFS, steps_drawn, growth=growth)(mols or molecules())


def test_batches_hold_all_steps_of_trajectories_of_any_length() -> None:
    mols = molecules()
    trajectories = [sample(mol, FINISHED_HALF, mol.seed) for mol in mols]
    steps = collate(FINISHED_HALF)
    assert steps.step_molecule.bincount().tolist() == [len(t.focus) for t in trajectories]
    expected = VOCABULARY.class_of[np.concatenate([t.next_z for t in trajectories])]
    np.testing.assert_array_equal(steps.next_class, expected)
    assert len(steps.node_type) == sum((t.n_placed + 1).sum() for t in trajectories)


def test_labels_are_the_distances_from_fragment_to_next_atom() -> None:
    mol = molecule("CC(N)C(=O)O", seed=5)
    steps, trajectory = collate(HALF, mols=[mol]), sample(mol, HALF, 5)
    step = steps.predictor_step[steps.labelled_predictor].numpy()
    focus_pos = mol.pos.numpy()[trajectory.focus[step]]
    predictor_pos = focus_pos + steps.predictor_pos[steps.labelled_predictor].numpy()
    next_pos = mol.pos.numpy()[trajectory.order[trajectory.n_placed[step]]]
    np.testing.assert_allclose(
        steps.labelled_distance, np.linalg.norm(next_pos - predictor_pos, axis=1), atol=1e-5, rtol=0
    )


def test_steps_are_drawn_from_those_of_the_trajectory() -> None:
    steps = collate(FINISHED_HALF, 4)
    assert steps.n_steps == 4 * len(molecules())
    few = sample(molecule("C"), FINISHED_HALF)
    assert len(draw_steps(len(few.focus), 100, torch.Generator())) == len(few.focus)
