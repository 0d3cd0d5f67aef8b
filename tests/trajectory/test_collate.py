"""The collate expands what the trajectory says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gschnet_pyg.contracts import Cutoffs, PlacementSteps, Vocabulary
from gschnet_pyg.errors import DisconnectedMolecule
from gschnet_pyg.trajectory.collate import PlacementCollate
from gschnet_pyg.trajectory.sample import sample_trajectory
from tests.model.edge_list import neighbor_pairs
from tests.molecules import molecule, molecules

CUTOFFS, VOCABULARY = Cutoffs(), Vocabulary()


def collate(steps_drawn: int | None = None, mols: list | None = None) -> PlacementSteps:
    return PlacementCollate(VOCABULARY, CUTOFFS, steps_drawn)(mols or molecules())


def test_all_steps_of_all_molecules() -> None:
    steps, mols = collate(), molecules()
    assert steps.n_steps == sum(2 * len(m.z) for m in mols)
    assert steps.step_molecule.bincount().tolist() == [2 * len(m.z) for m in mols]
    assert int((steps.next_class == VOCABULARY.stop_class).sum()) == sum(len(m.z) for m in mols)
    # nodes: the origin and the placed atoms of every step
    n_placed = np.concatenate(
        [sample_trajectory(m, CUTOFFS, torch.Generator().manual_seed(m.seed)).n_placed for m in mols]
    )
    assert len(steps.node_type) == (n_placed + 1).sum()


def test_filters_serve_each_pair_once() -> None:
    mol = molecule("CCO")
    steps = collate(mols=[mol])
    n = len(mol.z)
    assert len(steps.pair_distance) == n * (n - 1) / 2 + n  # all atoms and the origin lie within 10 Å
    receiver, sender, row = neighbor_pairs(steps)
    sites = torch.stack([steps.node_site[receiver], steps.node_site[sender]])
    pairs = torch.cat([sites.amin(0, keepdim=True), sites.amax(0, keepdim=True), row[None]]).unique(dim=1)
    assert pairs[2].sort().values.tolist() == list(range(len(steps.pair_distance)))
    assert len(pairs[:2].unique(dim=1).T) == len(steps.pair_distance)


def test_labels_are_the_distances_to_the_next_atom() -> None:
    mol = molecule("CC=O", seed=3)
    steps = collate(mols=[mol])
    trajectory = sample_trajectory(mol, CUTOFFS, torch.Generator().manual_seed(3))
    step = steps.predictor_step[steps.labelled_predictor].numpy()
    next_atom = trajectory.order[trajectory.n_placed[step]]
    focus = trajectory.focus[step]
    focus_pos = np.where(focus[:, None] < 0, 0.0, mol.pos.numpy()[focus])
    predictor_pos = focus_pos + steps.predictor_pos[steps.labelled_predictor].numpy()
    expected = np.linalg.norm(mol.pos.numpy()[next_atom] - predictor_pos, axis=1)
    np.testing.assert_allclose(steps.labelled_distance, expected, atol=1e-5)


def test_predictors_of_the_first_step_are_focus_and_origin() -> None:
    steps = collate(mols=[molecule("CCCCCC")])
    first = steps.predictor_node[steps.predictor_step == 0]
    assert sorted(first.tolist()) == [0, len(steps.node_type)]


def test_predictors_lie_within_the_prediction_cutoff_of_the_focus() -> None:
    steps = collate(mols=[molecule("CCCCCC")])
    is_token = steps.predictor_node >= len(steps.node_type)
    node_type = steps.node_type[steps.predictor_node.clamp(max=len(steps.node_type) - 1)]
    is_atom = ~is_token & (node_type != VOCABULARY.origin_node)
    assert bool((steps.predictor_pos[is_atom].norm(dim=1) < CUTOFFS.prediction).all())
    assert int(is_token.sum()) == steps.n_steps


def test_drawn_steps_are_some_of_all_steps() -> None:
    """The same seed gives the same trajectory; drawing k of its steps keeps k of them, with fewer sites."""
    everything, drawn = collate(), collate(4)
    assert drawn.n_steps == 4 * len(molecules())
    assert drawn.step_molecule.bincount().tolist() == [4] * len(molecules())
    gap = torch.cdist(drawn.labelled_distance[:, None], everything.labelled_distance[:, None]).min(dim=1).values
    assert gap.max() < 1e-5


def test_the_batch_does_not_matter() -> None:
    alone = collate(mols=[molecule("CC=O", seed=4)])
    together = collate(mols=[molecule("c1ccccc1", seed=9), molecule("CC=O", seed=4)])
    of_second = together.step_molecule == 1
    assert torch.equal(together.next_class[of_second], alone.next_class)
    is_label_of_second = of_second[together.predictor_step[together.labelled_predictor]]
    torch.testing.assert_close(
        together.labelled_distance[is_label_of_second].sort().values, alone.labelled_distance.sort().values
    )


def test_conditions_travel_with_the_batch() -> None:
    mols = molecules()
    for number, mol in enumerate(mols):
        mol.gap = torch.tensor([[float(number)]], dtype=torch.float64)
    steps = PlacementCollate(VOCABULARY, CUTOFFS, conditions=["gap"])(mols)
    assert steps.conditions["gap"].squeeze(1).tolist() == list(range(len(mols)))


def test_a_disconnected_molecule_is_named() -> None:
    mol = molecule("C", number=41)
    mol.pos[-1] += 5.0
    with pytest.raises(DisconnectedMolecule, match="molecule 41: 1 of 5 atoms"):
        collate(mols=[mol])
