"""Molecules drawn in 2D and written as SDF blocks.

Worker processes import this module: it needs NumPy and RDKit only, so that they start quickly.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdDepictor
from rdkit.Chem.Draw import rdMolDraw2D

from gschnet_pyg.bonds import PerceptionOptions, perceive, skeleton
from gschnet_pyg.validity.checks import Molecule

_SCALE = 19.0  # pixels of an Å in the plane of the drawing: all molecules are drawn to one scale
_FONT = 13
_COLOURS = {
    7: ("#0000ff", "N"), 8: ("#ff0000", "O"), 9: ("#00ff00", "F"), 17: ("#00fe00", "F"), 35: ("#7f0000", "Br"),
    53: ("#7f007f", "I"), 16: ("#ffff00", "S"), 15: ("#ff7f00", "P"), 5: ("#7f7f00", "B"), 14: ("#7f7f01", "B"),
}  # fmt: skip
_CLASSES = dict(_COLOURS.values())  # of the page's style sheet, which has a colour for either theme
_ANY, _NO_HYDROGENS = 8, 15  # bond type and valence field of a V2000 file
_MOST_ATOMS, _FARTHEST = 999, 9_999.0  # atoms and Å of a V2000 file


class Unsearched(NamedTuple):
    """A molecule whose bond orders are not to be searched for, because RDKit did not survive it before.

    Attributes:
        z: ``[N]`` atomic numbers.
        pos: ``[N, 3]`` Å.
    """

    z: np.ndarray
    pos: np.ndarray


@dataclass(frozen=True)
class Drawn:
    """One molecule as text.

    Attributes:
        svg: drawing in 2D, black as ``currentColor``; none where there is nothing to draw.
        block: V2000 block with the coordinates in Å, first line empty, without data fields; none where the
            coordinates cannot be written.
    """

    svg: str | None
    block: str | None


def draw(item: Molecule | str, options: PerceptionOptions) -> Drawn:
    """Draw one molecule; where it is not valid, its atoms and the bonds between them without their orders.

    Args:
        item: atoms and positions, or a SMILES, which has no block; of ``Unsearched`` the skeleton.
        options: what counts as a molecule.
    """
    with rdBase.BlockLogs():
        if isinstance(item, str):
            mol = Chem.MolFromSmiles(item)
            return Drawn(None if mol is None else _draw_valid(mol), None)
        z, pos = item
        if not len(z) or min(z) < 1 or max(z) > 118 or not np.isfinite(pos).all():
            return Drawn(None, None)
        found = None if isinstance(item, Unsearched) else perceive(z, pos, options=options).mol
        if found is not None:
            mol = Chem.Mol(found)
            Chem.AssignStereochemistryFrom3D(mol)
            return Drawn(_draw_valid(Chem.RemoveHs(mol)), _valid_block(mol))
        bonded = skeleton(np.asarray(z), np.asarray(pos, dtype=np.float64))
        return Drawn(_draw_skeleton(bonded), _skeleton_block(bonded))


def _draw_valid(mol: Chem.Mol) -> str:
    mol = rdMolDraw2D.PrepareMolForDrawing(mol, addChiralHs=False, forceCoords=True)
    return _svg(mol, {})


def _draw_skeleton(mol: Chem.Mol) -> str:
    """Hydrogens with one heavy neighbour become part of its label, all others are atoms of the drawing."""
    editable = Chem.RWMol(mol)
    held: Counter[int] = Counter()
    for atom in mol.GetAtoms():
        neighbours = atom.GetNeighbors()
        if atom.GetAtomicNum() == 1 and len(neighbours) == 1 and neighbours[0].GetAtomicNum() > 1:
            held[neighbours[0].GetIdx()] += 1
            editable.GetAtomWithIdx(atom.GetIdx()).SetIntProp("held", 1)
    for atom in editable.GetAtoms():
        atom.SetNoImplicit(True)
        atom.SetIntProp("hydrogens", held[atom.GetIdx()])
    for bond in editable.GetBonds():
        bond.SetBondType(Chem.BondType.SINGLE)
    editable.BeginBatchEdit()
    for atom in editable.GetAtoms():
        if atom.HasProp("held"):
            editable.RemoveAtom(atom.GetIdx())
    editable.CommitBatchEdit()
    drawn = editable.GetMol()
    drawn.UpdatePropertyCache(strict=False)
    Chem.GetSymmSSSR(drawn)
    rdDepictor.Compute2DCoords(drawn)
    return _svg(
        drawn, {atom.GetIdx(): _label(atom.GetSymbol(), atom.GetIntProp("hydrogens")) for atom in drawn.GetAtoms()}
    )


def _label(symbol: str, hydrogens: int) -> str:
    return symbol + ("" if not hydrogens else "H" if hydrogens == 1 else f"H<sub>{hydrogens}</sub>")


def _svg(mol: Chem.Mol, labels: dict[int, str]) -> str:
    drawer = rdMolDraw2D.MolDraw2DSVG(-1, -1, -1, -1, True)
    options: Any = drawer.drawOptions()
    options.clearBackground = False
    options.prepareMolsBeforeDrawing = False
    options.scalingFactor = _SCALE
    options.fixedFontSize = _FONT
    options.bondLineWidth = 1
    options.padding = 0.03
    options.additionalAtomLabelPadding = 0.06
    options.updateAtomPalette({-1: (0, 0, 0), 1: (0, 0, 0), 6: (0, 0, 0)})
    options.updateAtomPalette({number: _channels(colour) for number, (colour, _) in _COLOURS.items()})
    for atom, label in labels.items():
        options.atomLabels[atom] = label
    drawer.DrawMolecule(mol)
    drawer.FinishDrawing()
    return _compact(drawer.GetDrawingText())


def _channels(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    return red, green, blue


_SIZE = re.compile(r"viewBox='0 0 (\d+) (\d+)'")
_PATH = re.compile(r"<path (?:class='([^']*)' )?d='([^']*)' style='([^']*)'")
_TEXT = re.compile(r"<text x='([^']*)' y='([^']*)'[^>]*?font-size:(\d+)px[^>]*?fill:(#\w+)[^>]*>([^<]*)<")
_NUMBER = re.compile(r"-?\d+\.\d+")


def _compact(svg: str) -> str:
    """RDKit's drawing with a path for all lines, one for all wedges, and coloured letters: about a tenth as long."""
    found = _SIZE.search(svg)
    if found is None:
        raise RuntimeError("RDKit has drawn something without a view box")
    width, height = found.groups()
    lines: list[str] = []
    wedges: list[str] = []
    bond = end = ""
    for name, path, style in _PATH.findall(svg):
        path = _NUMBER.sub(lambda number: f"{float(number[0]):.1f}".removesuffix(".0"), path)
        if "fill:none" not in style:
            wedges.append(path)
            continue
        start, _, rest = path.partition(" L ")
        # the two halves of a bond between different elements are one line
        joined = name == bond and start == end and rest.count(",") == 1
        if joined:
            lines[-1] = f"{lines[-1].rpartition(' L ')[0]} L {rest}"
        else:
            lines.append(path)
        bond, end = name, "M " + path.rpartition(" L ")[2]
    drawn = "".join(
        f'<path class="{kind}" d="{"".join(paths).replace(" L ", "L").replace("M ", "M").replace(" Z", "Z")}"/>'
        for kind, paths in (("l", lines), ("w", wedges))
        if paths
    )
    letters = "".join(
        f'<text x="{float(x):.0f}" y="{float(y):.0f}"{_attributes(colour.lower(), int(size))}>{letter}</text>'
        for x, y, size, colour, letter in _TEXT.findall(svg)
    )
    return f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}">{drawn}{letters}</svg>'


def _attributes(colour: str, size: int) -> str:
    classes = [_CLASSES[colour]] if colour in _CLASSES else []
    if size < _FONT:
        classes.append("sub")
    return f' class="{" ".join(classes)}"' if classes else ""


def _valid_block(mol: Chem.Mol) -> str | None:
    """RDKit's own, so that it reads the same molecule again."""
    if mol.GetNumAtoms() > _MOST_ATOMS or not _fits(mol):
        return None
    return _without_header(str(Chem.MolToMolBlock(mol)))


def _skeleton_block(mol: Chem.Mol) -> str | None:
    """Bonds of any order, no valences that a reader could object to or fill with hydrogens."""
    if max(mol.GetNumAtoms(), mol.GetNumBonds()) > _MOST_ATOMS or not _fits(mol):
        return None
    atoms = [
        f"{x:10.4f}{y:10.4f}{z:10.4f} {atom.GetSymbol():<3} 0  0  0  0  0{_NO_HYDROGENS:3d}  0  0  0  0  0  0"
        for atom, (x, y, z) in zip(mol.GetAtoms(), mol.GetConformer().GetPositions().tolist(), strict=True)
    ]
    bonds = [f"{b.GetBeginAtomIdx() + 1:3d}{b.GetEndAtomIdx() + 1:3d}{_ANY:3d}  0" for b in mol.GetBonds()]
    counts = f"{len(atoms):3d}{len(bonds):3d}  0  0  0  0  0  0  0  0999 V2000"
    return "\n".join(["", "     RDKit          3D", "", counts, *atoms, *bonds, "M  END", ""])


def _fits(mol: Chem.Mol) -> bool:
    """Whether coordinates have room in the columns of a V2000 file."""
    return bool(np.abs(mol.GetConformer().GetPositions()).max(initial=0.0) < _FARTHEST)


def _without_header(block: str) -> str:
    return "\n" + block.split("\n", 1)[1]
