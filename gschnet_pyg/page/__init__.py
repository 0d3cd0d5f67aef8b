"""stand-in until the page is merged."""

from typing import Any

PageEntry: Any = None
write_page: Any = None
