"""What a step sees is its own molecule's business: no other step, molecule or form of the batch changes it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from gschnet_pyg.contracts import Cutoffs, Growth, PairList, PairTable, PlacementSteps, Vocabulary
from gschnet_pyg.neighbors import Pairs
from gschnet_pyg.trajectory import connections
from gschnet_pyg.trajectory.collate import PlacementCollate
from gschnet_pyg.trajectory.connections import SitePairs, StepTable, connect, near_sites
from gschnet_pyg.trajectory.sample import draw_steps, sample_trajectory
from tests.model.edge_list import neighbor_pairs
from tests.molecules import molecule, molecules

VOCABULARY, CUTOFFS = Vocabulary(), Cutoffs(3.0, 2.5)
FOCUS = -1


class View(NamedTuple):
    """A step: types of its sites, who hears whom at which distance, where its predictors are, and what to predict."""

    focus: int
    types: dict[int, int]
    heard: dict[tuple[int, int], float]
    predictors: dict[int, tuple[float, ...]]
    next_class: int
    labels: dict[int, float]


def views(steps: PlacementSteps) -> list[View]:
    node_step, site = steps.node_step.tolist(), steps.node_site.tolist()
    found = [View(site[node], {}, {}, {}, 0, {}) for node in steps.focus_node.tolist()]
    for node, kind in enumerate(steps.node_type.tolist()):
        found[node_step[node]].types[site[node]] = kind
    receiver, sender, row = (each.tolist() for each in neighbor_pairs(steps))
    for i, j, pair in zip(receiver, sender, row, strict=True):
        assert node_step[i] == node_step[j]
        found[node_step[i]].heard[site[i], site[j]] = round(float(steps.pair_distance[pair]), 4)
    place = [site[node] if node < len(site) else FOCUS for node in steps.predictor_node.tolist()]
    for step, at, pos in zip(steps.predictor_step.tolist(), place, steps.predictor_pos.tolist(), strict=True):
        found[step].predictors[at] = tuple(round(x, 4) for x in pos)
    for number, distance in zip(steps.labelled_predictor.tolist(), steps.labelled_distance.tolist(), strict=True):
        found[steps.predictor_step[number]].labels[place[number]] = round(distance, 4)
    return [view._replace(next_class=int(kind)) for view, kind in zip(found, steps.next_class, strict=True)]


def collate(mols: list[Data], steps_drawn: int | None = None, growth: Growth | None = None) -> PlacementSteps:
    return PlacementCollate(VOCABULARY, CUTOFFS, steps_drawn, growth=growth or Growth())(mols)


def chosen_steps(mol: Data, steps_drawn: int) -> list[int]:
    """Steps of a molecule that are drawn."""
    generator = torch.Generator().manual_seed(mol.seed)
    trajectory = sample_trajectory(mol, CUTOFFS, generator)
    return draw_steps(len(trajectory.focus), steps_drawn, generator).tolist()


@pytest.fixture(params=["gathered", "product"])
def _form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    cost = float("inf") if request.param == "gathered" else 0.0
    monkeypatch.setattr(connections, "product_cost", lambda *sizes: cost)


@pytest.mark.usefixtures("_form")
@pytest.mark.parametrize("steps_drawn", [1, 4])
def test_drawn_steps_see_what_they_see_among_all_steps(steps_drawn: int) -> None:
    mols = molecules(seed=3)
    expected = [views(collate([mol]))[step] for mol in mols for step in chosen_steps(mol, steps_drawn)]
    assert views(collate(mols, steps_drawn)) == expected


@pytest.mark.parametrize("growth", [Growth(), Growth(has_origin=False, fragment_share=0.5)])
def test_both_forms_say_the_same(growth: Growth, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for cost, form in ((0.0, PairTable), (float("inf"), PairList)):
        monkeypatch.setattr(connections, "product_cost", lambda *sizes, cost=cost: cost)
        steps = collate(molecules(seed=1), growth=growth)
        assert isinstance(steps.pairs, form)
        assert steps.n_molecules == len(molecules())
        found.append(views(steps))
    assert found[0] == found[1]


def test_the_form_follows_from_the_shape() -> None:
    """All steps of a molecule share its table; a single step would pay for all of it."""
    mols = [molecule("CCCCCC", seed=seed) for seed in range(4)]
    assert isinstance(PlacementCollate(VOCABULARY, Cutoffs(), 1)(mols).pairs, PairList)
    assert isinstance(PlacementCollate(VOCABULARY, Cutoffs(), None)(mols).pairs, PairTable)


def test_a_step_sees_sites_that_are_placed_and_near() -> None:
    mol = molecule("OCC(F)CN", seed=2)
    trajectory = sample_trajectory(mol, CUTOFFS, torch.Generator().manual_seed(2))
    sites = np.concatenate([np.zeros((1, 3)), mol.pos.numpy()[trajectory.order]])
    distance = np.linalg.norm(sites[:, None] - sites, axis=-1)
    for view, n_placed in zip(views(collate([mol])), trajectory.n_placed.tolist(), strict=True):
        assert sorted(view.types) == list(range(n_placed + 1))
        near = np.argwhere((distance < CUTOFFS.model)[: n_placed + 1, : n_placed + 1]).tolist()
        assert set(view.heard) == {(i, j) for i, j in near if i != j}
        for (i, j), found in view.heard.items():
            assert found == pytest.approx(distance[i, j], abs=1e-4)


def test_a_table_knows_the_slots_of_every_pair() -> None:
    steps = PlacementCollate(VOCABULARY, Cutoffs(), None)([molecule("CCCCCC", seed=seed) for seed in range(4)])
    assert isinstance(steps.pairs, PairTable)
    rows = torch.arange(len(steps.pair_distance))
    for slot in steps.pairs.pair_slot:
        assert torch.equal(steps.pairs.filter_row.flatten()[slot], rows)


def test_pairs_with_rows_of_their_own_keep_them() -> None:
    """As in generation, where filters of placed atoms are kept from round to round."""
    pairs = SitePairs(*(np.array(x) for x in ([0, 0, 0], [0, 0, 1], [1, 2, 2], [1.0, 2.0, 1.5])), np.array([7, 3, 5]))
    table = StepTable(np.array([0]), np.array([2]), np.array([1]))
    found = connect(pairs, table, np.array([10]), 1, 3)
    assert isinstance(found, PairList)
    assert [x.tolist() for x in (found.first, found.second, found.filter_row)] == [
        [10, 10, 11],
        [11, 12, 12],
        [7, 3, 5],
    ]


def test_an_atom_at_exactly_the_cutoff_is_not_near_the_origin() -> None:
    pos, none = np.array([[2.0, 0, 0], [0, 1.0, 0]]), torch.zeros(0, dtype=torch.long)
    found = near_sites(pos, np.array([0, 2]), Pairs(none, none, torch.zeros(0)), 2.0, has_origin=True)
    assert found.second.tolist() == [2]
    assert found.distance.tolist() == [1.0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_batches_are_of_the_precision_that_is_asked_for(dtype: torch.dtype) -> None:
    mol = molecule("CC=O", seed=3)
    mol.gap = torch.tensor([[1.5]], dtype=torch.float64)
    steps = PlacementCollate(VOCABULARY, CUTOFFS, conditions=["gap"], dtype=dtype)([mol])
    of_numbers = (steps.pair_distance, steps.predictor_pos, steps.labelled_distance, steps.conditions["gap"])
    assert {tensor.dtype for tensor in of_numbers} == {dtype}


def test_labels_of_float32_begin_at_the_positions_that_the_model_sees() -> None:
    """Positions are rounded, then distances are taken in full precision."""
    mol = molecule("CC=O", seed=3)
    rounded, exact = (
        PlacementCollate(VOCABULARY, CUTOFFS, dtype=dtype)([mol]) for dtype in (torch.float32, torch.float64)
    )
    torch.testing.assert_close(rounded.labelled_distance.double(), exact.labelled_distance, atol=1e-6, rtol=0)
