"""Quality of the coordinates of generated molecules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gschnet_pyg.contracts.distributions import Numbers
from gschnet_pyg.contracts.validity import Rate


@dataclass(frozen=True)
class Relaxation:
    """How far molecules are from the next minimum of a force field or a calculator.

    Attributes:
        method: force field or calculator.
        unit: of the energies.
        asked: valid molecules that were to be relaxed: a seeded sample, or all.
        relaxed: those that were.
        failures: the others by reason.
        energy: by which relaxed molecules went down, the strain; none where nothing was relaxed.
        rmsd: Å, of all atoms between the two geometries after superposition.
        same_bonds: relaxed molecules that kept their bonds.
        molecules: that were relaxed, by their number among the finished ones, from 0.
        pairs: energy and RMSD of each relaxed molecule.
        reference: the same of reference molecules, without their pairs; none without a reference.
    """

    method: str
    unit: str
    asked: int
    relaxed: int
    failures: Mapping[str, int]
    energy: Numbers | None
    rmsd: Numbers | None
    same_bonds: Rate
    molecules: tuple[int, ...] = field(default=(), repr=False)
    pairs: tuple[tuple[float, float], ...] = field(default=(), repr=False)
    reference: Relaxation | None = None


@dataclass(frozen=True)
class PoseChecks:
    """PoseBusters' checks of single molecules.

    Attributes:
        version: of the package.
        asked: valid molecules that were to be checked: a seeded sample, or all.
        checks: name -> molecules that pass, of those it could be applied to.
        all_passed: molecules that pass every check.
        failures: molecules that could not be checked, by reason.
    """

    version: str
    asked: int
    checks: Mapping[str, Rate]
    all_passed: Rate
    failures: Mapping[str, int]


@dataclass(frozen=True)
class Geometry:
    """Quality of the coordinates.

    Attributes:
        clashes: valid molecules in which atoms of no common bond or angle are too close.
        reference_clashes: the same of the reference; none without one.
        origin_distance: Å, of the centre of mass from the origin token, of finished molecules; none where the file
            does not say where the origin was.
        strain: relaxation by MMFF94; none where it was not asked for.
        relaxation: by a calculator; none where it was not asked for.
        pose_checks: PoseBusters'; none where they were not asked for.
    """

    clashes: Rate
    reference_clashes: Rate | None = None
    origin_distance: Numbers | None = None
    strain: Relaxation | None = None
    relaxation: Relaxation | None = None
    pose_checks: PoseChecks | None = None
