"""What generated molecules begin with."""

from __future__ import annotations

from pathlib import Path

from gschnet_pyg.recipe_sections.base import Count, Section

Position = tuple[float, float, float]


class StartSettings(Section):
    """Substructures that molecules grow from, in turn."""

    path: Path
    """File that holds them: a database or any file of molecules."""
    rows: tuple[Count, ...] | None = None
    """Which of its molecules, by id of a database row or number of the record; all where there are none."""
    atoms: tuple[Count, ...] | None = None
    """Which of their atoms, counted from 0; all where there are none."""
    origin: Position | None = None
    """Where the centre of mass of the finished molecule shall lie, Å, in the coordinates of the file; the centre of
    mass of the substructure where there is none, though nobody knows that of the molecule in advance."""
    finished: tuple[Count, ...] = ()
    """Atoms, counted from 0 among those taken, that get no further neighbour."""
    open_atoms: tuple[Count, ...] | None = None
    """The other way round: the only atoms that may get neighbours."""
