"""Memory that is freed and asked for again, step after step."""

from __future__ import annotations

import ctypes
import platform

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of glibc's <malloc.h>
_LARGEST_MAPPED, _LARGEST_KEPT = 2**30, 2**31 - 1


def keep_freed_memory() -> None:
    """Let the process keep the memory of freed tensors on a CPU for the next ones.

    glibc hands large pieces back to the system, which clears them page by page when they are asked for again a moment
    later: up to a fifth of an optimisation step. Nothing happens where there is no glibc.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_MMAP_THRESHOLD, _LARGEST_MAPPED)
        libc.mallopt(_TRIM_THRESHOLD, _LARGEST_KEPT)
