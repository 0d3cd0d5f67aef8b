"""What is kept from round to round is what would be found anew."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gschnet_pyg.contracts import Cutoffs, PairList, Vocabulary
from gschnet_pyg.generation.filters import KeptFilters, slots_in
from gschnet_pyg.generation.rounds import Rounds
from gschnet_pyg.generation.sampler import GenerationSettings, generate
from gschnet_pyg.generation.slots import Slots, rows_per_molecule
from gschnet_pyg.model.gschnet import GSchNet, ModelSettings
from gschnet_pyg.model.schnet import SchNet
from tests.molecules import molecule

VOCABULARY = Vocabulary()
SMILES = ("CC(N)C(=O)O", "c1ccccc1", "CCCCCCC")


def grown(cutoffs: Cutoffs, has_origin: bool = True) -> tuple[Slots, list[np.ndarray]]:
    """Three molecules of different sizes that grew side by side, one of them in a slot that was used before."""
    slots = Slots(4, 30, cutoffs, has_origin)
    slots.place(np.array([2, 3]), np.array([6, 6]), np.array([[0.5, 0, 0], [0, 0.5, 0]]))
    slots.place(np.array([2, 3]), np.array([8, 8]), np.array([[1.5, 0, 0], [0, 1.5, 0]]))
    slots.empty(2)
    mols = [molecule(smiles) for smiles in SMILES]
    rows: list[list[int]] = [[] for _ in mols]
    for atom in range(max(len(mol.z) for mol in mols)):
        those = [k for k, mol in enumerate(mols) if len(mol.z) > atom]
        new = slots.place(
            np.array(those),
            np.array([int(mols[k].z[atom]) for k in those]),
            np.array([mols[k].pos[atom].numpy() for k in those]),
        )
        for k in those:
            rows[k] += new[new // slots.pairs_per_slot == k].tolist()
    return slots, [np.array(of_molecule) for of_molecule in rows]


@pytest.mark.parametrize("has_origin", [True, False])
@pytest.mark.parametrize("cutoffs", [Cutoffs(4.0, 3.0), Cutoffs(2.0, 3.5)])
def test_pairs_and_predictors_are_those_within_the_cutoffs(cutoffs: Cutoffs, has_origin: bool) -> None:
    slots, rows = grown(cutoffs, has_origin)
    which, focus = np.array([2, 0, 1]), [4, 0, 3]
    steps = slots.steps(which, focus, VOCABULARY)
    assert isinstance(steps.pairs, PairList)
    first_node = np.searchsorted(steps.node_step.numpy(), np.arange(3))
    for step, slot in enumerate(which.tolist()):
        mol = molecule(SMILES[slot])
        sites = np.concatenate([np.zeros((1, 3)), mol.pos.numpy()])
        distance = np.linalg.norm(sites[:, None] - sites, axis=-1)
        is_near = (distance < cutoffs.model) & ~np.eye(len(sites), dtype=bool)
        if not has_origin:
            is_near[0] = is_near[:, 0] = False
        mine = steps.node_step[steps.pairs.first] == step
        ends = [(nodes[mine] - first_node[step]).numpy() for nodes in (steps.pairs.first, steps.pairs.second)]
        assert sorted(zip(*ends, strict=True)) == sorted(zip(*np.nonzero(np.triu(is_near)), strict=True))
        row = steps.pairs.filter_row[mine].numpy()
        assert set(row.tolist()) <= set(rows[slot].tolist())
        np.testing.assert_allclose(slots.distance(row), distance[ends[0], ends[1]], rtol=1e-12)

        predicts = {atom + 1 for atom in np.flatnonzero(distance[focus[step] + 1, 1:] < cutoffs.prediction).tolist()}
        predictor = steps.predictor_node[(steps.predictor_step == step) & (steps.predictor_node < len(steps.node_type))]
        assert set((predictor - first_node[step]).tolist()) == predicts | ({0} if has_origin else set())


def test_rows_belong_to_one_pair_of_one_slot() -> None:
    slots, rows = grown(Cutoffs())
    taken = np.concatenate(rows)
    assert len(np.unique(taken)) == len(taken)
    for slot, of_molecule in enumerate(rows):
        n = len(molecule(SMILES[slot]).z)
        assert len(of_molecule) == rows_per_molecule(n)  # everything is within 10 Å here
        assert set((of_molecule // slots.pairs_per_slot).tolist()) == {slot}


@torch.inference_mode()
def test_kept_filters_are_those_of_the_distances() -> None:
    torch.manual_seed(0)
    schnet = SchNet(7, 16, 3, 25, 10.0)
    slots, rows = grown(Cutoffs())
    kept = KeptFilters(schnet, slots)
    for some in (rows[2], rows[0]):
        kept.update(some)
    for block, filters in zip(
        kept.of_blocks, schnet.filters(torch.as_tensor(slots.distance(rows[0])).float()), strict=True
    ):
        torch.testing.assert_close(block.of_pairs[rows[0]], filters.of_pairs)
        torch.testing.assert_close(block.at_zero, filters.at_zero)


def test_memory_bounds_the_molecules_at_a_time_and_changes_none() -> None:
    torch.manual_seed(1)
    network = GSchNet(VOCABULARY, Cutoffs(), ModelSettings(16, 2, type_layers=2, distance_layers=2)).eval()
    of_molecule = rows_per_molecule(8) * 2 * 16 * 4 / 1e9  # pairs, blocks, features, bytes
    assert [slots_in(memory * of_molecule, network.schnet, 8) for memory in (0.1, 1.5, 3.5)] == [1, 1, 3]
    finished = []
    for memory in (2.0, 3.5 * of_molecule):
        settings = GenerationSettings(9, 9, max_atoms=8, grid_spacing=0.1, filter_memory=memory)
        finished.append({attempt.number: attempt for attempt in generate(network, settings)})
    assert Rounds(network, settings, None).n_slots == 3
    for number, attempt in finished[0].items():
        np.testing.assert_array_equal(attempt.z, finished[1][number].z)
        np.testing.assert_allclose(attempt.pos, finished[1][number].pos, atol=1e-6)
