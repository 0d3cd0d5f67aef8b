"""Properties that are computed from the atoms: what a molecule is made of, and its energy relative to that.

As columns for :meth:`MoleculeDataset.with_computed` they are made from the whole source::

    whole = molecules.whole
    molecules = molecules.with_computed(
        {
            "composition": compositions(whole, atom_types),
            "n_atoms": atom_counts(whole),
            "relative_atomic_energy": relative.column(molecules),
        },
        {"relative_atomic_energy": "eV"},
    )
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase.data import atomic_numbers, chemical_symbols

from gschnet_pyg.data.checks import check_elements
from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.errors import DataError, RecipeError


def compositions(molecules: MoleculeDataset, atom_types: Sequence[int]) -> np.ndarray:
    """Atoms of every type in every molecule.

    Args:
        molecules: M of them.
        atom_types: T atomic numbers; atoms of other elements count nowhere.

    Returns:
        ``[M, T]`` float64, columns in the order of the atom types.
    """
    n_types = len(atom_types)
    class_of = np.full(256, n_types)
    class_of[list(atom_types)] = np.arange(n_types)
    known = np.empty((len(molecules), n_types))
    for rows, z in molecules.elements_in_pieces():
        n_atoms = molecules.n_atoms[rows]
        first = np.arange(len(n_atoms)) * (n_types + 1)
        counts = np.bincount(np.repeat(first, n_atoms) + class_of[z], minlength=len(n_atoms) * (n_types + 1))
        known[rows] = counts.reshape(-1, n_types + 1)[:, :n_types]
    return known


def atom_counts(molecules: MoleculeDataset) -> np.ndarray:
    """``[M, 1]`` atoms of every molecule, float64."""
    return molecules.n_atoms[:, None].astype(np.float64)


def heavy_atom_counts(molecules: MoleculeDataset) -> np.ndarray:
    """``[M, 1]`` atoms other than hydrogen of every molecule, float64."""
    heavy: np.ndarray = atom_counts(molecules) - compositions(molecules, (1,))
    return heavy


@dataclass(frozen=True)
class RelativeAtomicEnergy:
    """Energy per atom minus what a molecule of that composition has on average, or in a table of the user's.

    The reference is linear in the concentrations of the elements, which sum to 1, plus an intercept.

    Attributes:
        energy: property that holds the energy, eV.
        atom_types: T atomic numbers.
        coefficients: of the concentrations, eV per atom, in the order of the atom types.
        intercept: eV per atom.
    """

    energy: str
    atom_types: tuple[int, ...]
    coefficients: tuple[float, ...]
    intercept: float

    @classmethod
    def fit(
        cls,
        energy: str,
        values: np.ndarray,
        compositions: np.ndarray,
        atom_types: Sequence[int],
        seed: int,
        max_molecules: int = 5000,
    ) -> RelativeAtomicEnergy:
        """Least squares on some of the training molecules.

        Concentrations and intercept are linearly dependent, so that many solutions fit equally well; the one of the
        smallest norm is taken.

        Args:
            energy: name of the property.
            values: ``[M]`` its values, eV.
            compositions: ``[M, T]`` atoms of every type.
            atom_types: T atomic numbers.
            seed: of the draw.
            max_molecules: to fit on; drawn without replacement if there are more.

        Raises:
            DataError: if there are no molecules, or some have no energy.
        """
        values = np.asarray(values, dtype=np.float64).reshape(-1)
        missing = int((~np.isfinite(values)).sum())
        if missing or not len(values):
            raise DataError(
                f"relative atomic energies cannot be fitted: {missing:,} of {len(values):,} training molecules have "
                f"no value of {energy!r}; leave them out or choose another property"
            )
        if len(values) > max_molecules:
            drawn = np.sort(np.random.default_rng(seed).choice(len(values), max_molecules, replace=False))
            values, compositions = values[drawn], compositions[drawn]
        n_atoms = compositions.sum(axis=1)
        terms = np.column_stack([compositions / n_atoms[:, None], np.ones(len(values))])
        solution, _, rank, _ = np.linalg.lstsq(terms, values / n_atoms)  # the smallest one where several fit
        if len(values) <= rank:
            raise DataError(
                f"relative atomic energies cannot be fitted to {len(values):,} training molecules, which leave nothing "
                "over; take more of them, or give coefficients"
            )
        *coefficients, intercept = solution.tolist()
        return cls(energy, tuple(atom_types), tuple(coefficients), intercept)

    @classmethod
    def given(
        cls, energy: str, coefficients: Mapping[str, float], intercept: float, atom_types: Sequence[int]
    ) -> RelativeAtomicEnergy:
        """With coefficients by the user.

        Args:
            energy: name of the property.
            coefficients: symbol of an element -> eV per atom; elements beyond the atom types are passed over.
            intercept: eV per atom.
            atom_types: T atomic numbers.

        Raises:
            RecipeError: if an atom type has no coefficient, a symbol is none of an element, or a number not finite.
        """
        if strange := [symbol for symbol in coefficients if symbol not in atomic_numbers]:
            raise RecipeError(f"relative atomic energy: {strange[0]!r} is not the symbol of an element")
        symbols = [chemical_symbols[z] for z in atom_types]
        if missing := [symbol for symbol in symbols if symbol not in coefficients]:
            raise RecipeError(
                f"relative atomic energy: there is no coefficient for {missing[0]}, which is among the atom types "
                f"({', '.join(symbols)}); give one, in eV per atom"
            )
        if not np.isfinite([intercept, *coefficients.values()]).all():
            raise RecipeError("relative atomic energy: a coefficient or the intercept is not a finite number")
        return cls(energy, tuple(atom_types), tuple(float(coefficients[s]) for s in symbols), float(intercept))

    def values(self, energies: np.ndarray, compositions: np.ndarray) -> np.ndarray:
        """Relative atomic energies.

        Args:
            energies: ``[M]`` eV.
            compositions: ``[M, T]`` atoms of every type, in the order of the atom types.

        Returns:
            ``[M]`` eV per atom.
        """
        n_atoms = compositions.sum(axis=1)
        # a product of matrices would round otherwise on another machine, and runs are resumed on others
        average = (compositions * np.array(self.coefficients)).sum(axis=1)
        relative: np.ndarray = (energies - average) / n_atoms - self.intercept
        return relative

    def column(self, molecules: MoleculeDataset) -> np.ndarray:
        """``[M, 1]`` relative atomic energies of all molecules of the source, NaN where it has no energy.

        Raises:
            DataError: if a molecule has no energy or holds an element outside the atom types, or the property is
                more than one number or not in a unit of energy.
        """
        check_elements(molecules, self.atom_types)
        carrying = MoleculeDataset(molecules.arrays, (self.energy,), molecules.rows)  # refuses what has no energy
        energies = carrying.arrays.properties[self.energy]
        if energies.values.shape[1] != 1 or energies.unit not in (None, "eV"):
            raise DataError(
                f"{molecules.source}: {self.energy!r} ({energies.values.shape[1]} values, in {energies.unit}) is no "
                "energy; choose another property, or give its unit if it is one"
            )
        with np.errstate(divide="ignore", invalid="ignore"):  # no atom of those types: only outside the view
            return self.values(energies.values[:, 0], compositions(molecules.whole, self.atom_types))[:, None]

    def to_json(self) -> dict[str, Any]:
        """As plain numbers and text, coefficients by element."""
        symbols = (chemical_symbols[z] for z in self.atom_types)
        return {
            "kind": "relative_atomic_energy",
            "energy": self.energy,
            "coefficients": dict(zip(symbols, self.coefficients, strict=True)),
            "intercept": self.intercept,
        }

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> RelativeAtomicEnergy:
        """From what :meth:`to_json` gives; the atom types are in the order of the coefficients.

        Raises:
            DataError: if it is something else.
        """
        try:
            if entry["kind"] != "relative_atomic_energy":
                raise ValueError(f"kind is {entry['kind']!r}")
            coefficients = {atomic_numbers[symbol]: float(value) for symbol, value in entry["coefficients"].items()}
            return cls(
                str(entry["energy"]),
                tuple(coefficients),
                tuple(coefficients.values()),
                float(entry["intercept"] or 0.0),  # none stands for 0 beside given coefficients
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(
                f"{entry!r} describes no relative atomic energy ({error!r}); restore the file that it comes from"
            ) from error
