"""How far molecules ended up from where they began: the origin token stands for their centre of mass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from ase.data import atomic_masses

from gschnet_pyg.contracts import Numbers
from gschnet_pyg.validity.checks import Molecule
from gschnet_pyg.validity.numbers import DISTANCE_BIN, numbers_of


def stored_origin(made_by: Mapping[str, Any]) -> np.ndarray | None:
    """Where the origin token was in the frame of a file of generated molecules.

    Args:
        made_by: what generation has stored with the file, empty for any other file.

    Returns:
        ``[3]`` Å; none where the file does not say, or not all of its molecules grew around the same origin.
    """
    origins = [entry.get("origin") for entry in (made_by, *made_by.get("appended", ()))]
    if origins[0] is None or any(origin != origins[0] for origin in origins):
        return None
    return np.asarray(origins[0], dtype=np.float64)


def origin_distances(molecules: Iterable[Molecule], origin: np.ndarray) -> np.ndarray:
    """Distances of centres of mass from the origin token.

    Args:
        molecules: ``M`` of them, ``(z [N], pos [N, 3] Å)`` each; at least one atom.
        origin: ``[3]`` Å.

    Returns:
        ``[M]`` Å, by the masses of the elements as ASE has them.
    """
    distances = (np.linalg.norm(atomic_masses[z] @ pos / atomic_masses[z].sum() - origin) for z, pos in molecules)
    return np.fromiter(distances, dtype=np.float64)


def describe_origin(molecules: Sequence[Molecule], made_by: Mapping[str, Any]) -> Numbers | None:
    """Distances of centres of mass from the origin token; none where the file does not say where that was.

    Molecules without a place, by coordinates that are not finite or elements that do not exist, are left out.

    Args:
        molecules: ``(z [N], pos [N, 3] Å)`` each, of one file.
        made_by: what generation has stored with it.
    """
    origin = stored_origin(made_by)
    if origin is None:
        return None
    placed = ((z, pos) for z, pos in molecules if len(z) and np.isfinite(pos).all() and z.min() >= 1 and z.max() <= 118)
    return numbers_of(origin_distances(placed, origin), DISTANCE_BIN)
