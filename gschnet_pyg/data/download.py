"""Fetch a file from the net, whole or not at all."""

from __future__ import annotations

import http.client
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from filelock import FileLock
from tqdm import tqdm

from gschnet_pyg.data.readers import off
from gschnet_pyg.errors import DataError

LARGEST = 2**30
"""Bytes of a download; what goes on after them has no end, or is something else."""

_SCHEMES = ("http", "https")
_BLOCK = 1 << 18
_TIMEOUT = 60  # seconds without an answer


def download(url: str, path: Path, progress: bool = True, largest: int = LARGEST) -> None:
    """Download to a temporary name, check the length, then put the file in place; nothing to do where it is already.

    Args:
        url: http or https, as are those that it redirects to.
        path: where the file belongs; its folder is made.
        progress: show a bar.
        largest: bytes at most.

    Raises:
        DataError: if the file cannot be fetched completely; it says where to put it by hand.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            if not path.exists():
                _fetch(url, path, progress, largest)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DataError(
            f"{url}: cannot be downloaded ({error}); fetch it elsewhere and put it by hand at {path}"
        ) from error


def _fetch(url: str, path: Path, progress: bool, largest: int) -> None:
    _check_scheme(url)
    part = path.with_name(f"{path.name}.part-{os.getpid()}")
    request = urllib.request.Request(url, headers={"User-Agent": "gschnet_pyg"})
    try:
        with _opener().open(request, timeout=_TIMEOUT) as answer, part.open("wb") as file:
            total = int(answer.headers.get("Content-Length") or 0)
            if total > largest:
                raise OSError(f"it has {total:,} bytes, more than the {largest:,} that are expected at most")
            with tqdm(
                total=total or None, desc=path.name, unit="B", unit_scale=True, disable=off(progress), leave=False
            ) as bar:
                while block := answer.read(_BLOCK):
                    if file.tell() + len(block) > largest:
                        raise OSError(f"it goes on after {largest:,} bytes, more than are expected")
                    file.write(block)
                    bar.update(len(block))
        size = part.stat().st_size
        if size == 0 or (total and size != total):
            raise OSError(f"got {size:,} of {total:,} bytes")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _check_scheme(url: str) -> None:
    """Refuse addresses of other kinds, such as files of this machine."""
    if urlsplit(url).scheme not in _SCHEMES:
        raise ValueError(f"{url!r} is no http or https address")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects from one web address to another; Python's would go on to FTP."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """As Python's."""
        _check_scheme(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """Opens web addresses, through the user's proxies, and nothing else."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        _Redirects(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener
