"""The table of faults names tests that exist, one at least in every row."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "reference" / "faults.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith(("| fault", "| ---"))]


def test_every_row_names_tests_that_exist() -> None:
    assert len(ROWS) > 10
    for row in ROWS:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row)
        assert named, row
        for file, test in named:
            assert f"def {test}(" in (REPOSITORY / file).read_text(encoding="utf-8"), f"{file}::{test}"


def test_every_test_of_a_fault_is_in_the_table() -> None:
    files = sorted((REPOSITORY / "tests" / "faults").glob("test_*.py"))
    missing = [file.name for file in files if f"tests/faults/{file.name}::" not in PAGE]
    assert files
    assert missing == []
