"""Several source files and a table of properties, brought into one database."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from ase import Atoms

from gschnet_pyg.data.arrays import MoleculeArrays
from gschnet_pyg.data.checks import check_molecules
from gschnet_pyg.data.readers import bar
from gschnet_pyg.data.sources import reader_for
from gschnet_pyg.data.tables import join, read_table
from gschnet_pyg.data.units import in_internal_units
from gschnet_pyg.data.writing import check_writable, write_database
from gschnet_pyg.errors import DataError

_log = logging.getLogger(__name__)


def import_files(
    files: Sequence[str | Path],
    output: str | Path,
    *,
    properties_table: str | Path | None = None,
    key: str | None = None,
    units: Mapping[str, str] | None = None,
    distance_unit: str | None = None,
    missing: Literal["error", "drop"] = "error",
    progress: bool = True,
) -> int:
    """Write the molecules of several files into one ASE database, in Å and eV, which SchNetPack reads too.

    Args:
        files: in any format that :func:`gschnet_pyg.data.sources.open_dataset` opens.
        output: the database; ends in ``.db``, and is not there yet.
        properties_table: CSV file, gzipped or not, with more properties; columns of text are passed over.
        key: its column that names the molecule: a property of the files, or, of a single file, ``id``.
        units: property -> unit, in files and table; energies become eV.
        distance_unit: of the positions in the files; Å by default.
        missing: whether a molecule without a row in the table is an error or left out.
        progress: show bars.

    Returns:
        Number of molecules written. Properties that only some files have are left out, with a warning.

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
    if clash := [file for file in files if Path(file).resolve() == output.resolve()]:
        raise DataError(f"{clash[0]}: cannot be both read and written; name another output")
    if output.exists():
        raise DataError(f"{output}: is there already; name another output, or remove it first")
    sources = [reader_for(Path(file))(Path(file), progress) for file in files]
    if properties_table is not None and key is not None:
        table = read_table(Path(properties_table), key)
        if table.text:
            _log.warning("%s: columns of text are passed over: %s", table.path, ", ".join(table.text))
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
    return write_database(output, rows, units=stated)


def _checked(arrays: MoleculeArrays, units: Mapping[str, str], distance_unit: str | None) -> MoleculeArrays:
    own = {name: unit for name, unit in units.items() if name in arrays.properties or name in arrays.unusable}
    arrays = in_internal_units(arrays, own, distance_unit)
    check_molecules(arrays)
    return arrays


def _common_properties(sources: Sequence[MoleculeArrays]) -> list[str]:
    """Properties that all files have, in one unit and shape."""
    first = sources[0].properties
    common = [name for name in first if all(name in arrays.properties for arrays in sources)]
    for name in sorted({name for arrays in sources for name in (*arrays.properties, *arrays.unusable)} - set(common)):
        _log.warning("property %s is left out: not every molecule has it, in one shape", name)
    for name in common:
        kinds = {(arrays.properties[name].unit, arrays.properties[name].values.shape[1]) for arrays in sources}
        if len(kinds) > 1:
            raise DataError(f"property {name!r} differs between the files in unit or shape; import them apart")
    return common


def _molecules(sources: Sequence[MoleculeArrays], names: Sequence[str]) -> Iterator[Atoms]:
    for arrays in sources:
        columns = [(name, arrays.properties[name].values) for name in names]
        for row, (start, stop) in enumerate(zip(arrays.offsets[:-1], arrays.offsets[1:], strict=True)):
            z = arrays.z[start:stop].astype(np.int64)
            yield Atoms(z, arrays.pos[start:stop], info={name: values[row] for name, values in columns})
