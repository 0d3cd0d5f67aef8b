"""Recipe -> how the run is logged to wandb."""

from __future__ import annotations

from gschnet_pyg.recipe_sections.logging import LoggingSection
from gschnet_pyg.tracking.login import require_login
from gschnet_pyg.tracking.settings import TrackingSettings


def tracking_settings(logging: LoggingSection, group: str) -> TrackingSettings | None:
    """How a run is logged; none if it is not.

    Args:
        logging: of the recipe.
        group: where the recipe has none.
    """
    if logging.wandb == "off":
        return None
    return TrackingSettings(
        mode=logging.wandb,
        project=logging.project,
        entity=logging.entity,
        group=logging.group or group,
        tags=logging.tags,
        n_molecules=logging.molecules,
    )


def check_login(logging: LoggingSection) -> None:
    """Refuse to log online without a login, before any work is done.

    Raises:
        RecipeError: naming both ways out.
    """
    if logging.wandb == "online":
        require_login()
