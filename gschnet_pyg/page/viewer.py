"""The 3D viewer that the page carries: 3Dmol.js, out of the package chemiscope.

The script is read from the installed package when a page is written, and embedded with its licences.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from gschnet_pyg.errors import DataError
from gschnet_pyg.page.packing import packed

_PACKAGE = "chemiscope"
_SCRIPT = "chemiscope/sphinx/static/chemiscope.min.js"
_NOTICES = "chemiscope/static/chemiscope-widget.mjs.LICENSE.txt"


@dataclass(frozen=True)
class Viewer:
    """A script that sets ``window.$3Dmol``.

    Attributes:
        version: of the package.
        script: packed.
        licence: of the package.
        notices: of what its bundle holds, 3Dmol.js among it.
    """

    version: str
    script: str
    licence: str
    notices: str


@cache
def load_viewer() -> Viewer:
    """Read the viewer from the installed package.

    Raises:
        DataError: if the package is missing, or lacks one of its files.
    """
    try:
        package = distribution(_PACKAGE)
    except PackageNotFoundError:
        raise DataError(f"the 3D viewer is part of the package {_PACKAGE}; pip install '{_PACKAGE}>=1.1'") from None
    licences = [str(each) for each in package.files or [] if each.name == "LICENSE" and "dist-info" in str(each)]
    if not licences:
        raise DataError(f"{_PACKAGE} {package.version} comes without its licence; pip install '{_PACKAGE}>=1.1'")
    texts = []
    for name in (_SCRIPT, licences[0], _NOTICES):
        try:
            texts.append(Path(str(package.locate_file(name))).read_text(encoding="utf-8"))
        except OSError as error:
            raise DataError(f"{_PACKAGE} {package.version} lacks {name} ({error}); install version 1.1") from None
    return Viewer(package.version, packed(texts[0]), *texts[1:])
