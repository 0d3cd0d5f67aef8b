"""QM9 from its raw archive."""

from __future__ import annotations

import csv
import io
import itertools
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np
from rdkit import Chem, rdBase

from gschnet_pyg.data.arrays import Collector, MoleculeArrays
from gschnet_pyg.data.cache import cache_roots, cached_among, short_hash, stat_hash
from gschnet_pyg.data.checks import check_molecules
from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.data.download import download
from gschnet_pyg.data.readers import bar
from gschnet_pyg.data.staging import read_staged
from gschnet_pyg.data.units import in_internal_units
from gschnet_pyg.errors import DataError
from gschnet_pyg.untrusted import DAMAGE, check_archive

URL = "https://deepchemdata.s3-us-west-1.amazonaws.com/datasets/molnet_publish/qm9.zip"
"""Archive of ``gdb9.sdf`` and ``gdb9.sdf.csv``: the one that ``torch_geometric.datasets.QM9`` names."""
EXCLUSIONS_URL = "https://ndownloader.figshare.com/files/3195404"
"""Published list of molecules that failed the consistency check."""
UNITS = {
    **dict.fromkeys(("A", "B", "C"), "GHz"),
    "mu": "D",
    "alpha": "a0^3",
    **dict.fromkeys(("homo", "lumo", "gap", "zpve", "u0", "u298", "h298", "g298"), "Hartree"),
    "r2": "a0^2",
    "cv": "cal/mol/K",
    **dict.fromkeys(("u0_atom", "u298_atom", "h298_atom", "g298_atom"), "kcal/mol"),
}
"""Units of the archive; energies become eV."""
_LARGEST = {"gdb9.sdf": 2**30, "gdb9.sdf.csv": 2**28}
"""Bytes that members may have; three and more times what they have."""


def open_qm9(
    directory: str | Path,
    *,
    properties: Sequence[str] | None = None,
    remove_uncharacterised: bool = True,
    url: str = URL,
    exclusions_url: str = EXCLUSIONS_URL,
    n_molecules: int = 133_885,
    n_characterised: int = 130_831,
    cache_dir: Path | None = None,
    work_directory: Path | None = None,
    progress: bool = True,
) -> MoleculeDataset:
    """QM9 with all its properties; ids are the 1-based index of the original (``gdb index``).

    The archive is downloaded to ``directory/qm9.zip`` and the list of exclusions to ``directory/uncharacterized.txt``
    unless they are there, read once and cached beside them (in the user's cache where that cannot be written). The
    archive is never unpacked to the disk.

    Args:
        directory: where the files belong.
        properties: names to carry; all by default.
        remove_uncharacterised: leave out the molecules that failed the published consistency check.
        url: of the archive.
        exclusions_url: of the list.
        n_molecules: molecules that the archive must hold.
        n_characterised: molecules that must remain without the excluded ones.
        cache_dir: folder for the cache instead.
        work_directory: folder on fast storage that the archive is copied to while it is read; none reads it in place.
        progress: show bars.

    Returns:
        Dataset in Å and eV (homo, lumo, gap, zpve, u0, u298, h298, g298 and their atomisation energies); mu in D,
        alpha in a0^3, r2 in a0^2, cv in cal/mol/K, rotational constants A, B, C in GHz.

    Raises:
        DataError: if a file cannot be downloaded, is damaged, or does not hold what it must.

    Source:
        Ramakrishnan et al., Sci. Data 1, 140022 (2014).
    """
    directory = Path(directory)
    archive, exclusions = directory / "qm9.zip", directory / "uncharacterized.txt"
    wanted = {archive: url, exclusions: exclusions_url} if remove_uncharacterised else {archive: url}
    for file, address in wanted.items():
        if not file.exists():  # files may lie in a folder that only others can write
            download(address, file, progress)

    def build() -> MoleculeArrays:
        arrays = read_staged(archive, work_directory, lambda file: read_archive(file, n_molecules, progress), progress)
        if not remove_uncharacterised:
            return arrays
        kept = ~np.isin(arrays.ids, _read_exclusions(exclusions))
        if kept.sum() != n_characterised:
            raise DataError(
                f"{exclusions}: {kept.sum():,} molecules remain in place of {n_characterised:,}; "
                "delete the file to download it again"
            )
        return arrays.take(np.flatnonzero(kept))

    key = short_hash([remove_uncharacterised, n_molecules, n_characterised])
    roots = cache_roots(directory / "qm9", cache_dir)
    return MoleculeDataset(cached_among(roots, stat_hash(*wanted), key, build), properties)


def qm9_is_there(directory: str | Path) -> bool:
    """Whether the archive lies in the folder, so that nothing large is downloaded."""
    return (Path(directory) / "qm9.zip").exists()


def read_archive(archive: Path, n_molecules: int, progress: bool = True) -> MoleculeArrays:
    """Read ``gdb9.sdf`` and ``gdb9.sdf.csv`` inside a zip file, checked and converted to Å and eV.

    Raises:
        DataError: if the archive is damaged or does not hold ``n_molecules`` molecules with their properties.
    """
    again = f"delete {archive} to download it again"
    try:
        with zipfile.ZipFile(archive) as zipped:
            check_archive(zipped, archive.stat().st_size)
            with _member(zipped, "gdb9.sdf.csv") as file:
                table = csv.DictReader(io.TextIOWrapper(file, encoding="utf-8", newline=""))
                rows = list(itertools.islice(table, n_molecules + 1))
            if len(rows) > n_molecules:
                raise DataError(f"{archive}: has properties of more than {n_molecules:,} molecules; {again}")
            if len(rows) != n_molecules:
                raise DataError(f"{archive}: has properties of {len(rows):,} molecules, not {n_molecules:,}; {again}")
            with _member(zipped, "gdb9.sdf") as file:
                arrays = _read_molecules(archive, file, rows, progress)
    except (*DAMAGE, csv.Error, SystemError) as error:  # the last is RDKit's, where a stream breaks off under it
        raise DataError(f"{archive}: damaged ({error.__cause__ or error}); {again}") from error
    arrays = in_internal_units(arrays, UNITS)
    check_molecules(arrays)
    return arrays


def _member(zipped: zipfile.ZipFile, name: str) -> IO[bytes]:
    """Open a member as a stream; it never touches the disk, and reading ends at its stated size."""
    try:
        info = zipped.getinfo(name)
    except KeyError:
        raise DataError(f"{zipped.filename}: holds no {name}; is it the archive of QM9?") from None
    if info.file_size > _LARGEST[name]:
        raise DataError(f"{zipped.filename}: {name} would have {info.file_size:,} bytes; not the archive of QM9")
    return zipped.open(info)


def _read_molecules(archive: Path, file: IO[bytes], rows: list[dict[str, str]], progress: bool) -> MoleculeArrays:
    collector = Collector(str(archive), "gdb index")
    with rdBase.BlockLogs():
        supplier = Chem.ForwardSDMolSupplier(file, sanitize=False, removeHs=False)
        for number, mol in enumerate(bar(supplier, "reading QM9", progress, len(rows))):
            if mol is None or number >= len(rows):
                raise DataError(f"{archive}, record {number}: damaged; delete {archive} to download it again")
            index = _index(archive, mol.GetProp("_Name"), rows[number].get("mol_id"))
            z = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()])
            collector.add(index, z, mol.GetConformer().GetPositions(), _targets(archive, index, rows[number]))
    if len(collector) != len(rows):
        raise DataError(
            f"{archive}: holds {len(collector):,} molecules, not {len(rows):,}; delete {archive} to download it again"
        )
    return collector.finish()


def _index(archive: Path, title: str, row: str | None) -> int:
    """Index of a molecule from its title, ``gdb_17``, which its row of properties must carry too."""
    if title != row or not re.fullmatch(r"gdb_[0-9]{1,9}", title):
        raise DataError(f"{archive}: molecule {title!r} and row {row!r} do not belong together; is it QM9?")
    return int(title[4:])


def _targets(archive: Path, index: int, row: dict[str, str]) -> dict[str, float]:
    try:
        return {name: float(row[name]) for name in UNITS}
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{archive}, gdb index {index}: a property is missing or no number ({error})") from error


def _read_exclusions(path: Path) -> np.ndarray:
    """Indices of the published list: between nine lines of header and a footer."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")[9:-2]
        return np.array([int(line.split()[0]) for line in lines], dtype=np.int64)
    except (OSError, ValueError, IndexError, OverflowError) as error:
        raise DataError(f"{path}: damaged ({error}); delete it to download it again") from error
