"""What the documentation names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PAGES = sorted((REPOSITORY / "docs").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_named_tests_exist(page: Path) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page.read_text())
    assert named
    for file, test in named:
        assert (REPOSITORY / file).is_file(), file
        assert not test or f"def {test}(" in (REPOSITORY / file).read_text(), f"{file}::{test}"


def test_no_row_of_the_established_tool_is_without_a_test() -> None:
    rows = [line for line in (REPOSITORY / "docs" / "parity.md").read_text().splitlines() if line.startswith("| ")]
    rows = [row for row in rows if not row.startswith(("| there", "| wish", "| ---"))]
    assert len(rows) > 60
    assert [row for row in rows if "`tests/" not in row] == []
