"""What is wrong with a recipe, in words: the key, the value, and the nearest right one."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from gschnet_pyg.recipe_yaml import shown

_MOST_PROBLEMS = 10
"""That are told at a time."""

_MUST_BE = {
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_parsing", "float_type"), "a number"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "true or false"),
}
"""Plain words for errors of pydantic, by their types."""


def explain(where: str, error: ValidationError, model: type[BaseModel]) -> str:
    """All that is wrong with a recipe, in one line."""
    problems = list(itertools.islice(_problems(error, model), _MOST_PROBLEMS + 1))
    more = "; and more" if len(problems) > _MOST_PROBLEMS else ""
    return "; ".join(f"{where}: {line}" for line in problems[:_MOST_PROBLEMS]) + more


def _problems(error: ValidationError, model: type[BaseModel]) -> Iterator[str]:
    seen = set()
    for problem in error.errors():
        place = [str(part) for part in problem["loc"]]
        path, fields = _follow(place, model)
        key = ".".join(path)
        if problem["type"] == "extra_forbidden":
            near = difflib.get_close_matches(path[-1], fields, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(fields)}"
            line = f"{key}: unknown key; {hint}"
        elif problem["type"] == "missing":
            line = f"{key}: missing; {fields.get(path[-1]) or 'give it a value'}"
        elif problem["type"] == "union_tag_not_found":
            line = f"{key}.kind: missing; it says which of several sections this is"
        elif problem["type"] == "union_tag_invalid":
            line = _not_one_of(f"{key}.kind", problem["ctx"]["tag"], _tags(problem["ctx"]["expected_tags"]))
        elif problem["type"] in _MUST_BE:
            line = f"{key}: must be {_MUST_BE[problem['type']]} (got {shown(problem['input'])})"
        elif problem["type"] == "tuple_type":
            line = f"{key}: must be a list; give all of it, {key}=[...]"
        else:
            got = "" if isinstance(problem["input"], dict) else f" (got {shown(problem['input'])})"
            line = f"{key}: {problem['msg'].removeprefix('Value error, ')}{got}"
        if line not in seen:
            seen.add(line)
            yield line


def _not_one_of(key: str, value: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(value, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"{key}: {value!r} is not one of {', '.join(map(repr, known))}{hint}"


def _tags(expected: str) -> list[str]:
    """``"'a', 'b'"``, as pydantic lists the kinds of sections, -> ``["a", "b"]``."""
    return [tag.strip().strip("'") for tag in expected.split(",")]


def _follow(place: Sequence[str], model: type[BaseModel]) -> tuple[list[str], dict[str, str]]:
    """Path of a key without the tags of unions, and the fields of the section it stands in."""
    path: list[str] = []
    candidates: list[type[BaseModel]] = [model]
    siblings: list[type[BaseModel]] = [model]
    is_key = False  # of a mapping from names to sections
    for part in place:
        if is_key:
            path.append(part)
            is_key = False
            continue
        if path and part.isdigit():  # an entry of a list
            path.append(part)
            continue
        fields = {name: field for candidate in candidates for name, field in candidate.model_fields.items()}
        tagged = [candidate for candidate in candidates if _tag(candidate) == part]
        if part not in fields and tagged and len(candidates) > 1:
            candidates = siblings = tagged
            continue
        if candidates or not path:
            path.append(part)
        siblings = candidates or siblings
        candidates = sections(fields[part].annotation) if part in fields else []
        is_key = part in fields and _maps_names(fields[part].annotation)
    return path, {name: field.description or "" for section in siblings for name, field in section.model_fields.items()}


def _maps_names(annotation: Any) -> bool:
    """Whether an annotation is of a mapping from names to sections."""
    if get_origin(annotation) is dict:
        return bool(sections(annotation))
    return any(map(_maps_names, get_args(annotation)))


def _tag(model: type[BaseModel]) -> str | None:
    kind = model.model_fields.get("kind")
    return get_args(kind.annotation)[0] if kind is not None else None


def sections(annotation: Any) -> list[type[BaseModel]]:
    """Sections that an annotation admits."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [section for argument in get_args(annotation) for section in sections(argument)]
