"""The command line, as for whole commands; small molecules, as for data."""

from __future__ import annotations

from tests.data.conftest import molecules
from tests.faults.runs import directory, trained
from tests.integration.conftest import command, conditioned, database, measured, user_cache

__all__ = ["command", "conditioned", "database", "directory", "measured", "molecules", "trained", "user_cache"]
