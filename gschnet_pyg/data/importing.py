"""Several source files and a table of properties, brought into one database."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from ase import Atoms
from tqdm import tqdm

from gschnet_pyg.data.arrays import MoleculeArrays
from gschnet_pyg.data.checks import check_molecules
from gschnet_pyg.data.embedded_lists import EmbeddedList, EmbeddingOptions, Failure, embedded, write_failures
from gschnet_pyg.data.folders import opened_folders
from gschnet_pyg.data.joining import join
from gschnet_pyg.data.readers import bar, off
from gschnet_pyg.data.smiles_lists import SmilesList, is_smiles_list, read_smiles_list
from gschnet_pyg.data.sources import reader_for
from gschnet_pyg.data.tables import PropertiesTable, read_table
from gschnet_pyg.data.units import in_internal_units
from gschnet_pyg.data.writing import check_writable, write_database
from gschnet_pyg.errors import DataError

_LARGE = 1 << 22  # bytes of a file that is worth a bar of its own among others
_LISTED = 5  # names in a warning
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImportResult:
    """What an import has written.

    Attributes:
        path: the database.
        molecules: how many lie in it.
        files: how many were read.
        embedded: lists of SMILES among them.
        failures_file: table of the SMILES that have no coordinates; none if all have.
    """

    path: Path
    molecules: int
    files: int
    embedded: tuple[EmbeddedList, ...] = ()
    failures_file: Path | None = None

    @property
    def failures(self) -> list[Failure]:
        """SMILES without coordinates, of all lists."""
        return [failure for each in self.embedded for failure in each.failures]


def import_files(
    files: Sequence[str | Path],
    output: str | Path,
    *,
    properties_table: str | Path | None = None,
    key: str | None = None,
    units: Mapping[str, str] | None = None,
    distance_unit: str | None = None,
    missing: Literal["error", "drop"] = "error",
    embedding: EmbeddingOptions = EmbeddingOptions(),  # noqa: B008 (frozen)
    progress: bool = True,
) -> ImportResult:
    """Write the molecules of several files into one ASE database, in Å and eV, which SchNetPack reads too.

    Args:
        files: in any format that :func:`gschnet_pyg.data.sources.open_dataset` opens, folders of such files, and lists
            of SMILES, which are embedded.
        output: the database; ends in ``.db``, and is not there yet.
        properties_table: CSV file, gzipped or not, with more properties; columns of text are passed over.
        key: its column that names the molecule: a property of the files, or the names in lists of SMILES, or, of a
            single file, ``id``, or else the names of the files, if each holds one molecule.
        units: property -> unit, in files and table; energies become eV.
        distance_unit: of the positions in the files; Å by default.
        missing: whether a molecule without a row in the table is an error or left out.
        embedding: how SMILES become coordinates.
        progress: show bars.

    Returns:
        What was written. Properties that only some files have are left out, with a warning. SMILES without
        coordinates are listed beside the output, in ``<name>.failures.csv``.

    Raises:
        DataError: if the output exists or cannot be written, a file cannot be used, a unit belongs to no property,
            or the table does not fit.
    """
    output = Path(output)
    check_writable(output, (".db",))
    if not files:
        raise DataError("there are no files to import")
    if (properties_table is None) != (key is None):
        raise DataError("a table of properties and the key to join it by go together; give both or neither")
    paths = opened_folders(files)
    if clash := [path for path in paths if path.resolve() == output.resolve()]:
        raise DataError(f"{clash[0]}: cannot be both read and written; name another output")
    if output.exists():
        raise DataError(f"{output}: is there already; name another output, or remove it first")
    table = read_table(Path(properties_table), key) if properties_table is not None and key is not None else None
    lists = {path: read_smiles_list(path, embedding.column, key) for path in paths if is_smiles_list(path)}
    _report_text([*lists.values(), *([table] if table else [])])
    sources, embedded_lists = _read(paths, lists, embedding, progress)
    if table is not None:
        sources = join(sources, table, missing)
    units = dict(units or {})
    known = {name for arrays in sources for name in (*arrays.properties, *arrays.unusable)}
    if strange := sorted(set(units) - known):
        raise DataError(f"a unit is given for {strange[0]!r}, but there are: {', '.join(sorted(known)) or 'none'}")
    sources = [_checked(arrays, units, distance_unit) for arrays in sources]
    names = _common_properties(sources)
    total = sum(len(arrays) for arrays in sources)
    rows = bar(_molecules(sources, names), f"writing {output.name}", progress, total)
    stated = {name: sources[0].properties[name].unit or "" for name in names}
    result = ImportResult(output, write_database(output, rows, units=stated), len(paths), tuple(embedded_lists))
    if not result.failures:
        return result
    write_failures(beside := output.with_suffix(".failures.csv"), result.failures)
    return replace(result, failures_file=beside)


def _report_text(tables: Sequence[SmilesList | PropertiesTable]) -> None:
    for table in tables:
        if table.text:
            _log.warning("Note: %s: columns of text are passed over: %s", table.path, ", ".join(table.text))


def _read(
    paths: Sequence[Path], lists: Mapping[Path, SmilesList], options: EmbeddingOptions, progress: bool
) -> tuple[list[MoleculeArrays], list[EmbeddedList]]:
    """Molecules of all files; of many there is one bar, and another one only for what takes long."""
    readers = {path: reader_for(path) for path in paths if path not in lists}  # a missing file is found before any work
    sources, embedded_lists = [], []
    for path in tqdm(paths, "reading", unit=" files", disable=off(progress and len(paths) > 1), leave=False):
        if path in lists:
            embedded_lists.append(embedded(lists[path], options, progress))
            sources.append(embedded_lists[-1].molecules)
        else:
            sources.append(readers[path](path, progress and (len(paths) == 1 or path.stat().st_size > _LARGE)))
    return sources, embedded_lists


def _checked(arrays: MoleculeArrays, units: Mapping[str, str], distance_unit: str | None) -> MoleculeArrays:
    own = {name: unit for name, unit in units.items() if name in arrays.properties or name in arrays.unusable}
    arrays = in_internal_units(arrays, own, distance_unit)
    check_molecules(arrays)
    return arrays


def _common_properties(sources: Sequence[MoleculeArrays]) -> list[str]:
    """Properties that all files have, in one unit and shape."""
    first = sources[0].properties
    common = [name for name in first if all(name in arrays.properties for arrays in sources)]
    partial = sorted({name for arrays in sources for name in (*arrays.properties, *arrays.unusable)} - set(common))
    if partial:
        names = ", ".join(partial[:_LISTED]) + (f" and {len(partial) - _LISTED:,} more" if partial[_LISTED:] else "")
        _log.warning("left out, since not every molecule has it in one shape: %s", names)
    for name in common:
        kinds = {(arrays.properties[name].unit, arrays.properties[name].values.shape[1]) for arrays in sources}
        if len(kinds) > 1:
            raise DataError(f"property {name!r} differs between the files in unit or shape; import them apart")
    return common


def _molecules(sources: Sequence[MoleculeArrays], names: Sequence[str]) -> Iterator[Atoms]:
    """Molecules to write, with what they are called: in their list, or by their file where there are several."""
    for arrays in sources:
        columns: dict[str, Sequence[Any] | np.ndarray] = {}
        if len(sources) > 1:
            columns["file"] = [Path(arrays.source).name] * len(arrays)
        if arrays.smiles is not None:
            columns["smiles"] = arrays.smiles.tolist()
        if arrays.names is not None:
            columns["name"] = [name or None for name in arrays.names.tolist()]
        columns |= {name: arrays.properties[name].values for name in names}
        for row, (start, stop) in enumerate(zip(arrays.offsets[:-1], arrays.offsets[1:], strict=True)):
            z = arrays.z[start:stop].astype(np.int64)
            carried = {name: value for name, values in columns.items() if (value := values[row]) is not None}
            yield Atoms(z, arrays.pos[start:stop], info=carried)
