"""Fetch a file from the net, whole or not at all."""

from __future__ import annotations

import http.client
import os
import urllib.request
from pathlib import Path

from filelock import FileLock
from tqdm import tqdm

from gschnet_pyg.data.readers import off
from gschnet_pyg.errors import DataError

_BLOCK = 1 << 18
_TIMEOUT = 60  # seconds without an answer


def download(url: str, path: Path, progress: bool = True) -> None:
    """Download to a temporary name, check the length, then put the file in place; nothing to do where it is already.

    Args:
        url: http or https.
        path: where the file belongs; its folder is made.
        progress: show a bar.

    Raises:
        DataError: if the file cannot be fetched completely; it says where to put it by hand.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            if not path.exists():
                _fetch(url, path, progress)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DataError(
            f"{url}: cannot be downloaded ({error}); fetch it elsewhere and put it by hand at {path}"
        ) from error


def _fetch(url: str, path: Path, progress: bool) -> None:
    part = path.with_name(f"{path.name}.part-{os.getpid()}")
    request = urllib.request.Request(url, headers={"User-Agent": "gschnet_pyg"})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer, part.open("wb") as file:
            total = int(answer.headers.get("Content-Length") or 0)
            with tqdm(
                total=total or None, desc=path.name, unit="B", unit_scale=True, disable=off(progress), leave=False
            ) as bar:
                while block := answer.read(_BLOCK):
                    file.write(block)
                    bar.update(len(block))
        size = part.stat().st_size
        if size == 0 or (total and size != total):
            raise OSError(f"got {size:,} of {total:,} bytes")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
