"""How a run is logged to wandb."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class TrackingSettings:
    """How a run is logged to wandb.

    Args:
        mode: to the server at once, or to files that can be uploaded later.
        project: of wandb.
        entity: user or team; that of the login where there is none.
        group: of runs that belong together.
        tags: of the run.
        n_molecules: most molecules in a table.
    """

    mode: Literal["offline", "online"]
    project: str
    entity: str | None = None
    group: str | None = None
    tags: tuple[str, ...] = ()
    n_molecules: int = 32
