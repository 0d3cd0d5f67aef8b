"""Who is whose neighbour: one query per molecule serves the three cutoffs.

The only import of torch_cluster in the package. Where it is not installed, or was built for another
torch, an exact twin in plain PyTorch serves: both only propose pairs, and one shared comparison of
float64 distances decides.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from ase.data import covalent_radii
from torch import Tensor

from gschnet_pyg.contracts import Cutoffs

WHY_TWIN: str | None = None
"""Why torch_cluster does not serve; none where it does."""

try:
    from torch_cluster import radius_graph
except ImportError as error:
    radius_graph, WHY_TWIN = None, "not installed" if error.name == "torch_cluster" else str(error)
except (OSError, RuntimeError, AttributeError) as error:  # it was built for another torch
    radius_graph, WHY_TWIN = None, " ".join(str(error).split())

HAS_TORCH_CLUSTER = radius_graph is not None

_RADII = torch.as_tensor(covalent_radii, dtype=torch.float64)


@dataclass(frozen=True)
class Pairs:
    """Unordered pairs of atoms, each once, sorted.

    Attributes:
        first: ``[P]`` long, the lower atom.
        second: ``[P]`` long, the higher atom.
        distance: ``[P]`` float64, Å.
    """

    first: Tensor
    second: Tensor
    distance: Tensor

    def __len__(self) -> int:
        return len(self.distance)

    def where(self, mask: Tensor) -> Pairs:
        """The pairs that a boolean mask ``[P]`` keeps."""
        return Pairs(self.first[mask], self.second[mask], self.distance[mask])

    def closer_than(self, cutoff: float) -> Pairs:
        """The pairs inside a cutoff; its boundary is outside. Every cutoff is decided here."""
        return self.where(self.distance < cutoff)


@dataclass(frozen=True)
class Neighbors:
    """Pairs of atoms of the same molecule inside each of the three cutoffs."""

    model: Pairs
    prediction: Pairs
    placement: Pairs


def neighbors(z: Tensor, pos: Tensor, ptr: Tensor, cutoffs: Cutoffs) -> Neighbors:
    """Find the neighbours of every atom inside the model, prediction and placement cutoffs.

    Args:
        z: ``[N]`` atomic numbers of all molecules, one after the other.
        pos: ``[N, 3]`` Å.
        ptr: ``[M + 1]`` first atom of every molecule, and N.
        cutoffs: Å; a pair counts when its distance is strictly smaller. The established generator
            also counts the boundary: a deliberate deviation.

    Returns:
        Pairs of atom numbers, each unordered pair once.

    Source:
        Gebauer et al., Nat. Commun. 13, 973 (2022), Methods.
    """
    near = pairs_within(pos, ptr, max(cutoffs.model, cutoffs.prediction, cutoffs.placement))
    placement = near.closer_than(cutoffs.placement)
    if cutoffs.covalent_factor is not None:
        reach = cutoffs.covalent_factor * (_RADII[z[placement.first]] + _RADII[z[placement.second]])
        placement = placement.where(placement.distance < reach)
    return Neighbors(near.closer_than(cutoffs.model), near.closer_than(cutoffs.prediction), placement)


def pairs_within(pos: Tensor, ptr: Tensor, cutoff: float) -> Pairs:
    """Find all pairs of atoms of the same molecule that are closer than a cutoff.

    Args:
        pos: ``[N, 3]`` Å.
        ptr: ``[M + 1]`` first atom of every molecule, and N.
        cutoff: Å, exclusive.
    """
    pos = pos.to(torch.float64)
    propose = propose_by_cluster if HAS_TORCH_CLUSTER else propose_all
    first, second = propose(pos, ptr, cutoff)
    return Pairs(first, second, torch.linalg.vector_norm(pos[first] - pos[second], dim=1)).closer_than(cutoff)


def propose_by_cluster(pos: Tensor, ptr: Tensor, cutoff: float) -> tuple[Tensor, Tensor]:
    """Pairs ``first < second`` that may lie inside the cutoff, by torch_cluster, sorted."""
    sizes = ptr.diff()
    if len(pos) == 0:
        return ptr.new_empty(0), ptr.new_empty(0)
    molecule = torch.repeat_interleave(sizes)
    # it compares squares, so query with slack; its default of 32 neighbours would drop edges silently
    slack = cutoff * (1 + 1e-6) + 1e-6
    edges = radius_graph(pos, slack, batch=molecule, max_num_neighbors=max(int(sizes.max()), 1))
    first, second = edges[:, edges[0] < edges[1]]
    order = torch.argsort(first * len(pos) + second)
    return first[order], second[order]


def propose_all(pos: Tensor, ptr: Tensor, cutoff: float) -> tuple[Tensor, Tensor]:
    """All pairs ``first < second`` of the same molecule, sorted: the exact twin without torch_cluster."""
    end = torch.repeat_interleave(ptr[1:], ptr.diff())
    atoms = torch.arange(len(pos), device=pos.device)
    n_partners = end - atoms - 1
    first = torch.repeat_interleave(n_partners)
    start = torch.cumsum(n_partners, 0) - n_partners
    second = torch.arange(len(first), device=pos.device) - start[first] + first + 1
    return first, second
