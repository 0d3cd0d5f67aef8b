"""The command line, as for whole commands; small molecules, as for data."""

from __future__ import annotations

from tests.data.conftest import molecules
from tests.faults.runs import directory, trained
from tests.integration.conftest import command, database, user_cache

__all__ = ["command", "database", "directory", "molecules", "trained", "user_cache"]
