"""How similar molecules are to the training molecules that are most similar to them."""

from __future__ import annotations

from collections.abc import Set
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_matrix

from gschnet_pyg.contracts import Similarity
from gschnet_pyg.validity.fingerprints import N_BITS, Fingerprints
from gschnet_pyg.validity.judging import Judgement
from gschnet_pyg.validity.numbers import SIMILARITY_BIN, numbers_of
from gschnet_pyg.validity.rates import MoleculeClasses
from gschnet_pyg.validity.reference import Reference
from gschnet_pyg.validity.samples import sample_rows
from gschnet_pyg.workers.pool import available_cores

MOST_PAIRS = 2_000_000_000
"""Pairs of molecules that are compared at most: 18,000 molecules against QM9, some 5 s on two cores."""

TEST_MOLECULES = 1_000
"""Molecules kept for the test that are searched for as well."""

_FREQUENT = 128
"""Bits that are compared by dense products; the others are rare, and sparse products are faster."""

_BLOCK = 1 << 23
"""Pairs at a time and core: 32 MB."""


def search_training(
    judgement: Judgement,
    reference: Reference,
    *,
    most_pairs: int = MOST_PAIRS,
    test_molecules: int = TEST_MOLECULES,
    seed: int = 0,
) -> Similarity:
    """Search the training molecules for what is most similar to the different valid molecules.

    Validation molecules count as training molecules, as they do for *unseen*.

    Args:
        judgement: on the molecules.
        reference: judged with the same options.
        most_pairs: to compare; where there are more, a sample of the molecules is searched for.
        test_molecules: sample of reference molecules that were not seen, nor any that has the same SMILES.
        seed: of the samples.
    """
    trained = _different(reference, np.flatnonzero(reference.is_seen), frozenset())
    unique = np.flatnonzero(MoleculeClasses.of(judgement.verdicts, None, None).is_unique)
    rows = sample_rows(unique, max(1, most_pairs // max(1, len(trained))), seed)
    if not len(trained) or not len(rows):
        return Similarity(len(trained), len(rows), None, None, None)
    known = reference.fingerprints.take(trained)
    similarity, found = nearest(judgement.fingerprints.take(rows), known)
    is_unseen = np.array([judgement.verdicts[row].smiles not in reference.seen_smiles for row in rows], dtype=bool)
    kept = _different(reference, np.flatnonzero(~reference.is_seen), reference.seen_smiles)
    test, _ = nearest(reference.fingerprints.take(sample_rows(kept, test_molecules, seed)), known)
    names = [reference.smiles[row] or "" for row in trained[found]]
    return Similarity(
        trained=len(trained),
        asked=len(rows),
        unique=numbers_of(similarity, SIMILARITY_BIN),
        unseen=numbers_of(similarity[is_unseen], SIMILARITY_BIN),
        test=numbers_of(test, SIMILARITY_BIN),
        molecules=tuple(rows.tolist()),
        nearest=tuple(zip(similarity.tolist(), names, strict=True)),
    )


def _different(reference: Reference, rows: np.ndarray, left_out: Set[str]) -> np.ndarray:
    """Of the valid molecules among some, the first of each SMILES; none that is left out."""
    first: dict[str, int] = {}
    for row in rows.tolist():
        smiles = reference.smiles[row]
        if smiles is not None and smiles not in left_out:
            first.setdefault(smiles, row)
    return np.fromiter(first.values(), dtype=np.int64, count=len(first))


def nearest(queries: Fingerprints, trained: Fingerprints) -> tuple[np.ndarray, np.ndarray]:
    """The most similar training molecule of each molecule, by exact search.

    Args:
        queries: ``Q`` fingerprints.
        trained: ``T`` fingerprints, at least one.

    Returns:
        Tanimoto similarities ``[Q]`` and rows ``[Q]`` of training molecules.
    """
    row = _equal(queries, trained)
    similarity = np.ones(len(queries))
    others = np.flatnonzero(row < 0)
    if len(others):
        similarity[others], row[others] = _search(queries.take(others), trained)
    return similarity, row


def _equal(queries: Fingerprints, trained: Fingerprints) -> np.ndarray:
    """``[Q]`` rows of the first training molecules with the very same bits, as most molecules that were seen have.

    -1 where there is none, or no bit.
    """
    first = {bits: row for row, bits in reversed(list(enumerate(trained.each()))) if bits}
    return np.array([first.get(bits, -1) for bits in queries.each()], dtype=np.int64)


def _search(queries: Fingerprints, trained: Fingerprints) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`nearest`, whatever the molecules.

    Bits in common are counted block by block, on all cores; training molecules are sorted by their number of bits, so
    that among those of one number the most bits in common decide, and only these maxima are divided.
    """
    order = np.argsort(trained.counts, kind="stable")
    trained = trained.take(order)
    counts, start = np.unique(trained.counts, return_index=True)
    ends = np.append(start[1:], len(trained))
    rank = np.argsort(-np.bincount(trained.bits, minlength=N_BITS), kind="stable").argsort()
    dense, sparse = _columns(trained, rank)
    sparse = sparse.T.tocsr()

    def search_block(block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        some = queries.take(block)
        ours_dense, ours_sparse = _columns(some, rank)
        common = ours_dense @ dense.T
        rare = ours_sparse @ sparse
        for each, (begin, end) in enumerate(pairwise(rare.indptr.tolist())):  # row by row stays in the cache
            common[each, rare.indices[begin:end]] += rare.data[begin:end]
        most = np.maximum.reduceat(common, start, axis=1)
        found = most / np.maximum(some.counts[:, None] + counts - most, 1)
        group = found.argmax(axis=1)
        row = [
            order[start[place] + common[each, start[place] : ends[place]].argmax()] for each, place in enumerate(group)
        ]
        return found[np.arange(len(block)), group], np.array(row)

    step = max(1, _BLOCK // len(trained))
    blocks = [np.arange(first, min(first + step, len(queries))) for first in range(0, len(queries), step)]
    with ThreadPoolExecutor(available_cores()) as threads:  # products and maxima release the interpreter
        similarity, row = zip(*threads.map(search_block, blocks), strict=True)
    return np.concatenate(similarity), np.concatenate(row)


def _columns(fingerprints: Fingerprints, rank: np.ndarray) -> tuple[np.ndarray, csr_matrix]:
    """Frequent bits ``[M, 128]`` float32, and the others ``[M, 2048]``; columns by the rank of a bit."""
    column = rank[fingerprints.bits]
    row = np.repeat(np.arange(len(fingerprints)), fingerprints.counts)
    is_frequent = column < _FREQUENT
    dense = np.zeros((len(fingerprints), _FREQUENT), dtype=np.float32)
    dense[row[is_frequent], column[is_frequent]] = 1
    rare = ~is_frequent
    ones = np.ones(np.count_nonzero(rare), dtype=np.float32)
    return dense, csr_matrix((ones, (row[rare], column[rare])), shape=(len(fingerprints), N_BITS))
