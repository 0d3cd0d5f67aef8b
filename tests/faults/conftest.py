"""The command line, as the tests of whole commands have it."""

from __future__ import annotations

from tests.integration.conftest import command, conditioned, database, user_cache

__all__ = ["command", "conditioned", "database", "user_cache"]
