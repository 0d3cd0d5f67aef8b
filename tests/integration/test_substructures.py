"""Whole commands that learn to complete substructures, and complete some."""

from __future__ import annotations

from pathlib import Path

import ase.db
import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from gschnet_pyg import run
from gschnet_pyg.data.writing import write_database
from gschnet_pyg.model.storage import load_model
from gschnet_pyg.recipe import load_recipe
from gschnet_pyg.run.metadata import stored_metadata
from tests.integration.conftest import (
    NO_WORKERS,
    SOME_STEPS,
    TINY,
    Command,
    generated,
    refused,
    train,
    train_again,
    write_measured,
)
from tests.molecules import coordinates


def trained(folder: Path, name: str, *settings: str) -> Path:
    write_measured(folder / "measured.db")
    data = ["data.kind=file", f"data.path={folder / 'measured.db'}", f"run.directory={folder}", f"run.id={name}"]
    recipe = load_recipe("qm9_fast", [*data, *TINY, *NO_WORKERS, *SOME_STEPS, *settings])
    return run.train(recipe, say=lambda line: None).directory


@pytest.fixture(scope="module")
def without_origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run directory of a model that completes substructures wherever they lie."""
    growth = "growth={origin: false, fragment_share: 0.5, next_atom: focus}"
    return trained(tmp_path_factory.mktemp("without_origin"), "run", growth)


@pytest.fixture(scope="module")
def with_origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run directory of a model with origin that completes substructures with a condition."""
    settings = ("growth.fragment_share=0.5", "conditions=[{kind: scalar, property: gap}]")
    return trained(tmp_path_factory.mktemp("with_origin"), "run", *settings)


@pytest.fixture
def fragments(command: Command) -> Path:
    """CO of methanol, CC of ethanol, and hexane whole."""
    path = Path("fragments.db")
    hexane = Atoms(*coordinates("CCCCCC"))
    write_database(path, [Atoms(*coordinates("CO"))[:2], Atoms(*coordinates("CCO"))[:2], hexane])
    return path


def rows(path: str) -> list:
    with ase.db.connect(path) as found:
        return list(found.select())


def test_fragments_stay_as_they_are(command: Command, without_origin: Path, fragments: Path) -> None:
    few = ("-n", 12, "--max-atoms", 6, "start.rows=[1, 2]")
    outcome = command("generate", without_origin, "--start", fragments, *few, "-o", "some.db")
    assert outcome.code == 0, outcome.err
    molecules = rows("some.db")
    assert molecules
    sources = {1: coordinates("CO"), 0: coordinates("CCO")}
    for row in molecules:
        z, pos = sources[(int(row.data["number"][0]) + 1) % 2]
        assert row.data["n_fragment_atoms"].tolist() == [2]
        assert row.numbers[:2].tolist() == z[:2].tolist()
        distance = np.linalg.norm(row.positions[1] - row.positions[0])
        assert distance == pytest.approx(np.linalg.norm(pos[1] - pos[0]), abs=1e-6)
        np.testing.assert_allclose(  # around the centre of mass of the fragment
            row.positions[:2], pos[:2] - Atoms(z[:2], pos[:2]).get_center_of_mass(), atol=1e-6
        )
    with ase.db.connect("some.db") as found:
        settings = found.metadata["gschnet_pyg"]["settings"]
    assert settings["start"]["path"] == "fragments.db"
    assert settings["start"]["rows"] == [1, 2]


def test_every_format_and_every_name_of_a_file(command: Command, without_origin: Path, fragments: Path) -> None:
    """Records of files count from 0, rows of a database from 1."""
    name = "my fragments: CO.xyz"
    write(name, [row.toatoms() for row in rows("fragments.db")], format="xyz")
    arguments = ("-n", 6, "--max-atoms", 5, "--seed", 3)
    for path, row, output in ((fragments, 2, "a.db"), (name, 1, "b.db")):
        outcome = command("generate", without_origin, *arguments, "--start", path, f"start.rows=[{row}]", "-o", output)
        assert outcome.code == 0, outcome.err
    a, b = generated("a.db"), generated("b.db")
    np.testing.assert_array_equal(a.z, b.z)
    np.testing.assert_allclose(a.pos, b.pos, atol=1e-4)


def test_atoms_that_may_grow_are_chosen(command: Command, without_origin: Path, fragments: Path) -> None:
    """Only the first carbon of hexane's CC may get neighbours: all that is new hangs on to it, or on what is new."""
    chosen = ("start.rows=[3]", "start.atoms=[0, 1, 2]")
    arguments = ("generate", without_origin, "-n", 20, "--max-atoms", 6, "--start", fragments, *chosen)
    outcome = command(*arguments, "start.open_atoms=[0]", "-o", "open.db")
    assert outcome.code == 0, outcome.err
    grown = 0
    for row in rows("open.db"):
        assert row.data["n_fragment_atoms"].tolist() == [3]
        assert row.numbers[:3].tolist() == [6, 6, 6]
        distance = row.toatoms().get_all_distances()
        for atom in range(3, row.natoms):
            assert distance[atom, [0, *range(3, atom)]].min() < 1.7
            grown += 1
    assert grown
    outcome = command(*arguments, "start.finished=[1, 2]", "-o", "finished.db")
    assert outcome.code == 0, outcome.err
    a, b = generated("open.db"), generated("finished.db")
    np.testing.assert_array_equal(a.pos, b.pos)
    outcome = command(*arguments, "-o", "free.db")
    assert outcome.code == 0, outcome.err
    assert generated("free.db").z.tolist() != a.z.tolist()


def test_the_origin_can_be_stated(command: Command, with_origin: Path, fragments: Path) -> None:
    """Positions are relative to it."""
    chosen = ("start.rows=[1]", "-n", 6, "--max-atoms", 4, "-c", "gap=5")
    for origin, output in (("[0, 0, 1.5]", "stated.db"), (None, "own.db")):
        stated = [f"start.origin={origin}"] if origin else []
        outcome = command("generate", with_origin, "--start", fragments, *chosen, *stated, "-o", output)
        assert outcome.code == 0, outcome.err
    z, pos = coordinates("CO")
    for row in rows("stated.db"):
        np.testing.assert_allclose(row.positions[:2], pos[:2] - [0, 0, 1.5], atol=1e-6)
    for row in rows("own.db"):
        np.testing.assert_allclose(Atoms(z[:2], row.positions[:2]).get_center_of_mass(), 0, atol=1e-6)
    assert stored_metadata(Path("stated.db"))["origin"] == [0, 0, 0]


def test_every_target_with_every_substructure(command: Command, with_origin: Path, fragments: Path) -> None:
    targets = ("-c", "gap=4", "-c", "gap=7")
    arguments = ("-n", 40, "--max-atoms", 7, "start.rows=[1, 2]", "--trace", 0)
    outcome = command("generate", with_origin, "--start", fragments, *arguments, *targets, "-o", "some.db")
    assert outcome.code == 0, outcome.err
    assert "Warning" not in outcome.err
    first = next(line for line in outcome.out.splitlines() if line.startswith("molecule 0"))
    assert "origin" not in first  # two atoms are in place
    combinations = set()
    for row in rows("some.db"):
        number = int(row.data["number"][0])
        combinations.add((row.data["target_gap"].item(), row.numbers[1].item()))
        assert row.data["target_gap"].item() == [4, 7][number % 2]
        assert row.numbers[1] == [8, 6][number // 2 % 2]
    assert len(combinations) == 4


def test_appended_with_another_substructure(command: Command, without_origin: Path, fragments: Path) -> None:
    """One seed gives other molecules from another start."""
    arguments = ("generate", without_origin, "-n", 6, "--max-atoms", 5, "-o", "all.db", "--append")
    for row in (1, 2):
        outcome = command(*arguments, "--start", fragments, f"start.rows=[{row}]")
        assert outcome.code == 0, outcome.err
    refused(command(*arguments, "--start", fragments, "start.rows=[2]"), "seed")
    assert run.stored_counts(Path("all.db"))["requested"] == 12
    made_by = stored_metadata(Path("all.db"))
    assert [entry["origin"] for entry in (made_by, *made_by["appended"])] == [None, None]  # their frames are any


@pytest.mark.parametrize(
    ("arguments", "facts"),
    [
        ((), ("only learnt to complete substructures", "--start")),
        (("--start", "none.db"), ("none.db: no such file",)),
        (("start.rows=[1]",), ("start.path: missing",)),
        (("--start", "fragments.db", "start.rows=[7]"), ("fragments.db", "no row 7", "from 1 to 3")),
        (("--start", "fragments.db", "start.rows=[]"), ("rows", "empty")),
        (("--start", "fragments.db", "start.atoms=[5]", "start.rows=[1]"), ("no atom 5", "0 to 1")),
        (("--start", "fragments.db", "start.atoms=[0, 4]", "start.rows=[3]"), ("hang together",)),
        (("--start", "fragments.db", "start.finished=[0, 1]", "start.rows=[1]"), ("leave one unfinished",)),
        (("--start", "fragments.db", "start.finished=[0]", "start.open_atoms=[1]"), ("finished, open_atoms",)),
        (("--start", "fragments.db", "start.origin=[0, 1]"), ("start.origin",)),
        (("--start", "fragments.db", "start.origin=[0, 0, 1]"), ("start.origin", "without the origin token")),
        (("--start", "fragments.db", "--max-atoms", 10), ("max_atoms", "has 20 atoms")),
        (("--start", "fragments.db", "start.row=[1]"), ("start.row: unknown key; did you mean 'rows'?",)),
    ],
)
def test_bad_starts_are_refused(
    command: Command, without_origin: Path, fragments: Path, arguments: tuple[object, ...], facts: tuple[str, ...]
) -> None:
    refused(command("generate", without_origin, "-n", 2, *arguments, "-o", "none_.db"), *facts)
    assert not Path("none_.db").exists()


def test_growth_decides_what_is_learnt(command: Command, database: Path) -> None:
    short = "training.max_steps=2"
    growths = {
        "plain": "growth={origin: true}",
        "share": "growth={fragment_share: 0.5}",
        "larger": "growth={fragment_share: 1.0}",
        "finished": "growth={fragment_share: 1.0, finished_fragment: true}",
        "free": "growth={origin: false, fragment_share: 0.5}",
        "focus": "growth={next_atom: focus}",
        "random": "growth={next_atom: random}",
        "index": "growth={next_atom: index}",
    }
    losses = set()
    for name, growth in growths.items():
        directory = train(command, database, short, growth, name=name)
        settings = load_model(directory / "model.safetensors").settings
        assert settings.has_origin == (name != "free")
        assert settings.needs_fragment == ("fragment_share" in growth)
        losses.add((directory / "losses.json").read_text())
    assert len(losses) == len(growths)
    refused(train_again(command, database, "growth={origin: false}", name="none"), "growth", "fragment_share")
    refused(train_again(command, database, short, "growth={next_atom: index}", name="plain"), "growth: differs from")


def test_a_model_that_starts_from_nothing_completes_fragments_too(
    command: Command, database: Path, fragments: Path
) -> None:
    directory = train(command, database, "training.max_steps=2")
    outcome = command("generate", directory, "-n", 4, "--max-atoms", 4, "--start", fragments, "start.rows=[1]")
    assert outcome.code == 0, outcome.err
