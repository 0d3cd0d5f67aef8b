"""Morgan fingerprints of all molecules of a source, packed and kept with its cache."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import rdkit

from gschnet_pyg.bonds import perceived_fingerprints
from gschnet_pyg.data.arrays import MoleculeArrays
from gschnet_pyg.data.cache import short_hash
from gschnet_pyg.data.columns import Column
from gschnet_pyg.data.dataset import MoleculeDataset
from gschnet_pyg.data.readers import bar
from gschnet_pyg.errors import DataError
from gschnet_pyg.files import replace_file
from gschnet_pyg.untrusted import DAMAGE

_FORMAT = 1  # another one whenever a fingerprint would be another
_CHUNK = 256  # molecules that a worker receives at a time
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fingerprints:
    """Fingerprints of a dataset.

    Attributes:
        column: of all molecules of the source, ``[M, bits]`` of 0 and 1; all 0 where the bonds are not known.
        is_known: whether the bonds of the molecules of the view could be perceived, ``[M_view]``.
    """

    column: Column
    is_known: np.ndarray


class PackedBits:
    """Column of bits, eight to a byte, unpacked where they are read.

    Args:
        packed: ``[M, bits / 8]`` uint8.
        file: that ``packed`` is mapped from, and from which it is mapped again where this is unpickled; none for an
            array in memory.
    """

    def __init__(self, packed: np.ndarray, file: Path | None = None) -> None:
        self.packed = packed
        self.file = file

    @classmethod
    def open(cls, file: Path) -> PackedBits:
        """Map a file."""
        return cls(np.asarray(np.load(file, mmap_mode="r", allow_pickle=False)), file)

    def __reduce__(self) -> Any:
        return (PackedBits, (self.packed,)) if self.file is None else (PackedBits.open, (self.file,))

    @property
    def shape(self) -> tuple[int, int]:
        """Molecules and bits."""
        return len(self.packed), 8 * self.packed.shape[1]

    def in_directory(self, directory: Path) -> PackedBits:
        """The same bits, from a copy of the cache where they are in a file that was copied too."""
        copy = directory / self.file.name if self.file else None
        return PackedBits.open(copy) if copy is not None and copy.is_file() else self

    def __getitem__(self, rows: Any) -> np.ndarray:
        return np.unpackbits(self.packed[rows], axis=-1).astype(np.float64)


def fingerprints(
    molecules: MoleculeDataset, radius: int, bits: int, workers: int = 0, progress: bool = True
) -> Fingerprints:
    """Fingerprints of all molecules of a dataset's source, from the bonds that the default options perceive.

    They are kept with the cache of the source, if it has one.

    Args:
        molecules: any view of the source.
        radius: of the environments, in bonds.
        bits: length, a multiple of 8.
        workers: processes to compute in; 0 computes here.
        progress: show a bar.

    Raises:
        DataError: if the number of bits is no multiple of 8, or the radius negative.
    """
    if bits < 8 or bits % 8:
        raise DataError(f"fingerprints cannot have {bits} bits; take a multiple of 8, such as 1024")
    if radius < 0:
        raise DataError(f"fingerprints cannot have a radius of {radius}; take 2, or another number from 0 on")
    arrays = molecules.arrays
    file = None
    if arrays.directory is not None:
        file = arrays.directory / f"fingerprints-{short_hash([_FORMAT, radius, bits, rdkit.__version__])}.npy"
    column = _stored(file, (len(arrays), bits)) if file else None
    if column is None:
        column = _kept(_computed(arrays, radius, bits, workers, progress), file)
    is_known: np.ndarray = np.any(column.packed, axis=1)  # a molecule sets some bit
    return Fingerprints(column, is_known if molecules.rows is None else is_known[molecules.rows])


def _stored(file: Path, shape: tuple[int, int]) -> PackedBits | None:
    """What the cache holds, if it is whole."""
    if not file.is_file():
        return None
    try:
        column = PackedBits.open(file)
        if column.packed.dtype == np.uint8 and column.shape == shape:
            return column
        reason = f"{column.packed.dtype} of {column.shape}"
    except DAMAGE as error:
        reason = str(error)
    _log.warning("%s: damaged cache (%s), rebuilt", file, reason)
    return None


def _kept(packed: np.ndarray, file: Path | None) -> PackedBits:
    """Written to the cache and mapped from there, or in memory where that cannot be written."""
    if file is None:
        return PackedBits(packed)
    try:
        with replace_file(file) as part:
            np.save(part, packed)
    except OSError as error:  # no reason to stop
        _log.info("%s: cannot be written (%s); the fingerprints stay in memory", file, error)
        return PackedBits(packed)
    return PackedBits.open(file)


def _computed(arrays: MoleculeArrays, radius: int, bits: int, workers: int, progress: bool) -> np.ndarray:
    """``[M, bits / 8]``, in chunks of molecules."""
    packed = np.empty((len(arrays), bits // 8), dtype=np.uint8)
    compute = partial(perceived_fingerprints, radius=radius, bits=bits)
    z, pos, offsets = zip(*_chunks(arrays), strict=True)
    with ExitStack() as stack:
        if workers:
            # fresh interpreters: a fork would copy the threads' locks
            context = multiprocessing.get_context("spawn")
            chunks = stack.enter_context(ProcessPoolExecutor(workers, context)).map(compute, z, pos, offsets)
        else:
            chunks = map(compute, z, pos, offsets)
        for row, bytes_ in enumerate(bar(chain.from_iterable(chunks), "fingerprints", progress, len(arrays))):
            packed[row] = bytes_
    return packed


def _chunks(arrays: MoleculeArrays) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Atomic numbers, positions and offsets of some molecules at a time."""
    for first, last in pairwise([*range(0, len(arrays), _CHUNK), len(arrays)]):
        start, stop = arrays.offsets[first], arrays.offsets[last]
        yield arrays.z[start:stop], arrays.pos[start:stop], arrays.offsets[first : last + 1] - start
