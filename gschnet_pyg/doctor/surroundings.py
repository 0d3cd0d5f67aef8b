"""The user's cache, account and terminal."""

from __future__ import annotations

import os
import sys
import tempfile
from importlib import metadata, util

from gschnet_pyg.doctor.findings import Check


def cache() -> Check:
    """Whether converted data can be kept."""
    from gschnet_pyg.data.cache import user_cache

    folder = user_cache()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        remedy = "make it writable, or name another with XDG_CACHE_HOME; run.cache_directory=FOLDER does so for one run"
        return Check("cache", "problem", f"{folder} cannot be written to: {error.strerror}", remedy)
    return Check("cache", "ok", f"{folder} can be written to")


def wandb() -> Check:
    """Whether runs can be logged, going by what lies on this machine."""
    if util.find_spec("wandb") is None:
        return Check("wandb", "note", "not installed; runs cannot be logged to it", "pip install wandb")
    version = metadata.version("wandb")
    if (mode := os.environ.get("WANDB_MODE")) in ("offline", "disabled"):
        return Check("wandb", "ok", f"{version}, {mode} by WANDB_MODE")
    from gschnet_pyg.tracking.login import is_logged_in

    if is_logged_in():
        return Check("wandb", "ok", f"{version}, logged in")
    remedy = "wandb login; without it, logging.wandb=offline works, and wandb sync uploads later"
    return Check("wandb", "note", f"{version}, not logged in", remedy)


def terminal() -> Check:
    """Whether what is printed can be shown."""
    encoding = sys.stdout.encoding or "unknown"
    kind = "a terminal" if sys.stdout.isatty() else "no terminal"
    try:
        "Å × ─".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        remedy = "export PYTHONUTF8=1, or LC_ALL=C.UTF-8"
        return Check("terminal", "problem", f"{kind}, {encoding}: cannot show Å", remedy)
    return Check("terminal", "ok", f"{kind}, {encoding}")
