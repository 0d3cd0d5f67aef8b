"""What an examination finds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Status = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Check:
    """One finding.

    Attributes:
        name: of what was looked at.
        status: ``ok``; ``note`` if all works, but could do so better; ``problem`` if something will not work.
        found: what is there.
        remedy: what to do about it; none where nothing is to be done.
    """

    name: str
    status: Status
    found: str
    remedy: str | None = None


@dataclass(frozen=True)
class Diagnosis:
    """All findings.

    Attributes:
        checks: in the order of the examination.
    """

    checks: tuple[Check, ...]

    @property
    def is_well(self) -> bool:
        """Whether everything that is needed works."""
        return all(check.status != "problem" for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """Plain containers."""
        return {"ok": self.is_well, "checks": [asdict(check) for check in self.checks]}
