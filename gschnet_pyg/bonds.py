"""Coordinates -> RDKit molecule, or a reason why not.

Worker processes that judge molecules import this module: it needs NumPy and RDKit only, so that they start quickly.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdDetermineBonds, rdFingerprintGenerator, rdqueries

_SMALL = 128
"""Atoms of molecules whose pairs are kept, 128 kB at most for each number of atoms."""

_RADICAL = rdqueries.NumRadicalElectronsGreaterQueryAtom(0)

MIN_DISTANCE = 0.4
"""Å; atoms closer than this are taken to be at one place. RDKit forms no bond there; the shortest is 0.74 (H-H)."""


@dataclass(frozen=True)
class PerceptionOptions:
    """What counts as a molecule.

    Args:
        charges: total charges that are allowed, tried in this order.
        charged_fragments: place formal charges on atoms according to their valence, as in nitro groups. Total
            charges other than 0 need it.
        radicals: allow unpaired electrons.
        max_iterations: limit of the search for bond orders.
    """

    charges: tuple[int, ...] = (0,)
    charged_fragments: bool = False
    radicals: bool = False
    max_iterations: int = 10_000

    def __post_init__(self) -> None:
        if not self.charges:
            raise ValueError("charges: allow at least one total charge")
        if any(self.charges) and not self.charged_fragments:
            raise ValueError("charges: total charges other than 0 need charged_fragments")
        if self.max_iterations < 1:
            raise ValueError("max_iterations: at least 1")


@dataclass(frozen=True)
class Perceived:
    """A molecule, or the reason why there is none; exactly one of the two is there.

    Attributes:
        mol: sanitised, hydrogens explicit, atoms in the given order, with the coordinates as its conformer.
        failure: one of

            - ``empty``: no atoms,
            - ``bad_coordinates``: a coordinate that is not finite, or two atoms at one place,
            - ``unknown_element``: an atomic number outside 1 to 118,
            - ``disconnected``: more than one fragment,
            - ``bond_orders``: no bond orders fit the valences and the total charge,
            - ``iterations``: the search for bond orders reached its limit,
            - ``sanitisation``: RDKit refuses the molecule, mostly for a valence,
            - ``radical``: an unpaired electron.
    """

    mol: Chem.Mol | None
    failure: str | None


def perceive(z: np.ndarray, pos: np.ndarray, *, options: PerceptionOptions) -> Perceived:
    """Find the bonds of one molecule from its coordinates.

    Args:
        z: ``[N]`` atomic numbers.
        pos: ``[N, 3]`` Å.
        options: what counts as a molecule.

    Raises:
        ValueError: if the shapes do not fit each other.

    Source:
        RDKit's ``rdDetermineBonds``, after Kim and Kim, Bull. Korean Chem. Soc. 36, 1769 (2015), with its
        connect-the-dots connectivity. Disconnected structures are rejected before the search for bond orders.
    """
    z, pos = np.asarray(z), np.asarray(pos, dtype=np.float64)
    if z.ndim != 1 or pos.shape != (len(z), 3):
        raise ValueError(f"z {z.shape} and pos {pos.shape} are not [N] and [N, 3]")
    if failure := _objection(z, pos):
        return Perceived(None, failure)
    with rdBase.BlockLogs():
        bonded = skeleton(z, pos)
        if len(Chem.GetMolFrags(bonded)) > 1:
            return Perceived(None, "disconnected")
        attempts = []
        for charge in options.charges:
            attempts.append(_with_bond_orders(bonded, charge, options))
            if attempts[-1].mol is not None:
                return attempts[-1]
    return attempts[0]


def pair_distances(pos: np.ndarray) -> np.ndarray:
    """Distances of all pairs of points, each once, as :func:`pairs` has them.

    Args:
        pos: ``[N, 3]``.

    Returns:
        ``[N (N - 1) / 2]``.
    """
    first, second = pairs(len(pos))
    squares = (pos.take(first, axis=0) - pos.take(second, axis=0)) ** 2
    distances: np.ndarray = np.sqrt(squares[:, 0] + squares[:, 1] + squares[:, 2])
    return distances


def pairs(n: int) -> tuple[np.ndarray, np.ndarray]:
    """First and second atoms of all pairs, the first being the lower: ``[N (N - 1) / 2]`` each."""
    return _kept_pairs(n) if n <= _SMALL else np.triu_indices(n, 1)


def skeleton(z: np.ndarray, pos: np.ndarray) -> Chem.Mol:
    """Molecule with bonds but no bond orders, not sanitised: what is known of one that is not valid too.

    Args:
        z: ``[N]`` atomic numbers, 1 to 118.
        pos: ``[N, 3]`` Å, finite.
    """
    mol = Chem.RWMol()
    for number in z.tolist():
        mol.AddAtom(atom(number))
    conformer = Chem.Conformer(len(z))
    conformer.SetPositions(np.ascontiguousarray(pos))
    mol.AddConformer(conformer)
    rdDetermineBonds.DetermineConnectivity(mol)
    return mol.GetMol()


@lru_cache
def atom(number: int) -> Chem.Atom:
    """An atom of an element, to add copies of."""
    return Chem.Atom(number)


def canonical_smiles(mol: Chem.Mol, *, stereo: bool = True) -> str:
    """Canonical SMILES without hydrogens.

    RDKit names about 0.2 % of QM9, strained cages, differently when their atoms are renumbered; without stereo none.

    Args:
        mol: sanitised molecule with a conformer, as ``perceive`` gives it; it is not changed.
        stereo: keep the stereochemistry that the coordinates show. A hydrogen that is needed to tell the two forms
            of an imine is then written, ``[H]/N=C/C``.
    """
    return str(Chem.MolToSmiles(heavy_atoms(mol, stereo=stereo), isomericSmiles=stereo))


def heavy_atoms(mol: Chem.Mol, *, stereo: bool) -> Chem.Mol:
    """A molecule without its hydrogens, as a copy.

    Args:
        mol: sanitised.
        stereo: with the stereochemistry that the coordinates show, and the hydrogens that this needs; otherwise it has
            neither.
    """
    mol = Chem.Mol(mol)
    with rdBase.BlockLogs():
        if stereo:
            Chem.AssignStereochemistryFrom3D(mol)
        else:
            Chem.RemoveStereochemistry(mol)
        return mol if mol.GetNumAtoms() == mol.GetNumHeavyAtoms() else Chem.RemoveHs(mol)


def fingerprint(mol: Chem.Mol, radius: int = 2, bits: int = 2048) -> np.ndarray:
    """Morgan fingerprint of a molecule without its hydrogens and its stereochemistry.

    So a molecule perceived from coordinates and one parsed from SMILES have the same. Every molecule sets some bit.

    Args:
        mol: sanitised; it is not changed.
        radius: of the environments, in bonds.
        bits: length.

    Returns:
        ``[bits]`` uint8, 0 or 1.

    Source:
        Rogers and Hahn, J. Chem. Inf. Model. 50, 742 (2010), as RDKit has it.
    """
    return heavy_fingerprint(heavy_atoms(mol, stereo=False), radius, bits)


def heavy_fingerprint(heavy: Chem.Mol, radius: int = 2, bits: int = 2048) -> np.ndarray:
    """:func:`fingerprint` of what :func:`heavy_atoms` gives without stereochemistry."""
    bit_array: np.ndarray = _morgan(radius, bits).GetFingerprintAsNumPy(heavy)
    return bit_array


def smiles_fingerprint(smiles: str, radius: int = 2, bits: int = 2048) -> np.ndarray:
    """:func:`fingerprint` of the molecule that a SMILES names.

    Raises:
        ValueError: if RDKit cannot parse it, or it names nothing.
    """
    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(smiles)
    if mol is None or not mol.GetNumAtoms():
        raise ValueError(f"{smiles!r} is no SMILES of a molecule that RDKit accepts")
    return fingerprint(mol, radius, bits)


def perceived_fingerprints(z: np.ndarray, pos: np.ndarray, offsets: np.ndarray, radius: int, bits: int) -> np.ndarray:
    """Packed fingerprints of molecules whose bonds are perceived by the default options.

    Args:
        z: ``[sum N]`` atomic numbers.
        pos: ``[sum N, 3]`` Å.
        offsets: ``[M + 1]`` first atom of every molecule.
        radius: of the environments, in bonds.
        bits: length, a multiple of 8.

    Returns:
        ``[M, bits / 8]`` uint8, as ``np.packbits`` packs them; no bit is set where the bonds cannot be perceived.
    """
    found = np.zeros((len(offsets) - 1, bits // 8), dtype=np.uint8)
    for row, atoms in enumerate(map(slice, offsets[:-1], offsets[1:])):
        mol = perceive(z[atoms], pos[atoms], options=PerceptionOptions()).mol
        if mol is not None:
            found[row] = np.packbits(fingerprint(mol, radius, bits))
    return found


def tanimoto(a: np.ndarray, b: np.ndarray) -> float:
    """Tanimoto similarity of two fingerprints ``[bits]``: bits of both over bits of either; 1 if there are none.

    Raises:
        ValueError: if they differ in length.
    """
    a, b = np.asarray(a, dtype=bool), np.asarray(b, dtype=bool)
    if a.shape != b.shape:
        raise ValueError(f"fingerprints of {a.shape} and {b.shape} bits cannot be compared")
    either = np.count_nonzero(a | b)
    return np.count_nonzero(a & b) / either if either else 1.0


@lru_cache(maxsize=_SMALL)
def _kept_pairs(n: int) -> tuple[np.ndarray, np.ndarray]:
    return np.triu_indices(n, 1)


@lru_cache
def _morgan(radius: int, bits: int) -> rdFingerprintGenerator.FingerprintGenerator64:
    return rdFingerprintGenerator.GetMorganGenerator(radius=radius, fpSize=bits)


def _objection(z: np.ndarray, pos: np.ndarray) -> str | None:
    """What is wrong before any chemistry."""
    if not len(z):
        return "empty"
    if not np.isfinite(pos).all():
        return "bad_coordinates"
    if z.min() < 1 or z.max() > 118:
        return "unknown_element"
    if len(z) > 1 and pair_distances(pos).min() < MIN_DISTANCE:
        return "bad_coordinates"
    return None


def _with_bond_orders(skeleton: Chem.Mol, charge: int, options: PerceptionOptions) -> Perceived:
    """The molecule at one total charge."""
    mol = Chem.Mol(skeleton)
    try:
        rdDetermineBonds.DetermineBondOrders(
            mol,
            charge=charge,
            allowChargedFragments=options.charged_fragments,
            embedChiral=False,
            maxIterations=options.max_iterations,
        )
    except ValueError:
        return Perceived(None, "bond_orders")
    except RuntimeError as error:  # RDKit has no type of its own for the limit
        return Perceived(None, "iterations" if "Max Iterations" in str(error) else "bond_orders")
    try:
        Chem.SanitizeMol(mol)
    except Chem.MolSanitizeException:
        return Perceived(None, "sanitisation")
    # only sanitising counts the electrons that no bond took
    if not options.radicals and len(mol.GetAtomsMatchingQuery(_RADICAL)):
        return Perceived(None, "radical")
    return Perceived(mol, None)
