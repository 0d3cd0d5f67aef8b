"""Fingerprints of many molecules, by the bits that are set."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

N_BITS = 2048
"""Length of a fingerprint, see ``chemistry.on_bits``."""

_PIECE = 4096  # fingerprints that are taken together


@dataclass(frozen=True, eq=False)
class Fingerprints:
    """Bits of ``M`` fingerprints, one after the other; about twenty for a molecule of QM9's size.

    Attributes:
        bits: ``[sum n]`` uint16, ascending in each fingerprint.
        offsets: ``[M + 1]`` int64, first bit of every fingerprint.
    """

    bits: np.ndarray
    offsets: np.ndarray

    def __post_init__(self) -> None:
        lengths = np.diff(self.offsets)
        is_whole = len(self.offsets) and self.offsets[0] == 0 and self.offsets[-1] == len(self.bits)
        if not is_whole or (lengths < 0).any() or (len(self.bits) and self.bits.max() >= N_BITS):
            raise ValueError("bits and offsets of the fingerprints do not fit each other")

    @classmethod
    def of(cls, on_bits: Iterable[bytes]) -> Fingerprints:
        """From the bits of each, uint16 as bytes."""
        found = FingerprintCollector()
        for place, bits in enumerate(on_bits):
            found.add(place, bits)
        return found.finish(len(found))

    @classmethod
    def from_counts(cls, bits: np.ndarray, counts: np.ndarray) -> Fingerprints:
        """From the bits of all and the number ``[M]`` of each."""
        return cls(bits, np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts, dtype=np.int64)]))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Fingerprints)
            and np.array_equal(self.bits, other.bits)
            and np.array_equal(self.offsets, other.offsets)
        )

    __hash__ = None  # type: ignore[assignment]  # arrays have none

    @property
    def counts(self) -> np.ndarray:
        """``[M]`` bits that are set."""
        return np.diff(self.offsets)

    def each(self) -> Iterator[bytes]:
        """The bits of each, uint16 as bytes: equal ones are equal fingerprints."""
        content = np.ascontiguousarray(self.bits).tobytes()
        ends = (self.bits.itemsize * self.offsets).tolist()
        return (content[start:end] for start, end in pairwise(ends))

    def take(self, rows: np.ndarray) -> Fingerprints:
        """Some of them, in the order of the rows."""
        some = [rows[first : first + _PIECE] for first in range(0, len(rows), _PIECE)]
        chosen = [np.zeros(0, dtype=self.bits.dtype), *(self.bits[self._places(each)] for each in some)]
        return Fingerprints.from_counts(np.concatenate(chosen), self.counts[rows])

    def _places(self, rows: np.ndarray) -> np.ndarray:
        """Of the bits of some fingerprints, one after the other."""
        counts = self.offsets[rows + 1] - self.offsets[rows]
        first = self.offsets[rows] - np.cumsum(counts) + counts
        return np.repeat(first, counts) + np.arange(counts.sum())


class FingerprintCollector:
    """Gathers fingerprints one by one, in any order."""

    def __init__(self) -> None:
        self._bits, self._counts, self._places = bytearray(), array("q"), array("q")

    def __len__(self) -> int:
        return len(self._places)

    def add(self, place: int, on_bits: bytes) -> None:
        """The bits of the fingerprint at a place, uint16; each place once."""
        self._bits += on_bits
        self._counts.append(len(on_bits) // 2)
        self._places.append(place)

    def finish(self, n: int) -> Fingerprints:
        """``n`` fingerprints by their places; those that were not added are empty."""
        found = Fingerprints.from_counts(
            np.frombuffer(self._bits, dtype=np.uint16), np.array(self._counts, dtype=np.int64)
        )
        places = np.array(self._places, dtype=np.int64)
        if np.array_equal(places, np.arange(n)):
            return found
        counts = np.zeros(n, dtype=np.int64)
        counts[places] = found.counts
        return Fingerprints.from_counts(found.take(np.argsort(places)).bits, counts)
