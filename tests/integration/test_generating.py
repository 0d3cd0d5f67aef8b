"""Every setting of generation changes what it should."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import ase.db
import numpy as np
import pytest
from ase import Atoms
from ase.io import read

from gschnet_pyg.data.arrays import MoleculeArrays
from tests.integration.conftest import TARGETS, Command, generated, refused


def generate(command: Command, directory: Path, *more: object, n: int = 16, output: str = "some.db") -> MoleculeArrays:
    Path(output).unlink(missing_ok=True)
    outcome = command("generate", directory, "-n", n, "--max-atoms", 5, *TARGETS, *more, "-o", output)
    assert outcome.code == 0, outcome.err
    return generated(output)


def shape(molecules: MoleculeArrays) -> tuple:
    return molecules.z.tolist(), molecules.pos.round(2).tolist()


def test_settings_that_decide_and_settings_that_do_not(command: Command, conditioned: Path) -> None:
    plain = shape(generate(command, conditioned))
    for same in (("--batch-size", 3), ("--device", "cpu"), ("seed=0",), ("work_directory=scratch",)):
        assert shape(generate(command, conditioned, *same)) == plain
    for other in (
        ("--seed", 1),
        ("--temperature", 2),
        ("type_temperature=3",),
        ("grid_spacing=0.2",),
        ("grid_minimum=1.2",),
        ("--max-atoms", 4),
    ):
        assert shape(generate(command, conditioned, *other)) != plain


def test_low_temperatures_of_types_leave_nothing_to_chance(command: Command, conditioned: Path) -> None:
    molecules = generate(command, conditioned, "type_temperature=1e-4", "--max-atoms", 30)
    assert len({tuple(atoms.numbers[:2].tolist()) for atoms in frames(molecules)}) == 1


def test_atoms_keep_the_smallest_distance_of_the_grid(command: Command, conditioned: Path) -> None:
    """Every atom lies on the grid around some atom that was there before."""
    for atoms in frames(generate(command, conditioned, "grid_minimum=1.3", n=20)):
        distance = atoms.get_all_distances()
        for atom in range(1, len(atoms)):
            assert ((distance[atom, :atom] > 1.3 - 1e-4) & (distance[atom, :atom] < 1.7)).any()


def test_sizes_stay_below_the_maximum(command: Command, conditioned: Path) -> None:
    molecules = generate(command, conditioned, "--max-atoms", 6, n=20)
    assert 2 < np.diff(molecules.offsets).max() <= 6


def frames(molecules: MoleculeArrays) -> list[Atoms]:
    pieces = pairwise(molecules.offsets.tolist())
    return [Atoms(molecules.z[start:end], molecules.pos[start:end]) for start, end in pieces]


def test_databases_are_numbered(command: Command, conditioned: Path) -> None:
    """Beside each other, whatever gaps there are."""
    folder = conditioned / "generated"
    before = set(folder.glob("*.db"))
    paths = []
    for seed in (1, 2):
        outcome = command("generate", conditioned, "-n", 4, "--max-atoms", 3, *TARGETS, "--seed", seed)
        assert outcome.code == 0, outcome.err
        (new,) = set(folder.glob("*.db")) - before - set(paths)
        paths.append(new)
        assert f"The finished ones lie in {new}" in outcome.out
        assert f"gschnet-pyg report {new} --reference {conditioned}" in outcome.out
    assert int(paths[1].stem) == int(paths[0].stem) + 1


def test_everything_is_recorded(command: Command, conditioned: Path) -> None:
    generate(command, conditioned, "--seed", 5, "--temperature", 0.2, "grid_spacing=0.1")
    with ase.db.connect("some.db") as found:
        metadata = found.metadata
    settings = metadata["gschnet_pyg"]["settings"]
    assert settings["run"] == str(conditioned)
    assert (settings["seed"], settings["temperature"], settings["grid_spacing"]) == (5, 0.2, 0.1)
    assert settings["conditions"] == {"gap": 6, "composition": "C2H6O", "relative_atomic_energy": 0}
    assert metadata["_distance_unit"] == "Ang"
    assert metadata["gschnet_pyg"]["version"]


def test_traced_steps(command: Command, conditioned: Path) -> None:
    """A line for every step; a frame for every step that sees an atom, the last of them the whole molecule."""
    arguments = ("-n", 8, "--max-atoms", 4, *TARGETS)
    outcome = command("generate", conditioned, *arguments, "--trace", 0, "--trace", 5, "-o", "some.db")
    assert outcome.code == 0, outcome.err
    for number in (0, 5):
        steps = read(f"some.trace-{number}.extxyz", ":")
        lines = [line for line in outcome.out.splitlines() if line.startswith(f"molecule {number}  step")]
        assert len(lines) == len(steps) + 1  # the first sees the origin alone
        assert lines[0].split()[5] == "origin"
        assert [len(frame) for frame in steps] == sorted(len(frame) for frame in steps)
        assert f"Steps lie in some.trace-{number}.extxyz" in outcome.out
    assert not Path("some.trace-1.extxyz").exists()
    molecules = generated("some.db")
    numbers = molecules.properties["number"].values[:, 0].astype(int).tolist()
    finished = dict(zip(numbers, frames(molecules), strict=True))
    for number in {0, 5} & finished.keys():
        last = read(f"some.trace-{number}.extxyz")
        assert last.numbers.tolist() == finished[number].numbers.tolist()
    untraced = command("generate", conditioned, *arguments, "-o", "other.db")
    assert "step" not in untraced.out
    assert shape(generated("other.db")) == shape(molecules)
    refused(command("generate", conditioned, *arguments, "--trace", -1), "trace")
    refused(command("generate", conditioned, *arguments, "--trace", 8), "trace", "0 to 7")


def test_molecules_are_viewed(command: Command, conditioned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[Atoms]] = []
    monkeypatch.setattr("gschnet_pyg.run.generation.view", seen.append)
    molecules = generate(command, conditioned, "--view", n=16)
    (shown,) = seen
    np.testing.assert_array_equal(np.concatenate([atoms.numbers for atoms in shown]), molecules.z)
    generate(command, conditioned, n=16)
    assert len(seen) == 1


def test_nothing_is_viewed_where_nothing_is_finished(
    command: Command, conditioned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gschnet_pyg.run.generation.view", lambda molecules: pytest.fail("an empty viewer"))
    for seed in range(20):
        arguments = ("-n", 1, "--max-atoms", 1, *TARGETS, "--seed", seed, "--view")
        outcome = command("generate", conditioned, *arguments)
        assert outcome.code == 0, outcome.err
        if "0 finished" in outcome.out:
            break
    assert "0 finished" in outcome.out


@pytest.mark.parametrize("name", ["plain.db", "two words: # and 'quotes'.db"])
def test_outputs_of_any_name(command: Command, conditioned: Path, name: str) -> None:
    assert len(generate(command, conditioned, n=16, output=name)) > 0
    outcome = command("report", name)
    assert outcome.code == 0, outcome.err
