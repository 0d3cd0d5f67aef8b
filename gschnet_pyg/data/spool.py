"""Numbers collected piece by piece: in memory while they are few, in a temporary file beyond."""

from __future__ import annotations

import tempfile
from typing import IO, Any

import numpy as np

from gschnet_pyg.errors import DataError

ROOM = 1 << 22
"""Bytes that are kept in memory."""


class Spool:
    """A growing flat array, which takes no more memory than ``ROOM`` however long it becomes.

    Args:
        dtype: of its numbers.
    """

    def __init__(self, dtype: Any) -> None:
        self.dtype = np.dtype(dtype)
        self._waiting = bytearray()
        self._file: IO[bytes] | None = None
        self._n_written = 0

    def __len__(self) -> int:
        return (self._n_written + len(self._waiting)) // int(self.dtype.itemsize)

    def add(self, values: np.ndarray) -> None:
        """Append all numbers of an array, which are converted to the dtype.

        Raises:
            DataError: if there is no room for the temporary file.
        """
        self._waiting += np.ascontiguousarray(values, dtype=self.dtype).tobytes()
        if len(self._waiting) > ROOM:
            self._write()

    def finish(self, *shape: int) -> np.ndarray:
        """All numbers in a shape; of many, mapped from the temporary file, which has no name and goes with the array.

        Raises:
            DataError: if there is no room for the temporary file.
        """
        if self._file is None:
            return np.frombuffer(self._waiting, dtype=self.dtype).reshape(shape)
        self._write()
        with self._file as file:
            return np.asarray(np.memmap(file, self.dtype, "r")).reshape(shape)

    def _write(self) -> None:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the spool)
            self._file.write(self._waiting)
            self._file.flush()
        except OSError as error:
            raise DataError(
                f"{tempfile.gettempdir()}: no room for a large set of molecules ({error.strerror}); "
                "name another folder with TMPDIR"
            ) from error
        self._n_written += len(self._waiting)
        self._waiting.clear()
