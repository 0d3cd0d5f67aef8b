"""Whether wandb has a login, without asking for one."""

from __future__ import annotations

import os

from gschnet_pyg.errors import RecipeError

_KEYS = ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE")


def is_logged_in() -> bool:
    """Whether there is a login for the server that wandb is set up for; nothing is asked of the server."""
    if any(os.environ.get(name) for name in _KEYS):
        return True
    import wandb
    from requests.utils import get_netrc_auth

    settings = wandb.setup().settings
    return bool(settings.api_key or get_netrc_auth(settings.base_url))


def require_login() -> None:
    """Refuse to log online without a login, before any work is done.

    Raises:
        RecipeError: naming both ways out.
    """
    if not is_logged_in():
        raise RecipeError(
            "logging.wandb: online needs a login, and there is none; log in once with `wandb login` (or set "
            "WANDB_API_KEY), or take logging.wandb=offline and upload the run later with `wandb sync`"
        )
