"""The model reproduces the established implementation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gschnet_pyg.contracts import PlacementSteps
from gschnet_pyg.neighbors import Pairs, neighbors
from gschnet_pyg.training.losses import placement_loss
from tests.model.edge_list import edge_list
from tests.reference import CUTOFFS, N_MOLECULES, VOCABULARY, ReferenceCase, read_case

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module", params=list(CUTOFFS))
def case(request: pytest.FixtureRequest, shared) -> ReferenceCase:
    return read_case(shared, request.param)


def directed(pairs: Pairs) -> set[tuple[int, int]]:
    forward = list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    return {*forward, *((b, a) for a, b in forward)}


def test_neighbors_are_equal(case: ReferenceCase) -> None:
    for k in range(N_MOLECULES):
        molecule = case.molecule(k)
        z, pos = torch.as_tensor(molecule["z"]), torch.as_tensor(molecule["pos"])
        near = neighbors(z, pos, torch.tensor([0, len(z)]), case.cutoffs)
        for name in ("model", "prediction", "placement"):
            expected = set(zip(*molecule[f"{name}_edges"].tolist(), strict=True))
            assert directed(getattr(near, name)) == expected, f"molecule {k}, {name} cutoff"


def rows_of(steps: PlacementSteps) -> tuple[np.ndarray, np.ndarray]:
    """Step, and place within it (0 focus, 1 origin, 2.. atoms in placement order), of every node and token."""
    step, place = steps.node_step.numpy(), steps.node_site.numpy() + 1
    return np.concatenate([step, np.arange(steps.n_steps)]), np.concatenate([place, np.zeros(steps.n_steps, int)])


def reference_rows(arrays: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    step = arrays["node_step"]
    start = np.searchsorted(step, np.arange(step.max() + 1))
    return step, np.arange(len(step)) - start[step]


def test_step_graphs_are_equal(case: ReferenceCase) -> None:
    """Every message of the established edge list is a filter of ours, at the same distance, and none is left over."""
    steps = case.steps()
    step, place = rows_of(steps)
    receiver, sender, distance = (column.numpy() for column in edge_list(steps))
    assert np.array_equal(step[receiver], step[sender])
    ours = dict(zip(zip(step[receiver], place[receiver], place[sender], strict=True), distance, strict=True))
    assert len(ours) == len(receiver)
    ref_step, ref_place = reference_rows(case.arrays)
    theirs = {}
    for i, j, d in zip(*(case.arrays[f"edge_{x}"] for x in ("i", "j", "distance")), strict=True):
        if d < case.cutoffs.model:  # the cosine cutoff silences longer origin edges
            theirs[ref_step[i], ref_place[i], ref_place[j]] = d
    assert ours.keys() == theirs.keys()
    assert max(abs(ours[key] - theirs[key]) for key in ours) < 1e-5


def test_predictors_are_equal(case: ReferenceCase) -> None:
    steps = case.steps()
    step, place = rows_of(steps)
    node = steps.predictor_node.numpy()
    ref_step, ref_place = reference_rows(case.arrays)
    ref_node = case.arrays["predictor_node"]
    assert sorted(zip(step[node], place[node], strict=True)) == sorted(
        zip(ref_step[ref_node], ref_place[ref_node], strict=True)
    )


def test_predictions_and_losses_are_equal(case: ReferenceCase) -> None:
    steps, model, arrays = case.steps(), case.model(), case.arrays
    with torch.no_grad():
        prediction = model(steps)
    np.testing.assert_array_equal(VOCABULARY.z_of[steps.next_class.numpy()], arrays["next_z"])
    np.testing.assert_allclose(prediction.type_logp, arrays["type_logp"], atol=1e-4, rtol=0)

    step, place = rows_of(steps)
    node = steps.predictor_node.numpy()[steps.labelled_predictor.numpy()]
    ref_step, ref_place = reference_rows(arrays)
    ref_node = arrays["predictor_node"][arrays["distance_predictor"]]
    ours, theirs = np.lexsort((place[node], step[node])), np.lexsort((ref_place[ref_node], ref_step[ref_node]))
    np.testing.assert_allclose(steps.labelled_distance[ours], arrays["distance_label"][theirs], atol=1e-5)
    np.testing.assert_allclose(prediction.distance_logp[ours], arrays["distance_logp"][theirs], atol=1e-4, rtol=0)

    loss = placement_loss(prediction, steps, model.bins)
    assert float(loss.type) == pytest.approx(float(arrays["loss_type"]), abs=1e-4)
    assert float(loss.distance) == pytest.approx(float(arrays["loss_distance"]), abs=1e-4)
    assert float(loss.total) == pytest.approx(float(arrays["loss_total"]), abs=1e-4)
