"""Molecules and the steps in which they grow, in 3D, for notebooks: a slider over frames that needs no network."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from gschnet_pyg.contracts import FINISHED, FOCUS, Trajectory, Vocabulary
from gschnet_pyg.files import replace_file
from gschnet_pyg.page.packing import packed
from gschnet_pyg.page.viewer import load_viewer

if TYPE_CHECKING:
    from torch_geometric.data import Data

Molecule: TypeAlias = "Atoms | Data | tuple[np.ndarray, np.ndarray]"

_DIGITS = 3  # of coordinates, Å


@dataclass(frozen=True)
class Frame:
    """One picture: atoms, and what a step sees.

    Attributes:
        symbols: of N atoms.
        pos: ``N`` triples, Å.
        caption: a line below the picture.
        focus: the focused atom, ``-1`` for the origin; none where there is no step.
        finished: atoms that nothing is placed at any more.
        following: symbol and place of the atom that comes next, as far as it is known.
        has_origin: show the origin token, which is at 0.
    """

    symbols: Sequence[str]
    pos: Sequence[Sequence[float]]
    caption: str
    focus: int | None = None
    finished: Sequence[int] = ()
    following: tuple[str, Sequence[float]] | None = None
    has_origin: bool = False


class FrameView:
    """Frames to look through; a notebook shows it as the value of a cell.

    Args:
        frames: at least one.
        height: of the picture, in pixels.

    Raises:
        ValueError: if there are no frames.
        DataError: if the 3D viewer is not installed.
    """

    def __init__(self, frames: Iterable[Frame], height: int = 380) -> None:
        self.frames, self.height = tuple(frames), height
        if not self.frames:
            raise ValueError("there are no frames to show")
        self._viewer = load_viewer()

    def __repr__(self) -> str:
        return f"{len(self.frames)} frames in 3D, the first: {self.frames[0].caption}"

    def _repr_html_(self) -> str:
        """A frame of its own in the notebook's page, so that neither disturbs the other."""
        page = html.escape(self.page(), quote=True)
        return (
            f'<iframe srcdoc="{page}" title="molecules in 3D" loading="lazy" '
            f'style="width: 100%; height: {self.height + 100}px; border: 0"></iframe>'
        )

    def page(self) -> str:
        """The page: HTML that loads nothing."""
        from jinja2 import Environment, PackageLoader, StrictUndefined

        environment = Environment(loader=PackageLoader("gschnet_pyg.page"), undefined=StrictUndefined, autoescape=True)
        assets = files("gschnet_pyg.page") / "assets"
        return environment.get_template("frames.html").render(
            styles=(assets / "frames.css").read_text(encoding="utf-8"),
            scripts="\n".join((assets / name).read_text(encoding="utf-8") for name in ("unpack.js", "frames.js")),
            frames=packed(json.dumps([asdict(frame) for frame in self.frames])),
            viewer=self._viewer,
            height=self.height,
            count=len(self.frames),
        )

    def write(self, path: str | Path) -> Path:
        """Write the page to a file."""
        with replace_file(Path(path)) as part:
            part.write_text(self.page(), encoding="utf-8")
        return Path(path)


def view_molecules(molecules: Iterable[Molecule], captions: Sequence[str] | None = None) -> FrameView:
    """Finished molecules, one after the other.

    Args:
        molecules: ``ase.Atoms``, ``Data`` with ``z`` and ``pos`` (Å), or pairs of these.
        captions: one for each; their formulas by default.
    """
    all_atoms = [_as_atoms(molecule) for molecule in molecules]
    words = [atoms.symbols.formula.format("hill") for atoms in all_atoms] if captions is None else captions
    return FrameView(
        Frame(list(atoms.symbols), _rounded(atoms.positions), caption)
        for atoms, caption in zip(all_atoms, words, strict=True)
    )


def _as_atoms(molecule: Molecule) -> Atoms:
    if isinstance(molecule, Atoms):
        return molecule
    z, pos = molecule if isinstance(molecule, tuple) else (molecule["z"], molecule["pos"])
    return Atoms(np.asarray(z), np.asarray(pos))


def view_trajectory(molecule: Data, trajectory: Trajectory, vocabulary: Vocabulary | None = None) -> FrameView:
    """How a finished molecule could have grown: what each step sees, and what it is to predict.

    Args:
        molecule: ``z [N]``, ``pos [N, 3]`` Å, centred on the origin.
        trajectory: of this molecule.
        vocabulary: says which type stands for *stop*.
    """
    stop = (vocabulary or Vocabulary()).stop
    symbols = [chemical_symbols[z] for z in np.asarray(molecule["z"])]
    pos = _rounded(np.asarray(molecule["pos"]))
    frames: list[Frame] = []
    stopped: list[int] = []
    for step, (focus, next_z, n_placed) in enumerate(
        zip(trajectory.focus.tolist(), trajectory.next_z.tolist(), trajectory.n_placed.tolist(), strict=True)
    ):
        placed = trajectory.order[:n_placed].tolist()
        place = {atom: number for number, atom in enumerate(placed)}
        is_stop = next_z == stop
        following = None if is_stop else int(trajectory.order[n_placed])
        label = "the origin" if focus < 0 else f"{symbols[focus]} (atom {focus})"
        what = "stop: it is finished" if is_stop else f"place {chemical_symbols[next_z]}"
        frames.append(
            Frame(
                [symbols[atom] for atom in placed],
                [pos[atom] for atom in placed],
                f"Step {step}, {n_placed} atoms in place. Focus: {label}. To predict: {what}.",
                focus=place.get(focus, -1),
                finished=[place[atom] for atom in stopped],
                following=None if following is None else (symbols[following], pos[following]),
                has_origin=True,
            )
        )
        if is_stop:
            stopped.append(focus)
    order = trajectory.order.tolist()
    words = "All atoms are placed and finished."
    whole = Frame([symbols[atom] for atom in order], [pos[atom] for atom in order], words, has_origin=True)
    return FrameView([*frames, whole])


def view_trace(frames: Iterable[Atoms]) -> FrameView:
    """How a molecule was generated, from the frames of its trace (``<output>.trace-<number>.extxyz``).

    Args:
        frames: with the ``tags`` and ``info`` of :class:`gschnet_pyg.generation.trace.StepTrace`.
    """
    shown = []
    for atoms in frames:
        tags, focus = atoms.arrays["tags"], int(atoms.info["focus"])
        label = "the origin" if focus < 0 else f"{atoms.symbols[focus]} (atom {focus})"
        shown.append(
            Frame(
                list(atoms.symbols),
                _rounded(atoms.positions),
                f"Step {atoms.info['step']}, {len(atoms)} atoms in place. Focus: {label}. "
                f"The model chose: {atoms.info['next']}.",
                focus=int(np.argmax(tags == FOCUS)) if (tags == FOCUS).any() else -1,
                finished=np.flatnonzero(tags == FINISHED).tolist(),
                has_origin=True,
            )
        )
    return FrameView(shown)


def _rounded(pos: np.ndarray) -> list[list[float]]:
    rows: list[list[float]] = np.round(pos, _DIGITS).tolist()
    return rows
