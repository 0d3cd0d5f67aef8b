"""The pages that people read, and the blocks of code in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
_FENCE = re.compile(r"^```(?P<info>[^`\n]+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of code.

    Attributes:
        page, line: where it stands.
        info: what follows the fence: the language first, then options.
        code: the text.
    """

    page: str
    line: int
    info: str
    code: str

    @property
    def language(self) -> str:
        return re.split(r"[\s}]", self.info.strip("{."))[0]

    @property
    def file_name(self) -> str:
        """The file that it is to be saved as: its title, or a comment in its first line."""
        found = re.search(r'title="([\w.]+)"', self.info) or re.match(r"# ([\w.]+\.ya?ml)\n", self.code)
        return found[1] if found else f"block_{self.line}.yaml"

    @property
    def is_checked(self) -> bool:
        return ".no-check" not in self.info


def blocks(language: str, page: Path | None = None) -> Iterator[Block]:
    """All blocks of a language, of one page or of all."""
    for each in [page] if page else PAGES:
        text = each.read_text(encoding="utf-8")
        name = str(each.relative_to(REPOSITORY))
        for match in _FENCE.finditer(text):
            block = Block(name, text[: match.start()].count("\n") + 1, match["info"], match["code"])
            if block.language == language and block.is_checked:
                yield block
