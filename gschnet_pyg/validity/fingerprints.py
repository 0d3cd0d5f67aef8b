"""Fingerprints of many molecules, by the bits that are set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

N_BITS = 2048
"""Length of a fingerprint, see ``chemistry.on_bits``."""


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
        each = list(on_bits)
        bits = np.frombuffer(b"".join(each), dtype=np.uint16)
        return cls.from_counts(bits, np.array([len(some) // bits.itemsize for some in each], dtype=np.int64))

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
        counts = self.counts[rows]
        ends = np.cumsum(counts)
        chosen = np.repeat(self.offsets[:-1][rows] - ends + counts, counts) + np.arange(counts.sum())
        return Fingerprints.from_counts(self.bits[chosen], counts)
