"""Cross-references of docstrings, written as Sphinx roles, as those of mkdocstrings."""

from __future__ import annotations

import re
from typing import Any

from griffe import AliasResolutionError, Extension, NameResolutionError, Object

ROLE = re.compile(r":(?:func|class|meth|mod|attr|data):`~?([\w.]+)`")


class Roles(Extension):
    """Link what a page of the reference documents, and show the rest as code."""

    def on_object(self, *, obj: Object, **kwargs: Any) -> None:
        """Called for every object that is loaded."""
        if obj.docstring is not None:
            obj.docstring.value = ROLE.sub(lambda match: _reference(match[1], obj), obj.docstring.value)


def _reference(name: str, obj: Object) -> str:
    try:
        path = name if name.startswith(f"{obj.package.path}.") else obj.resolve(name)
    except (NameResolutionError, AliasResolutionError):
        path = f"{obj.path}.{name}"
    return f'<autoref optional identifier="{path}"><code>{name}</code></autoref>'
