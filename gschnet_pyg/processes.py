"""Processes that do one piece of work together, and what they tell each other beside the computation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import torch
    from torch import Tensor

T = TypeVar("T")


@dataclass(frozen=True)
class Layout:
    """Where processes run: one for each device.

    Args:
        accelerator: of Lightning: ``cpu``, ``cuda``, ...
        devices: on each machine.
        nodes: number of machines.
    """

    accelerator: str = "cpu"
    devices: int = 1
    nodes: int = 1

    @property
    def size(self) -> int:
        """Number of processes."""
        return self.devices * self.nodes


@dataclass(frozen=True)
class Processes:
    """This process among those that work together; all of them call the methods below, in the same order.

    Args:
        rank: number of this process; the first one, 0, speaks and writes for all.
        size: how many there are.
        device: that this one computes on; none where it is for itself to choose.
        group: of ``torch.distributed``, for what travels between CPUs; none for a process alone.
        cluster: Lightning's view of what started the processes.
    """

    rank: int = 0
    size: int = 1
    device: torch.device | None = None
    group: Any = None
    cluster: Any = None

    @property
    def is_first(self) -> bool:
        """Whether this process speaks and writes for all."""
        return self.rank == 0

    def shared(self, value: T) -> T:
        """What the first process gives here; the others wait for it, and what they give is ignored."""
        if self.size == 1:
            return value
        import torch.distributed as dist  # only where there are several; torch takes seconds

        box = [value]
        dist.broadcast_object_list(box, src=0, group=self.group)
        return box[0]

    def gathered(self, value: T) -> list[T]:
        """What all processes give here, by rank."""
        if self.size == 1:
            return [value]
        import torch.distributed as dist

        boxes: list[Any] = [None] * self.size
        dist.all_gather_object(boxes, value, group=self.group)
        return boxes

    def largest(self, value: float) -> float:
        """The largest of the numbers that the processes give."""
        if self.size == 1:
            return value
        import torch
        import torch.distributed as dist

        box = torch.tensor([value], dtype=torch.float64)
        dist.all_reduce(box, dist.ReduceOp.MAX, group=self.group)
        return float(box)


ALONE = Processes()
"""A process for itself."""


def added_up(values: Tensor) -> Tensor:
    """Sum of a tensor over all processes, on whatever device it is; without gradient."""
    import torch.distributed as dist

    dist.all_reduce(values)
    return values
