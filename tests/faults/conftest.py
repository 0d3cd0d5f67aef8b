"""What whole commands need, as in ``tests/integration``."""

from __future__ import annotations

from tests.integration.conftest import command, conditioned, database, measured, user_cache

__all__ = ["command", "conditioned", "database", "measured", "user_cache"]
