"""YAML as recipes and the command line have it: that of PyYAML, without numbers to the base of sixty.

Whatever is written there, it becomes plain values of bounded size: tags build no objects, and aliases cannot make much
of little.
"""

from __future__ import annotations

import re
import reprlib
from typing import Any

import yaml
from yaml.composer import ComposerError
from yaml.constructor import ConstructorError

_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_DEEPEST = 50  # levels of nesting; recipes have five
_MOST_VALUES = 100_000  # aliases written out
_UNFIT = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
"""What PyYAML raises where a value does not fit its tag, such as a date that is none."""


class PlainLoader(yaml.SafeLoader):
    """Takes ``4:8`` for text; YAML 1.1 takes it for 248."""

    _depth = 0

    def get_single_node(self) -> yaml.Node | None:
        """As PyYAML's, of bounded size."""
        node = super().get_single_node()
        if node is not None:
            _extent(node, {})
        return node

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """As PyYAML's, of bounded depth."""
        if self._depth == _DEEPEST:
            raise ComposerError(None, None, _too("deeply nested"), self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """As PyYAML's; what does not fit its tag is an error of YAML, and so is a number of more than 64 bits."""
        try:
            value = super().construct_object(node, deep)
        except _UNFIT as error:
            kind = node.tag.rpartition(":")[2]
            raise ConstructorError(None, None, f"no {kind} ({type(error).__name__})", node.start_mark) from error
        if isinstance(value, int) and abs(value) >= 2**63:
            raise ConstructorError(None, None, _too("large a number"), node.start_mark)
        return value


class StrictLoader(PlainLoader):
    """Refuses keys that stand twice in one mapping as well."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """As PyYAML's.

        Raises:
            ConstructorError: naming the key that stands twice, and its line.
        """
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            try:
                is_twice = key in seen
                seen.add(key)
            except TypeError:
                raise ConstructorError(None, None, "a key is text or a number", key_node.start_mark) from None
            if is_twice:
                raise ConstructorError(None, None, f"key {key!r} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def parse_value(text: str) -> Any:
    """A value on the command line.

    Raises:
        YAMLError: if it is no YAML, or looks like something that it is not, such as the date 2026-99-99.
    """
    return yaml.load(text, Loader=PlainLoader)


def shown(value: Any) -> str:
    """A value of a recipe as messages have it: short."""
    return _SHORT.repr(value)


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 100
_SHORT.maxlevel = 3


def _extent(node: yaml.Node, known: dict[int, tuple[int, int] | None]) -> tuple[int, int]:
    """Number of values and levels of a node with its aliases written out, which PyYAML never does.

    Args:
        node: whole.
        known: results by the nodes' identities; none for those whose content is being counted.
    """
    if id(node) in known:
        found = known[id(node)]
        if found is None:
            raise ComposerError(None, None, "an alias stands inside what it stands for", node.start_mark)
        return found
    known[id(node)] = None
    inside: list[yaml.Node] = []
    if isinstance(node, yaml.SequenceNode):
        inside = node.value
    elif isinstance(node, yaml.MappingNode):
        inside = [each for pair in node.value for each in pair]
    number, depth = 1, 1
    for each in inside:
        values, levels = _extent(each, known)
        number, depth = number + values, max(depth, 1 + levels)
    if number > _MOST_VALUES:
        raise ComposerError(None, None, _too("many values"), node.start_mark)
    if depth > _DEEPEST:
        raise ComposerError(None, None, _too("deeply nested"), node.start_mark)
    known[id(node)] = number, depth
    return number, depth


def _too(what: str) -> str:
    return f"too {what}, for a recipe"


def _without_sixties(tag: str, pattern: re.Pattern[str]) -> re.Pattern[str]:
    """The pattern of a number, which then has no colon in it."""
    return re.compile(f"(?!.*:)(?:{pattern.pattern})", pattern.flags) if tag in _NUMBERS else pattern


PlainLoader.yaml_implicit_resolvers = StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, _without_sixties(tag, pattern)) for tag, pattern in resolvers]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
