"""Which molecules hold together under the placement rule."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from tqdm import tqdm

from gschnet_pyg.contracts import Cutoffs
from gschnet_pyg.data.arrays import MoleculeArrays, pieces
from gschnet_pyg.data.cache import short_hash
from gschnet_pyg.data.dataset import MoleculeDataset, centred
from gschnet_pyg.data.readers import off
from gschnet_pyg.untrusted import DAMAGE


def connected(dataset: MoleculeDataset, cutoffs: Cutoffs, progress: bool = True) -> np.ndarray:
    """Whether every atom of a molecule can be reached from every other through placement neighbours.

    The answer is kept with the cache of the dataset's source, keyed by the placement cutoff and the covalent factor.

    Args:
        dataset: molecules.
        cutoffs: Å; only the placement rule counts.
        progress: show a bar.

    Returns:
        ``[M]`` booleans.
    """
    everything = _stored(dataset.arrays, cutoffs, progress) if dataset.arrays.directory else None
    if everything is None:
        return _connected(dataset.z, dataset.pos, dataset.offsets, cutoffs, progress)
    return everything if dataset.rows is None else everything[dataset.rows]


def _stored(arrays: MoleculeArrays, cutoffs: Cutoffs, progress: bool) -> np.ndarray:
    """The answer for all molecules of a source, from its cache."""
    assert arrays.directory is not None
    file = arrays.directory / f"connected-{short_hash(['centred', cutoffs.placement, cutoffs.covalent_factor])}.npy"
    with contextlib.suppress(*DAMAGE):
        answer: np.ndarray = np.load(file, allow_pickle=False)
        if answer.shape == (len(arrays),) and answer.dtype == bool:
            return answer
    answer = _connected(arrays.z, arrays.pos, arrays.offsets, cutoffs, progress)
    with contextlib.suppress(OSError):  # a cache that cannot be written is no reason to stop
        part = Path(f"{file}.{os.getpid()}")
        with part.open("wb") as stream:
            np.save(stream, answer)
        os.replace(part, file)
    return answer


def _connected(
    z: np.ndarray, pos: np.ndarray, offsets: np.ndarray, cutoffs: Cutoffs, progress: bool = False
) -> np.ndarray:
    """The answer, computed in chunks of whole molecules."""
    only_placement = replace(cutoffs, model=cutoffs.placement, prediction=cutoffs.placement)
    answer = np.empty(len(offsets) - 1, dtype=bool)
    bar = tqdm(total=len(answer), desc="checking connectivity", disable=off(progress), leave=False)
    for rows in pieces(offsets):
        atoms = slice(offsets[rows.start], offsets[rows.stop])
        ptr = offsets[rows.start : rows.stop + 1] - offsets[rows.start]
        answer[rows] = _connected_chunk(z[atoms], pos[atoms], ptr, only_placement)
        bar.update(rows.stop - rows.start)
    bar.close()
    return answer


def _connected_chunk(z: np.ndarray, pos: np.ndarray, ptr: np.ndarray, cutoffs: Cutoffs) -> np.ndarray:
    import torch  # it takes seconds, and mostly the answer is stored
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    from gschnet_pyg.neighbors import neighbors

    # as trajectories see them
    pos = np.concatenate([centred(z[start:end], pos[start:end]) for start, end in pairwise(ptr.tolist())])
    pairs = neighbors(
        torch.from_numpy(z.astype(np.int64)), torch.from_numpy(pos), torch.from_numpy(ptr), cutoffs
    ).placement
    n_atoms = len(z)
    graph = coo_array((np.ones(len(pairs), dtype=bool), (pairs.first.numpy(), pairs.second.numpy())), [n_atoms] * 2)
    _, component = connected_components(graph, directed=False)
    change = np.diff(component, prepend=component[:1]) != 0
    change[ptr[:-1]] = False
    # a molecule is in one piece where all its atoms carry the label of its first
    return ~np.logical_or.reduceat(change, ptr[:-1])
