"""Molecules that cannot be are refused, and unusual ones that can be work, in files of every kind."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ase.db
import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from gschnet_pyg.data.sources import open_dataset
from gschnet_pyg.data.writing import write_database, write_molecules
from tests.data.test_sources import write_npz
from tests.faults.outcomes import assert_refused, must_refuse, nothing_written
from tests.integration.conftest import NO_WORKERS, TINY, Command, conformers

KINDS = (".db", ".extxyz", ".sdf", ".npz")


def write(path: Path, molecules: Sequence[Atoms]) -> Path:
    """Molecules as some program of others would write them: anything goes."""
    match path.suffix:
        case ".npz":
            np.savez(
                path,
                n_atoms=[len(atoms) for atoms in molecules],
                z=np.concatenate([atoms.numbers for atoms in molecules]),
                pos=np.concatenate([atoms.positions for atoms in molecules]),
            )
        case ".db":
            with ase.db.connect(path) as database:
                for atoms in molecules:
                    database.write(atoms)
        case ".sdf":
            path.write_text("".join(map(_record, molecules)))
        case _:
            ase.io.write(path, list(molecules))
    return path


def _record(atoms: Atoms) -> str:
    """A record of an SDF; RDKit itself would not write some of these."""
    lines = [
        f"{x:10.4f}{y:10.4f}{z:10.4f} {s:3s} 0" for s, (x, y, z) in zip(atoms.symbols, atoms.positions, strict=True)
    ]
    head = ["", "  by hand          3D", "", f"{len(atoms):3d}  0  0  0  0  0  0  0  0  0999 V2000"]
    return "\n".join([*head, *lines, "M  END", "$$$$", ""])


def at(*positions: Sequence[float], symbols: str | None = None) -> Atoms:
    return Atoms(symbols or f"H{len(positions)}", positions)


IMPOSSIBLE: dict[str, tuple[Atoms, str]] = {
    "nan": (at([0, 0, 0], [0, np.nan, 1]), "not a finite number"),
    "infinite": (at([0, 0, 0], [0, -np.inf, 1]), "not a finite number"),
    "all infinite": (at([np.inf] * 3, [np.inf] * 3), "not a finite number"),
    "doubled": (at([0, 0, 0], [0, 0, 0.002]), "at one place"),
    "far": (at([0, 0, 0], [0, 0, 3e8]), "move the molecule to the origin"),
    "empty": (Atoms(), "without atoms"),
    "ghost": (at([0, 0, 0], [0, 0, 1], symbols="XH"), "0 is not an atomic number"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reason", IMPOSSIBLE)
def test_impossible_molecules(command: Command, kind: str, reason: str) -> None:
    atoms, fact = IMPOSSIBLE[reason]
    if kind == ".sdf" and reason in ("nan", "infinite", "all infinite", "far"):
        fact = ""  # such numbers RDKit does not read, and ten columns do not hold
    path = write(Path(f"bad{kind}"), [molecule("CH4"), molecule("H2O"), atoms])
    place = "row 3" if kind == ".db" else "record 2"
    with nothing_written():
        settings = ("data.kind=file", f"data.path={path}", "run.id=x", *TINY)
        assert_refused(command("train", "qm9_fast", *settings), f"{path}, {place}", fact)
        assert_refused(command("data", "info", path), f"{path}, {place}", fact)
        assert_refused(command("data", "import", path, "-o", "new.db"), f"{path}, {place}", fact)


@pytest.mark.parametrize("kind", [".extxyz", ".sdf"])
@pytest.mark.parametrize("symbol", ["Qq", "12345", "é"])
def test_elements_that_do_not_exist(command: Command, kind: str, symbol: str) -> None:
    path = write(Path(f"bad{kind}"), [molecule("CH4"), molecule("CO")])
    text = path.read_text().replace("\nO ", f"\n{symbol} ").replace(" O  ", f" {symbol:3.3s}")
    path.write_text(text, encoding="utf-8")
    with nothing_written():
        assert_refused(command("data", "info", path), f"{path}, record 1")


@pytest.mark.parametrize("kind", KINDS)
def test_single_atoms_and_large_molecules_are_legitimate(command: Command, kind: str) -> None:
    """A single atom holds together; a thousand do where they are close."""
    grid = np.stack(np.meshgrid(*[1.5 * np.arange(10)] * 3), -1).reshape(-1, 3)
    molecules = [Atoms("He", [[1.0, 2.0, 3.0]]), Atoms("C1000", grid + 0.001), molecule("CH4")]
    if kind == ".sdf":
        molecules[1] = molecules[1][:999]  # the format counts to 999
    path = write(Path(f"fine{kind}"), molecules)
    dataset = open_dataset(path, progress=False)
    assert dataset.n_atoms.tolist() == [1, len(molecules[1]), 5]
    np.testing.assert_allclose(dataset.pos[1:-5], molecules[1].positions, atol=1e-4)
    assert dataset[0].pos.abs().max() == 0
    outcome = command("data", "info", path)
    assert outcome.code == 0
    assert outcome.err == ""
    assert command("report", path, "--sample", 0).code == 0


def test_training_on_single_atoms_and_large_molecules(command: Command) -> None:
    grid = np.stack(np.meshgrid(*[1.3 * np.arange(10)] * 3), -1).reshape(-1, 3)
    write_database("fine.db", [*conformers(), *[Atoms("O", [[0.0, 0, 0]])] * 3, Atoms("C1000", grid)])
    settings = ("data.path=fine.db", "training.max_steps=1", "training.steps_drawn=3", "cutoffs.model=3.0", "run.id=x")
    split = "split={train: 30, validation: 4, test: 2}"
    outcome = command("train", "qm9_fast", "data.kind=file", *TINY, *NO_WORKERS, *settings, split)
    assert outcome.code == 0, outcome.err
    assert command("generate", "runs/x", "-n", 2, "--max-atoms", 3, "-o", "new.db").code == 0


def test_paths_of_any_characters(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "Äther & Öl (1) 分子 %20 #?"
    folder.mkdir()
    for kind in KINDS:
        path = write(folder / f"mole küle 'ü' {{x}} [1]{kind}", conformers())
        outcome = command("data", "info", path)
        assert (outcome.code, outcome.err) == (0, "")
    database = folder / "mole küle 'ü' {x} [1].db"
    runs = folder / "läufe 1"
    where = (f"run.directory='{runs}'", "run.id=ä.1", f'data={{kind: file, path: "{database}"}}')
    assert command("train", "qm9_fast", *TINY, *NO_WORKERS, "training.max_steps=2", *where).code == 0
    for kind in (".db", ".extxyz", ".sdf"):
        output = folder / f"neue 分子{kind}"
        assert command("generate", runs / "ä.1", "-n", 2, "--max-atoms", 2, "-o", output).code == 0
    outcome = command(
        "report", database, "--reference", runs / "ä.1", "--html", folder / "bericht ü.html", "--sample", 0
    )
    assert outcome.code == 0, outcome.err
    assert command("data", "import", database, "-o", folder / "zweite ü.db").code == 0


ODD_NAMES = ("HOMO–LUMO gap / eV", "分子", "a.b", "x=y", "with 'quotes' \"both\"", "new\nline", " blank ")


def test_names_of_properties_of_any_characters(command: Command) -> None:
    """A database holds any name; a recipe asks for it as for others, and so does generation."""
    molecules = conformers()
    for number, atoms in enumerate(molecules):
        atoms.info = {name: float(number) for name in ODD_NAMES}
    write_database("a.db", molecules)
    assert set(open_dataset("a.db", progress=False).arrays.properties) == set(ODD_NAMES)
    assert command("data", "info", "a.db").code == 0
    conditions = [{"kind": "scalar", "property": name} for name in ODD_NAMES]
    Path("mine.yaml").write_text(json.dumps({"extends": "qm9_fast", "conditions": conditions}))
    settings = ("data={kind: file, path: a.db}", "run.id=x", *TINY, *NO_WORKERS, "training.max_steps=1")
    outcome = command("train", "mine.yaml", *settings)
    assert outcome.code == 0, outcome.err
    targets = {"kind": "generate", "run": "runs/x", "conditions": dict.fromkeys(ODD_NAMES, 3.0)}
    Path("targets.yaml").write_text(json.dumps(targets))
    outcome = command("generate", "targets.yaml", "-n", 2, "--max-atoms", 2, "-o", "new.db")
    assert outcome.code == 0, outcome.err
    conditions[0]["property"] = ""
    Path("mine.yaml").write_text(json.dumps({"extends": "qm9_fast", "conditions": conditions}))
    assert_refused(command("train", "mine.yaml"), "conditions.0.property")


@pytest.mark.parametrize("name", ["keys", "_private", "pos", "z", "edge_index"])
def test_names_that_molecules_use_themselves(command: Command, name: str) -> None:
    write_database("a.db", [molecule("CH4")] * 3, {name: [1.0, 2.0, 3.0]})
    settings = ("data={kind: file, path: a.db}", "run.id=x", *TINY, f"conditions=[{{kind: scalar, property: {name}}}]")
    with nothing_written():
        assert_refused(command("train", "qm9_fast", *settings), "a.db", name)


def with_properties(path: Path, properties: Sequence[dict[str, Any]]) -> Path:
    molecules = conformers()[: len(properties)]
    write_molecules(path, molecules, properties)
    return path


@pytest.mark.parametrize("kind", [".db", ".extxyz", ".sdf"])
@pytest.mark.parametrize(
    ("properties", "fact"),
    [
        ([{"gap": 1.0}, {"gap": [1.0, 2.0]}] * 16, "changes its shape"),
        ([{"gap": 1.0}, {}] * 16, "has no value of 'gap'"),
        ([{}] * 32, "no property 'gap'"),
        ([{"gap": "high"}] * 32, "no property 'gap'"),
        (
            [{"gap": [1.0, 2.0, float(number)]} for number in range(32)],
            "as a condition it is of kind: vector",
        ),
        ([{"gap": 1.0}] * 32, "set minimum and maximum"),
        ([{"gap": float("nan")}] * 32, "has no value of 'gap'"),
        ([{"gap": float(number)} for number in range(31)] + [{"gap": float("inf")}], "has no value of 'gap'"),
    ],
)
def test_properties_that_cannot_be_conditions(command: Command, kind: str, properties: list, fact: str) -> None:
    path = with_properties(Path(f"a{kind}"), properties)
    settings = (f"data={{kind: file, path: {path}}}", "run.id=x", *TINY, "conditions=[{kind: scalar, property: gap}]")
    with nothing_written():
        assert_refused(command("train", "qm9_fast", *settings), "gap", fact)


def test_units_that_contradict_each_other(command: Command) -> None:
    molecules = conformers()
    gaps = {"gap": [float(number) for number in range(32)]}
    write_database("ev.db", molecules, gaps, {"gap": "eV"})
    write_database("hartree.db", molecules, gaps, {"gap": "Hartree"})
    write_database("debye.db", molecules, gaps, {"gap": "D"})
    with ase.db.connect("bohr.db") as database:
        database.write(molecules[0])
        database.metadata = {"_distance_unit": "Bohr", "_property_unit_dict": {}}
    with nothing_written():
        assert_refused(
            command("data", "import", "ev.db", "debye.db", "-o", "new.db"), "differs between the files in unit"
        )
        twice = ("--unit", "gap=Hartree", "--unit", "gap=eV")
        assert_refused(command("data", "import", "ev.db", "-o", "new.db", *twice), "gap", "twice")
        assert_refused(command("data", "import", "ev.db", "-o", "new.db", "--unit", "gap=Hartree"), "states gap in eV")
        assert_refused(command("data", "import", "bohr.db", "-o", "n.db", "--distance-unit", "nm"), "states distances")
        must_refuse(
            lambda: write_database("ev.db", molecules, gaps, {"gap": "Hartree"}, append=True), "holds gap in eV"
        )
        must_refuse(lambda: write_database("bohr.db", molecules, append=True), "holds distances in Bohr")
    assert command("data", "import", "ev.db", "hartree.db", "-o", "new.db").code == 0  # energies all become eV
    gap = open_dataset("new.db", progress=False).properties["gap"]
    assert gap.unit == "eV"
    np.testing.assert_allclose(gap.values[33:, 0] / gap.values[1:32, 0], 27.211386, rtol=1e-5)


TRAIN = ("train", "qm9_fast", "data={kind: file, path: molecules.db}", *TINY)
FOLDERS: dict[str, tuple[str, ...]] = {
    "data": ("data", "info", "folder"),
    "training data": (*TRAIN, "data.path=folder"),
    "a split": (*TRAIN, "split={file: folder}"),
    "a reference": ("report", "molecules.db", "--reference", "folder"),
    "molecules": ("report", "folder"),
    "a recipe": ("train", "folder"),
    "a state dict": ("convert", "folder", "--recipe", "qm9", "-o", "new"),
    "a table": ("data", "import", "molecules.db", "-o", "new.db", "--properties", "folder", "--key", "id"),
    "an output": ("data", "import", "molecules.db", "-o", "folder"),
    "a page": ("report", "molecules.db", "--html", "folder"),
}
FILES: dict[str, tuple[str, ...]] = {
    "runs": (*TRAIN, "run.directory=file"),
    "a run": ("generate", "file", "-n", "1"),
    "QM9": ("train", "qm9_fast", "data={kind: qm9, directory: file}", "run.id=x"),
    "an output's folder": ("data", "import", "molecules.db", "-o", "file/new.db"),
    "a cache": (*TRAIN, "run.cache_directory=file"),
}


@pytest.mark.parametrize("place", FOLDERS)
def test_a_folder_in_place_of_a_file(command: Command, database: Path, place: str) -> None:
    Path("folder").mkdir()
    with nothing_written():
        assert_refused(command(*FOLDERS[place]), "folder")


@pytest.mark.parametrize("place", FILES)
def test_a_file_in_place_of_a_folder(command: Command, database: Path, place: str) -> None:
    Path("file").write_text("text\n")
    with nothing_written():
        assert_refused(command(*FILES[place]), "file")


def test_npz_of_the_readers_own_tests_is_fine(tmp_path: Path, molecules: list[Atoms]) -> None:
    assert len(open_dataset(write_npz(tmp_path / "ä ö.npz", molecules), progress=False)) == len(molecules)
