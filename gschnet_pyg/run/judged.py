"""A judged file of molecules, and what can be written of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gschnet_pyg.contracts import ValidityReport
from gschnet_pyg.data.annotating import copy_rows, write_back
from gschnet_pyg.errors import DataError
from gschnet_pyg.run.metadata import stored_metadata
from gschnet_pyg.validity.checks import Molecule
from gschnet_pyg.validity.rates import MoleculeClasses

Kept = Literal["valid", "unique", "unseen", "novel"]


@dataclass(frozen=True)
class Judged:
    """A file of molecules with the verdicts on them.

    Attributes:
        path: the file.
        report: what the verdicts say together.
        classes: which molecules are valid, unique, unseen and novel.
        reference: that tells, if there is one.
        molecules: ``(z [N], pos [N, 3] Å)`` each, in the order of the file.
    """

    path: Path
    report: ValidityReport
    classes: MoleculeClasses
    reference: str | Path | None = None
    molecules: Sequence[Molecule] = field(default=(), repr=False)

    def write_back(self) -> None:
        """Write verdicts and SMILES into the database that was judged, beside each molecule.

        Raises:
            DataError: if it is no ASE database, or cannot be written.
        """
        write_back(self.path, self._columns(), {"gschnet_pyg_validity": self._options})

    def write_filtered(self, output: Path, kept: Kept = "valid") -> int:
        """Write some of the molecules to a new file, with verdicts and SMILES.

        Args:
            output: ASE database, extxyz or SDF.
            kept: which; ``unique`` are valid too, ``unseen`` and ``novel`` are unique too.

        Returns:
            Number of molecules written.

        Raises:
            DataError: if the output cannot be written, or there is no reference to tell what is new.
        """
        mask = getattr(self.classes, f"is_{kept}")
        if mask is None:
            raise DataError(f"{kept} molecules can only be told with a reference; name one (--reference)")
        count = int(mask.sum())
        metadata: dict[str, Any] = {"gschnet_pyg_validity": {**self._options, "kept": kept}}
        if made_by := stored_metadata(self.path):
            metadata["gschnet_pyg"] = {**made_by, "requested": count, "finished": count, "kept": kept}
        return copy_rows(self.path, output, np.flatnonzero(mask), self._columns(), metadata)

    def _columns(self) -> dict[str, Sequence[Any]]:
        verdicts, classes = self.report.verdicts, self.classes
        columns: dict[str, Sequence[Any]] = {
            "valid": classes.is_valid.tolist(),
            "smiles": [verdict.smiles for verdict in verdicts],
            "failure": [verdict.failure for verdict in verdicts],
            "unique_molecule": classes.is_unique.tolist(),
        }
        for name, mask in (("unseen", classes.is_unseen), ("novel", classes.is_novel)):
            columns[name] = [None] * len(verdicts) if mask is None else mask.tolist()
        return columns

    @property
    def _options(self) -> dict[str, Any]:
        return {**self.report.options, "reference": None if self.reference is None else str(self.reference)}


def write_html(judged: Sequence[Judged], path: Path, *, gallery: int = 1000, progress: bool = True) -> None:
    """Write one page that shows reports and molecules, and opens without a network.

    Args:
        judged: one file, or several to compare.
        path: of the page.
        gallery: most molecules that it holds; a seeded sample where there are more.
        progress: show a bar on a terminal.

    Raises:
        DataError: if the page cannot be written.
    """
    from gschnet_pyg.page.writing import PageEntry, write_page  # matplotlib takes its time

    names = distinct_names([each.path for each in judged])
    entries = [
        PageEntry(name, each.report, each.molecules, each.classes) for name, each in zip(names, judged, strict=True)
    ]
    write_page(path, entries, gallery=gallery, progress=progress)


def distinct_names(paths: Sequence[Path]) -> list[str]:
    """The shortest ends of paths that tell them apart."""
    resolved = [path.absolute().parts for path in paths]
    for length in range(1, max(map(len, resolved), default=0) + 1):
        names = ["/".join(parts[-length:]) for parts in resolved]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]
