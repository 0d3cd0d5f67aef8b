from __future__ import annotations

from ase import Atoms
from rich.console import Console

from gschnet_pyg.contracts import Cutoffs, Rate
from gschnet_pyg.data.display import render
from gschnet_pyg.data.sources import open_dataset
from gschnet_pyg.data.summary import ElementCount, summarise_dataset
from gschnet_pyg.data.writing import write_database


def test_what_is_in_a_file(tmp_path, molecules):
    apart = Atoms("H2", [[0, 0, 0], [0, 0, 5]], info={"gap": 9.0, "dipole_vector": [1, 2, 3], "odd": 1.0})
    write_database(tmp_path / "a.db", [*molecules, apart], units={"gap": "eV"})
    summary = summarise_dataset(open_dataset(tmp_path / "a.db", progress=False), Cutoffs(), (1, 6), progress=False)
    assert summary.n_molecules == 5
    assert (summary.min_atoms, summary.mean_atoms, summary.max_atoms) == (2, 31 / 5, 12)
    assert summary.sizes == {2: 1, 3: 1, 5: 1, 9: 1, 12: 1}
    assert summary.elements == {"H": ElementCount(5, 20), "C": ElementCount(3, 9), "O": ElementCount(2, 2)}
    assert summary.disconnected == Rate(1, 5)
    assert summary.foreign_elements == ("O",)
    gap = summary.properties["gap"]
    assert (gap.unit, gap.size, gap.minimum, gap.maximum) == ("eV", 1, 1.5, 9.0)
    assert summary.properties["dipole_vector"].size == 3
    assert "row 1: has no value of 'odd'" in summary.left_out["odd"]


def test_names_and_units_are_shown_as_they_are(tmp_path, molecules):
    write_database(tmp_path / "a.db", molecules, units={"gap": "[debye]"})
    dataset = open_dataset(tmp_path / "a.db", progress=False)
    console = Console(width=120)
    with console.capture() as capture:
        console.print(render(summarise_dataset(dataset, Cutoffs(), (1, 6, 8), progress=False)))
    assert "[debye]" in capture.get()
