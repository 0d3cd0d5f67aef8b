"""What would leave a trace if it were ever run."""

from __future__ import annotations

from pathlib import Path


class Trap:
    """Creates the file ``sprung`` where it is unpickled.

    Args:
        folder: for the file.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.folder / "sprung",)


def is_sprung(folder: Path) -> bool:
    """Whether a trap was unpickled."""
    return (folder / "sprung").exists()
