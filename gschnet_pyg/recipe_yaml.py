"""YAML as recipes and the command line have it: that of PyYAML, without numbers to the base of sixty."""

from __future__ import annotations

import re
from typing import Any

import yaml

_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


class PlainLoader(yaml.SafeLoader):
    """Takes ``4:8`` for text; YAML 1.1 takes it for 248."""


class StrictLoader(PlainLoader):
    """Refuses keys that stand twice in one mapping as well."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """As PyYAML's.

        Raises:
            ConstructorError: naming the key that stands twice, and its line.
        """
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def parse_value(text: str) -> Any:
    """A value on the command line.

    Raises:
        YAMLError: if it is no YAML.
        ValueError: if it looks like a date and is none, as 2026-99-99.
    """
    return yaml.load(text, Loader=PlainLoader)


def _without_sixties(tag: str, pattern: re.Pattern[str]) -> re.Pattern[str]:
    """The pattern of a number, which then has no colon in it."""
    return re.compile(f"(?!.*:)(?:{pattern.pattern})", pattern.flags) if tag in _NUMBERS else pattern


PlainLoader.yaml_implicit_resolvers = StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, _without_sixties(tag, pattern)) for tag, pattern in resolvers]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
