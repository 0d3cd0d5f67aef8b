"""Noise moves what the steps see, and neither the trajectory nor where the next atom is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from gschnet_pyg.contracts import Cutoffs, Growth, Noise, PlacementSteps, Trajectory, Vocabulary
from gschnet_pyg.neighbors import neighbors
from gschnet_pyg.trajectory.collate import PlacementCollate
from gschnet_pyg.trajectory.sample import sample_trajectory
from tests.model.edge_list import neighbor_pairs
from tests.molecules import molecule, molecules

VOCABULARY = Vocabulary()
WIDE = Cutoffs(30.0, 20.0)
"""Every atom hears every other, and takes part in every prediction."""
BOTH = Noise(positions=0.1, origin=0.3)


def collate(mols: list[Data], noise: Noise, steps_drawn: int | None = None) -> PlacementSteps:
    return PlacementCollate(VOCABULARY, WIDE, steps_drawn, noise=noise)(mols)


def trajectory_of(mol: Data) -> Trajectory:
    return sample_trajectory(mol, WIDE, torch.Generator().manual_seed(mol.seed))


def predictor_site(steps: PlacementSteps) -> np.ndarray:
    """Site of every predictor, that of its focus for a focus token."""
    site = torch.cat([steps.node_site, steps.node_site[steps.focus_node]])
    return site[steps.predictor_node].numpy()


def pairs_of_sites(steps: PlacementSteps) -> dict[tuple[int, int], float]:
    """Distance of every two sites, the earlier first, that hear each other in some step of the only molecule."""
    receiver, sender, row = neighbor_pairs(steps)
    sites = zip(steps.node_site[receiver].tolist(), steps.node_site[sender].tolist(), strict=True)
    distance = steps.pair_distance[row].tolist()
    return {(i, j): d for (i, j), d in zip(sites, distance, strict=True) if i < j}


def predictor_pos(steps: PlacementSteps) -> np.ndarray:
    """Where the predictors are seen relative to the origin token."""
    is_origin = predictor_site(steps) == 0
    is_origin[-steps.n_steps :] = False  # in the first step the focus token sits on it
    origin = np.empty((steps.n_steps, 3))
    origin[steps.predictor_step[is_origin]] = steps.predictor_pos[is_origin]
    return steps.predictor_pos.numpy() - origin[steps.predictor_step]


def seen(mols: list[Data], noise: Noise) -> list[np.ndarray]:
    """Positions ``[N, 3]`` of the atoms of every molecule as its last step sees them, relative to the origin token."""
    steps = collate(mols, noise)
    pos, site, step = predictor_pos(steps), predictor_site(steps), steps.predictor_step.numpy()
    last = np.cumsum(steps.step_molecule.bincount().numpy()) - 1
    found = []
    for mol, number in zip(mols, last, strict=True):
        at = np.flatnonzero((step == number) & (site > 0))
        positions = np.empty((len(mol.z), 3))
        positions[trajectory_of(mol).order[site[at] - 1]] = pos[at]
        found.append(positions)
    return found


def equal(a: PlacementSteps, b: PlacementSteps, *but: str) -> bool:
    """Bit for bit."""
    names = set(a.keys()) - {"conditions", *but}
    assert set(a.keys()) == set(b.keys())

    def parts(steps: PlacementSteps, name: str) -> list[torch.Tensor]:
        value = steps[name]
        return [torch.as_tensor(part) for part in (value if isinstance(value, tuple) else [value])]

    return all(
        torch.equal(ours, theirs) for name in names for ours, theirs in zip(parts(a, name), parts(b, name), strict=True)
    )


def test_without_noise_everything_is_as_before() -> None:
    mols = molecules(seed=5)
    z, pos = torch.cat([mol.z for mol in mols]), torch.cat([mol.pos for mol in mols])
    ptr = np.cumsum([0, *(len(mol.z) for mol in mols)])
    near = neighbors(z, pos, torch.as_tensor(ptr), WIDE)
    drawn = [(trajectory, np.arange(len(trajectory.focus))) for trajectory in map(trajectory_of, mols)]
    plain = PlacementCollate(VOCABULARY, WIDE)
    assert equal(plain.expand(z.numpy(), pos.numpy(), ptr, near, drawn), plain(mols))
    assert equal(plain(mols), collate(mols, Noise(0.0, 0.0)))
    assert not equal(plain(mols), collate(mols, Noise(1e-3, 0.0)))
    assert not equal(plain(mols), collate(mols, Noise(0.0, 1e-3)))


def test_the_same_seed_gives_the_same_noise_whatever_the_batch() -> None:
    mol, other = molecule("CC=O", seed=4), molecule("CCCCCC", seed=9)
    alone, again = seen([mol], BOTH)[0], seen([other, mol], BOTH)[1]
    np.testing.assert_array_equal(alone, again)
    assert np.abs(alone - seen([molecule("CC=O", seed=5)], BOTH)[0]).min() > 0
    twins = seen([molecule("CC=O", seed=4), molecule("CC=O", seed=5)], BOTH)
    assert np.abs(twins[0] - twins[1]).max() > 0.05


@pytest.mark.parametrize("noise", [Noise(positions=0.2), Noise(origin=0.4), Noise(0.2, 0.4)])
def test_labels_are_the_distances_from_what_is_seen_to_the_true_next_atom(noise: Noise) -> None:
    mol = molecule("CC=O", seed=3)
    steps, trajectory = collate([mol], noise), trajectory_of(mol)
    # relative to the disturbed origin: the same seed shifts it as without noise on the positions
    shift = seen([mol], Noise(origin=noise.origin))[0] - mol.pos.numpy()
    labelled = steps.labelled_predictor.numpy()
    next_atom = trajectory.order[trajectory.n_placed[steps.predictor_step.numpy()[labelled]]]
    true = (mol.pos.numpy() + shift)[next_atom]
    expected = np.linalg.norm(true - predictor_pos(steps)[labelled], axis=1)
    np.testing.assert_allclose(steps.labelled_distance, expected, atol=1e-5)
    if noise.positions:  # where the next atom will be seen is another place
        elsewhere = np.linalg.norm(seen([mol], noise)[0][next_atom] - predictor_pos(steps)[labelled], axis=1)
        assert np.abs(elsewhere - expected).mean() > 0.05


def test_a_disturbed_origin_moves_all_atoms_together() -> None:
    for mol, positions in zip(molecules(seed=7), seen(molecules(seed=7), Noise(origin=0.5)), strict=True):
        moved = positions - mol.pos.numpy()
        np.testing.assert_allclose(moved, np.tile(moved[0], (len(moved), 1)), atol=1e-5)
        assert np.linalg.norm(moved[0]) > 0.05
    plain, noisy = (collate([molecule("CC=O", seed=3)], noise) for noise in (Noise(), Noise(origin=0.5)))
    before, after = pairs_of_sites(plain), pairs_of_sites(noisy)
    assert before.keys() == after.keys()
    for pair, distance in before.items():
        if 0 in pair:  # of the origin
            assert after[pair] != pytest.approx(distance, abs=1e-3)
        else:
            assert after[pair] == pytest.approx(distance, abs=1e-5)


def test_messages_and_predictions_see_the_same_noise() -> None:
    """Pairs of the network lie where the predictors do, whatever they were without noise."""
    mol = molecule("CC(N)C(=O)O", seed=2)
    steps, (positions,) = collate([mol], BOTH), seen([mol], BOTH)
    sites = np.concatenate([np.zeros((1, 3)), positions[trajectory_of(mol).order]])
    first, second = np.triu_indices(len(sites), 1)
    expected = np.linalg.norm(sites[first] - sites[second], axis=1)
    ours = pairs_of_sites(steps)
    last = (first < len(sites) - 1) & (second < len(sites))
    for i, j, distance in zip(first[last], second[last], expected[last], strict=True):
        assert ours[i, j] == pytest.approx(distance, abs=1e-5)


def test_cutoffs_apply_to_what_is_seen() -> None:
    mol, cutoffs = molecule("CCCCCC", seed=1), Cutoffs(4.0, 3.0)
    steps = PlacementCollate(VOCABULARY, cutoffs, noise=BOTH)([mol])
    (positions,) = seen([mol], BOTH)
    distance = np.linalg.norm(positions[:, None] - positions, axis=-1)
    of_atoms = [pair for pair in pairs_of_sites(steps) if 0 not in pair]
    assert 2 * len(of_atoms) == int(((distance > 0) & (distance < cutoffs.model)).sum())
    is_far = distance[trajectory_of(mol).order][:, trajectory_of(mol).order] >= cutoffs.prediction
    last = steps.predictor_step == steps.n_steps - 1
    focus = int(steps.node_site[steps.focus_node[-1]]) - 1
    predicts = predictor_site(steps)[last & (torch.as_tensor(predictor_site(steps)) > 0)] - 1
    assert set(predicts.tolist()) == set(np.flatnonzero(~is_far[focus]).tolist())


@pytest.mark.parametrize("steps_drawn", [None, 4])
@pytest.mark.parametrize("growth", [Growth(), Growth(False, 0.5, next_atom="focus")])
def test_noise_does_not_change_the_trajectory(growth: Growth, steps_drawn: int | None) -> None:
    plain, noisy = (
        PlacementCollate(VOCABULARY, WIDE, steps_drawn, growth=growth, noise=noise)(molecules())
        for noise in (Noise(), Noise(0.5, 0.5))
    )
    assert equal(plain, noisy, "pair_distance", "predictor_pos", "labelled_distance")


def test_standard_deviations() -> None:
    """In 500 methanes: what an atom moves by itself, and what it moves with the others."""
    mols = [molecule("C", seed=seed) for seed in range(500)]
    moved = np.stack(seen(mols, BOTH)) - mols[0].pos.numpy()
    together = moved.mean(axis=1)
    apart = moved - together[:, None]
    np.testing.assert_allclose(apart.std(axis=(0, 1)), BOTH.positions * np.sqrt(4 / 5), rtol=0.06)
    np.testing.assert_allclose(together.std(axis=0), np.hypot(BOTH.origin, BOTH.positions / np.sqrt(5)), rtol=0.12)
    np.testing.assert_allclose(moved.mean(axis=(0, 1)), 0, atol=4 * BOTH.origin / np.sqrt(500))
    correlation = np.corrcoef(together.T)[np.triu_indices(3, 1)]
    assert np.abs(correlation).max() < 0.2  # of the three coordinates: none
