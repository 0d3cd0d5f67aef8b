"""The calculator of the demo set: what its molecules were computed with."""

from __future__ import annotations

from typing import Any, ClassVar

from ase import Atoms
from ase.calculators.calculator import CalculationFailed, Calculator, all_changes
from rdkit import Chem

from gschnet_pyg.bonds import PerceptionOptions, perceive
from gschnet_pyg.data.demo import ENERGY, GAP
from gschnet_pyg.data.embedding import relax
from gschnet_pyg.data.orbitals import huckel_gap


class DemoCalculator(Calculator):
    """MMFF94 energy and extended Hückel gap, eV, of the next MMFF94 minimum, as in the demo set.

    The molecule is the one that RDKit perceives from the coordinates; what is not a valid molecule has neither.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", ENERGY, GAP]  # type: ignore[misc]

    def calculate(
        self, atoms: Atoms | None = None, properties: Any = ("energy",), system_changes: Any = all_changes
    ) -> None:
        """Called by ASE."""
        super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
        assert self.atoms is not None
        found = perceive(self.atoms.numbers, self.atoms.positions, options=PerceptionOptions())
        if found.mol is None:
            raise CalculationFailed(f"not a valid molecule ({found.failure})")
        mol = Chem.Mol(found.mol)
        energy = relax(mol)
        if energy is None:
            raise CalculationFailed("MMFF94 lacks parameters or does not converge")
        if (gap := huckel_gap(mol)) is None:
            raise CalculationFailed("extended Hückel theory does not converge")
        self.results = {"energy": energy, ENERGY: energy, GAP: gap}
