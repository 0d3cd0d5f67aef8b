"""Lists of SMILES to molecules with coordinates, and what came of every line."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from gschnet_pyg.data.arrays import Collector, MoleculeArrays
from gschnet_pyg.data.demo import ENERGY
from gschnet_pyg.data.embedding import FAILURES, Embedded, embed_best
from gschnet_pyg.data.readers import bar
from gschnet_pyg.data.smiles_lists import SmilesList
from gschnet_pyg.errors import DataError
from gschnet_pyg.files import replace_file
from gschnet_pyg.workers.pool import Lost, map_in_workers


@dataclass(frozen=True)
class EmbeddingOptions:
    """How SMILES become coordinates.

    Args:
        column: header of the SMILES in tables; one that is called so by default.
        conformers: of each molecule; that of the lowest MMFF94 energy is kept.
        seed: of all molecules.
        timeout: seconds for one molecule.
        workers: processes; one for each core by default.
    """

    column: str | None = None
    conformers: int = 10
    seed: int = 0
    timeout: float = 60.0
    workers: int | None = None

    def __post_init__(self) -> None:
        if self.conformers < 1:
            raise DataError(f"conformers: is {self.conformers}; at least 1 must be embedded")


@dataclass(frozen=True)
class Failure:
    """A line without a molecule; ``reason`` is a key of ``FAILURES``."""

    path: Path
    line: int
    smiles: str
    name: str
    reason: str


@dataclass(frozen=True)
class EmbeddedList:
    """What a list of SMILES has become.

    Attributes:
        molecules: those that could be embedded, with the MMFF94 energy as a property; ids are the entries from 0.
        failures: the others.
        repeated: molecules that are in the list more than once, counted without their first time.
        open_stereo: molecules whose stereochemistry the list leaves open.
    """

    molecules: MoleculeArrays
    failures: Sequence[Failure]
    repeated: int
    open_stereo: int


def embedded(entries: SmilesList, options: EmbeddingOptions, progress: bool = True) -> EmbeddedList:
    """Embed a list of SMILES, on all cores.

    Args:
        entries: the list.
        options: how.
        progress: show a bar.

    Raises:
        DataError: if a column has the name of the computed energy, or nothing could be embedded.
    """
    if ENERGY in entries.properties:
        raise DataError(f"{entries.path}: column {ENERGY!r} has the name of what is computed here; rename it")
    embed = partial(embed_best, conformers=options.conformers, seed=options.seed)
    results: Iterable[Embedded | str | Lost] = map_in_workers(
        embed, entries.smiles, workers=options.workers, timeout=options.timeout
    )
    collector = Collector(str(entries.path))
    found: list[Embedded] = []
    failures = []
    for row, result in enumerate(bar(results, f"embedding {entries.path.name}", progress, len(entries.smiles))):
        if isinstance(result, Embedded):
            own = {name: float(values[row]) for name, values in entries.properties.items()}
            collector.add(row, result.z, result.pos, {ENERGY: result.energy, **own})
            found.append(result)
            continue
        reason = result.value if isinstance(result, Lost) else result
        failures.append(Failure(entries.path, entries.lines[row], entries.smiles[row], entries.names[row], reason))
    if not found:
        raise DataError(f"{entries.path}: nothing could be embedded ({describe(failures)}); first: {_first(failures)}")
    return EmbeddedList(
        _arrays(collector, found, entries.names),
        failures,
        repeated=len(found) - len({each.smiles for each in found}),
        open_stereo=sum(each.is_stereo_open for each in found),
    )


def _arrays(collector: Collector, found: Sequence[Embedded], names: Sequence[str]) -> MoleculeArrays:
    arrays = collector.finish(units={ENERGY: "eV"})
    own = np.array([names[row] for row in arrays.ids]) if any(names) else None
    return replace(arrays, smiles=np.array([each.smiles for each in found]), names=own)


def counted(failures: Sequence[Failure]) -> Mapping[str, int]:
    """Reason -> how many, most first."""
    return dict(Counter(each.reason for each in failures).most_common())


def describe(failures: Sequence[Failure]) -> str:
    """``3 RDKit cannot read the SMILES, 1 took too long``."""
    return ", ".join(f"{count:,} x {FAILURES[reason]}" for reason, count in counted(failures).items())


def _first(failures: Sequence[Failure]) -> str:
    return f"line {failures[0].line}, {failures[0].smiles!r}"


def write_failures(path: Path, failures: Sequence[Failure]) -> None:
    """Write a table of failures: file, line, SMILES, name, reason."""
    with replace_file(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "line", "smiles", "name", "reason"])
        for each in failures:
            writer.writerow([each.path, each.line, each.smiles, each.name, FAILURES[each.reason]])
