"""Geometries at the edge: far away, without extent, in a line or plane, of equal distances, atoms at one place."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms

from gschnet_pyg import neighbors as rooms
from gschnet_pyg.contracts import Growth
from gschnet_pyg.data.checks import FARTHEST, check_molecules
from gschnet_pyg.data.connectivity import connected
from gschnet_pyg.data.writing import write_database
from gschnet_pyg.errors import DataError
from gschnet_pyg.training.losses import placement_loss
from gschnet_pyg.trajectory.sample import sample_trajectory
from gschnet_pyg.validity.checks import ValidityOptions
from gschnet_pyg.validity.judging import judge
from tests.faults.edges import ALONG_X, CUTOFFS, VOCABULARY, dataset, expanded, network
from tests.integration.conftest import Command, conformers, report, train, train_again
from tests.molecules import SMILES, coordinates

AWAY = np.array([1.0, -0.7, 0.3])


@pytest.fixture(params=["torch_cluster", "twin"])
def _either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "torch_cluster" and not rooms.HAS_TORCH_CLUSTER:
        pytest.skip("torch-cluster is not installed")
    monkeypatch.setattr(rooms, "HAS_TORCH_CLUSTER", request.param == "torch_cluster")


def some_molecules() -> list[Atoms]:
    return [Atoms(*coordinates(smiles)) for smiles in SMILES]


# Far away


@pytest.mark.usefixtures("_either_way")
@pytest.mark.parametrize("distance", [1e4, 1e6])
def test_a_molecule_far_away_is_the_one_at_the_origin(distance: float) -> None:
    here = some_molecules()
    there = [Atoms(atoms.numbers, atoms.positions + distance * AWAY) for atoms in here]
    for one, other in zip(dataset(here), dataset(there), strict=True):
        np.testing.assert_allclose(other.pos, one.pos, atol=1e-8)
    first, second = expanded(here), expanded(there)
    for name in ("node_type", "node_step", "node_site", "focus_node", "predictor_node", "next_class"):
        assert torch.equal(first[name], second[name]), name
    for name in ("pair_distance", "predictor_pos", "labelled_distance"):
        torch.testing.assert_close(second[name], first[name], atol=2e-6, rtol=0)
    with torch.no_grad():
        model = network()
        one, other = model(first), model(second)
        losses = [placement_loss(model(steps), steps, model.bins).total for steps in (first, second)]
    torch.testing.assert_close(other.type_logp, one.type_logp, atol=1e-5, rtol=0)
    torch.testing.assert_close(other.distance_logp, one.distance_logp, atol=1e-4, rtol=0)
    torch.testing.assert_close(*losses, atol=1e-5, rtol=1e-6)
    for one, other in zip(here, there, strict=True):
        verdicts = [judge(atoms.numbers, atoms.positions, ValidityOptions()) for atoms in (one, other)]
        assert verdicts[0].is_valid
        assert verdicts[0] == verdicts[1]


def test_training_on_molecules_far_away(command: Command) -> None:
    found = []
    for name, distance in (("here", 0.0), ("there", 1e6)):
        molecules = [Atoms(atoms.numbers, atoms.positions + distance * AWAY) for atoms in conformers()]
        write_database(Path(f"{name}.db"), molecules)
        directory = train(command, Path(f"{name}.db"), "training.max_steps=4", name=name)
        found.append(json.loads((directory / "losses.json").read_text()))
    assert found[1].pop("picked_by") == found[0].pop("picked_by")
    assert found[1] == pytest.approx(found[0], rel=1e-4)


@pytest.mark.parametrize("coordinate", [2 * FARTHEST, 1e200, -1e16])
def test_coordinates_that_float64_cannot_resolve_are_refused(coordinate: float) -> None:
    molecules = dataset([Atoms("H"), Atoms("H2", [[0, 0, 0], [0, 0, 0.74]])]).arrays
    molecules.pos[1:, 1] = coordinate
    with pytest.raises(DataError, match=r"test, record 1: a coordinate of .* Å.*unit of lengths"):
        check_molecules(molecules)
    molecules.pos[1:, 1] = np.sign(coordinate) * FARTHEST
    check_molecules(molecules)


def test_a_command_refuses_them(command: Command) -> None:
    atoms = Atoms(*coordinates("CO"))
    write_database(Path("far.db"), [atoms, Atoms(atoms.numbers, atoms.positions + 1e12)])
    outcome = train_again(command, Path("far.db"))
    assert outcome.code == 2
    assert "far.db, row 2: a coordinate of 1e+12 Å" in outcome.err


# Without extent, in a line, in a plane


def test_single_atoms_train_and_are_reported(command: Command) -> None:
    symbols = ["H", "C", "N", "O"]
    path = Path("atoms.db")
    write_database(path, [Atoms(symbols[number % 4], [[1e4, number, 0]]) for number in range(32)])
    settings = ("training.optimizer={kind: adam, learning_rate: 1e-2}", "training.schedule={kind: constant}")
    directory = train(command, path, "training.max_steps=40", *settings)
    outcome = command("generate", directory, "-n", 20, "-o", "single.db")
    assert outcome.code == 0, outcome.err
    found = report(command, "single.db", "--reference", path)
    assert found["finished"] > 10
    assert found["requested"] == 20
    assert sum(found["rdkit"]["failures"].values()) + found["rdkit"]["valid"]["count"] == 20


@pytest.mark.parametrize("growth", [Growth(), Growth(fragment_share=0.5), Growth(False, 1.0, True)])
def test_single_atoms_are_expanded(growth: Growth) -> None:
    """The only step that is left to one that is in place already is its stop."""
    steps = expanded([Atoms("C"), Atoms("H")], growth=growth)
    stops = [VOCABULARY.stop_class]
    if growth.fragment_share is None:
        assert steps.next_class.tolist() == [1, *stops, 0, *stops]
        assert steps.labelled_distance.tolist() == [0.0] * 4  # focus token and origin of the first step
    else:
        assert steps.next_class.tolist() == 2 * stops
        assert len(steps.labelled_distance) == 0
    model = network(has_origin=growth.has_origin)
    loss = placement_loss(model(steps), steps, model.bins)
    loss.total.backward()
    assert torch.isfinite(loss.total)
    assert all(weight.grad is None or bool(weight.grad.isfinite().all()) for weight in model.parameters())


LINES = {
    "CO2": Atoms("OCO", [[0, 0, -1.16], [0, 0, 0], [0, 0, 1.16]]),
    "acetylene": Atoms("HCCH", [[0, 0, -1.66], [0, 0, -0.6], [0, 0, 0.6], [0, 0, 1.66]]),
    "HCN": Atoms("HCN", [[0, 0, -1.06], [0, 0, 0], [0, 0, 1.16]]),
    "chain": Atoms("C8", np.arange(8)[:, None] * [[0.8, 0.8, 0.8]]),
    "benzene": Atoms(
        "C6H6", [[r * np.cos(k * np.pi / 3), r * np.sin(k * np.pi / 3), 0] for r in (1.39, 2.48) for k in range(6)]
    ),
    "junk in a plane": Atoms("CNOFHC", np.random.default_rng(0).uniform(0, 2, (6, 3)) * [1, 1, 0]),
}


@pytest.mark.usefixtures("_either_way")
@pytest.mark.parametrize("name", LINES)
def test_lines_and_planes_train_and_are_judged(name: str) -> None:
    atoms = LINES[name]
    molecules = dataset([atoms])
    assert connected(molecules, CUTOFFS, progress=False).all()
    steps = expanded([atoms])
    assert steps.n_steps == 2 * len(atoms)
    assert int((steps.next_class == VOCABULARY.stop_class).sum()) == len(atoms)
    model = network()
    loss = placement_loss(model(steps), steps, model.bins).total
    loss.backward()
    assert torch.isfinite(loss)
    assert all(bool(weight.grad.isfinite().all()) for weight in model.parameters() if weight.grad is not None)
    verdict = judge(atoms.numbers, atoms.positions, ValidityOptions())
    assert verdict.smiles == {"CO2": "O=C=O", "acetylene": "C#C", "HCN": "C#N", "benzene": "c1ccccc1"}.get(name)


def test_a_report_on_lines_and_planes(command: Command) -> None:
    write_database(Path("flat.db"), [*LINES.values()])
    found = report(command, "flat.db", "--html", "report.html")
    assert found["finished"] == len(LINES)
    assert found["rdkit"]["valid"]["count"] == 4
    assert "NaN" not in Path("report.json").read_text()


# Ties


def test_ties_go_to_the_lower_atom() -> None:
    """Both oxygens of CO2 are as far from the centre of mass; so are the hydrogens of a chain's ends."""
    for atoms in (LINES["CO2"], Atoms("OCO", [[0, 0, 1.16], [0, 0, 0], [0, 0, -1.16]])):
        [molecule] = dataset([atoms])
        for seed in range(20):
            trajectory = sample_trajectory(molecule, CUTOFFS, torch.Generator().manual_seed(seed))
            assert trajectory.order.tolist() == [1, 0, 2]
    # where coordinates are binary fractions, ties survive a move
    for shift in (0.0, 2.0**20):
        [molecule] = dataset([Atoms("OCO", np.array([[0, 0, -1.125], [0, 0, 0], [0, 0, 1.125]]) + shift)])
        assert sample_trajectory(molecule, CUTOFFS, torch.Generator()).order.tolist() == [1, 0, 2]


def test_a_tie_for_the_first_atom() -> None:
    """No atom of a molecule of two, or of a benzene ring, is closer to the centre of mass than the others."""
    for atoms in (Atoms("C2", [[0, 0, 0.625], [0, 0, -0.625]]), LINES["benzene"][:6]):
        [molecule] = dataset([atoms])
        distance = molecule.pos.norm(dim=1)
        for seed in range(10):
            trajectory = sample_trajectory(molecule, CUTOFFS, torch.Generator().manual_seed(seed))
            assert trajectory.order[0] == int(distance.argmin())
            assert sorted(trajectory.order) == list(range(len(atoms)))


# At one place


@pytest.mark.parametrize("distance", [0.0, 1e-12, 1e-6, 0.005, 0.3, 0.41])
def test_atoms_at_nearly_one_place_are_judged(distance: float) -> None:
    z, pos = coordinates("CO")
    pos = np.concatenate([pos, pos[:1] + distance * ALONG_X])
    verdict = judge(np.append(z, 1), pos, ValidityOptions())
    assert not verdict.is_valid
    assert verdict.n_atoms == len(z) + 1
    if distance < 0.4:
        assert verdict.failure == "bad_coordinates"


def test_a_report_on_atoms_at_one_place(command: Command) -> None:
    z, pos = coordinates("CO")
    crowded = [np.concatenate([pos, pos[:1] + distance * ALONG_X]) for distance in (0.0, 1e-9, 0.005, 0.3)]
    write_database(Path("crowded.db"), [Atoms(z, pos), *(Atoms(np.append(z, 6), each) for each in crowded)])
    found = report(command, "crowded.db", "--html", "report.html")
    assert found["finished"] == 5
    assert found["rdkit"]["valid"]["count"] == 1
    assert found["rdkit"]["failures"] == {"bad_coordinates": 4}
