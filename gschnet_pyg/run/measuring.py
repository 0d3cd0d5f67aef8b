"""What a report says of geometry beyond the verdicts: relaxation, PoseBusters' checks, distance from the origin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gschnet_pyg.contracts import Geometry, Relaxation, ValidityReport
from gschnet_pyg.data.cache import user_cache
from gschnet_pyg.errors import DataError
from gschnet_pyg.run.references import OpenReference
from gschnet_pyg.validity.calculators import load_calculator
from gschnet_pyg.validity.checks import Molecule, ValidityOptions
from gschnet_pyg.validity.origin import describe_origin
from gschnet_pyg.validity.pieces import Pieces
from gschnet_pyg.validity.pose_checks import check_poses, require_posebusters
from gschnet_pyg.validity.relaxation import (
    beside,
    check_forces,
    reference_relaxation,
    relax_by_calculator,
    relax_by_mmff,
)
from gschnet_pyg.validity.samples import sample_rows


@dataclass(frozen=True)
class Measurements:
    """What is measured on a sample of the valid molecules.

    Args:
        sample: valid molecules to take, and as many of the reference, seeded samples; 0 leaves all of this out.
        relax: ASE calculator to relax them with as well, by name or as ``module:attribute``.
        posebusters: whether PoseBusters checks them as well.
        seed: of the samples.
    """

    sample: int = 500
    relax: str | None = None
    posebusters: bool = False
    seed: int = 0

    def checked_calculator(self) -> Any:
        """The calculator, if there is one; this and the packages are checked before any work is done.

        Raises:
            DataError: if it cannot be made or has no forces, PoseBusters is not installed, or the sample is empty.
        """
        if not self.sample and (self.relax is not None or self.posebusters):
            raise DataError("--sample 0: leaves no molecules to relax or to check; give a number, 500 by default")
        if self.posebusters:
            require_posebusters()
        if self.relax is None:
            return None
        calculator = load_calculator(self.relax)
        check_forces(calculator, self.relax)
        return calculator


@dataclass(frozen=True)
class Laboratory:
    """Measures files by the same settings, beside a reference that was measured once.

    Attributes:
        measurements: what is wanted.
        options: how bonds are perceived.
        calculator: that relaxes molecules, if one does.
        reference_strain, reference_relaxation: of reference molecules; none without a reference.
        progress: show bars on a terminal.
    """

    measurements: Measurements
    options: ValidityOptions
    calculator: Any
    reference_strain: Relaxation | None
    reference_relaxation: Relaxation | None
    progress: bool

    @classmethod
    def of(
        cls,
        measurements: Measurements,
        options: ValidityOptions,
        reference: OpenReference | None,
        calculator: Any,
        *,
        force: bool,
        progress: bool,
    ) -> Laboratory:
        """Measure the reference.

        Args:
            measurements: what is wanted.
            options: how bonds are perceived.
            reference: its molecules, if there is one.
            calculator: from ``Measurements.checked_calculator``.
            force: measure anew what is kept of the reference.
            progress: show bars on a terminal.
        """
        strain = relaxation = None
        if reference is not None and measurements.sample:
            valid = np.flatnonzero([smiles is not None for smiles in reference.judged.smiles])
            n, seed, molecules = measurements.sample, measurements.seed, reference.molecules
            strain = reference_relaxation(
                molecules, valid, n, options, seed=seed, cache=user_cache(), force=force, progress=progress
            )
            if calculator is not None and measurements.relax is not None:
                pieces, rows = Pieces(molecules.z, molecules.pos, molecules.offsets), sample_rows(valid, n, seed)
                relaxation = relax_by_calculator(
                    pieces, rows, calculator, measurements.relax, options, progress=progress
                )
        return cls(measurements, options, calculator, strain, relaxation, progress)

    def geometry(self, report: ValidityReport, molecules: Sequence[Molecule], made_by: Mapping[str, Any]) -> Geometry:
        """The geometry of a report, with all that is measured.

        Args:
            report: with the verdicts on the molecules.
            molecules: finished ones.
            made_by: what generation has stored with them.
        """
        geometry = replace(report.geometry, origin_distance=describe_origin(molecules, made_by))
        wanted, options, progress = self.measurements, self.options, self.progress
        if not wanted.sample:
            return geometry
        valid = np.flatnonzero(np.fromiter((verdict.is_valid for verdict in report.verdicts), dtype=bool))
        rows = sample_rows(valid, wanted.sample, wanted.seed)
        strain = relax_by_mmff(molecules, rows, options, progress=progress)
        geometry = replace(geometry, strain=beside(strain, self.reference_strain))
        if wanted.relax is not None:
            relaxed = relax_by_calculator(molecules, rows, self.calculator, wanted.relax, options, progress=progress)
            geometry = replace(geometry, relaxation=beside(relaxed, self.reference_relaxation))
        if wanted.posebusters:
            checks = check_poses(molecules, rows, options, progress=progress)
            geometry = replace(geometry, pose_checks=checks)
        return geometry
