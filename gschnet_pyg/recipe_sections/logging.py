"""Where runs are logged beside their own files."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from gschnet_pyg.recipe_sections.base import Count, PropertyName, Section


def _off_as_text(value: Any) -> Any:
    """YAML reads a bare ``off`` as false."""
    return "off" if value is False else value


class LoggingSection(Section):
    """Weights & Biases (wandb): losses, learning rate, throughput, molecules, reports and models of runs."""

    wandb: Annotated[Literal["off", "offline", "online"], BeforeValidator(_off_as_text)] = "off"
    """``online`` needs a login (``wandb login``); ``offline`` writes to the run directory, for ``wandb sync`` later."""
    project: PropertyName = "gschnet_pyg"
    """Of wandb, that the run belongs to."""
    entity: PropertyName | None = None
    """User or team; that of the login where there is none."""
    group: PropertyName | None = None
    """Of runs that belong together; where there is none, a training run and what is generated with it are one."""
    tags: tuple[PropertyName, ...] = ()
    """Words to find the run by."""
    molecules: Count = 32
    """Most molecules in a table, of every sampling and generation; 0 for no tables."""
