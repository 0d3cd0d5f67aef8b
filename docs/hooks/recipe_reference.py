"""The recipe reference, written from the schema: every key with its type, default, unit and meaning."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from gschnet_pyg.recipe import json_schema

PAGES = {
    "Recipe": (
        "reference/training-recipe.md",
        "Training recipes",
        "What `gschnet-pyg train` reads. A file needs only what differs from the recipe that it `extends`; "
        "`gschnet-pyg recipe show FILE` prints it with everything filled in.",
    ),
    "GenerationRecipe": (
        "reference/generation-recipe.md",
        "Generation recipes",
        "What `gschnet-pyg generate` reads. Most keys are options of the command as well, and a run directory in place "
        "of a recipe takes the defaults.",
    ),
    "Sweep": (
        "reference/sweep.md",
        "Sweeps",
        "What `wandb sweep` reads, and `gschnet-pyg recipe check` checks. How to run one is under "
        "[sweeps](../how-to/sweeps.md).",
    ),
}
HEAD = ("key", "type", "default", "unit", "meaning")
LEFT_OUT = ("extends", "name")
"""Keys that the schema has no default for, but a recipe can do without."""
UNITS = re.compile(r"^(Å|eV|GB|Minutes|Epochs)\b[,;:.]?\s*")

Schema = dict[str, Any]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    for uri, content in recipe_pages().items():
        files.append(File.generated(config, uri, content=content))
    return files


def recipe_pages() -> dict[str, str]:
    """Markdown of the pages, by path."""
    schema = json_schema()
    pages = {}
    for kind in schema["anyOf"]:
        uri, title, opening = PAGES[kind["title"]]
        lines = [f"# {title}", "", opening, "", *_section("", kind, schema["$defs"])]
        pages[uri] = "\n".join(lines) + "\n"
    return pages


def _section(place: str, section: Schema, sections: dict[str, Schema], depth: int = 2) -> Iterator[str]:
    """A table of keys, then the sections below it."""
    rows, below = [], []
    for key, value in section["properties"].items():
        if "const" in value and place.count("."):  # the kind that the heading names
            continue
        full = f"{place}.{key}".lstrip(".")
        inner = [each for each in _inner(full, value, sections) if each[2] is not section]
        below += inner
        rows.append(_row(key, full, value, inner))
    if rows:
        yield from _table(rows)
        yield ""
    for name, title, each in below:
        yield f"{'#' * depth} {title} {{ #{name} }}\n\n{_flow(each.get('description', ''))}\n"
        yield from _section(name, each, sections, min(depth + 1, 4))


def _table(rows: list[Sequence[str]]) -> Iterator[str]:
    """Rows below their head, without a column that is empty."""
    shown = [column for column in zip(HEAD, *rows, strict=True) if any(column[1:])]
    for number, row in enumerate(zip(*shown, strict=True)):
        yield f"| {' | '.join(row)} |"
        if not number:
            yield "| --- " * len(row) + "|"


def _inner(full: str, value: Schema, sections: dict[str, Schema]) -> Iterator[tuple[str, str, Schema]]:
    """Sections that a key holds: anchor, title and content of each."""
    by_name = value.get("additionalProperties")
    if isinstance(by_name, dict) and "$ref" in by_name:
        full, value = f"{full}.NAME", by_name
    choices = value.get("oneOf") or value.get("anyOf") or value.get("items", {}).get("oneOf") or [value]
    found = [sections[choice["$ref"].rsplit("/", 1)[1]] for choice in choices if "$ref" in choice]
    if len(found) == 1:
        yield full, f"`{full}`", found[0]
        return
    for each in found:
        kind = each["properties"]["kind"]["const"]
        yield f"{full}.{kind}", f"`{full}`, kind `{kind}`", each


def _row(key: str, full: str, value: Schema, inner: list[Any]) -> Sequence[str]:
    meaning = value.get("description") or (inner[0][2].get("description", "") if len(inner) == 1 else "")
    unit = UNITS.match(meaning)
    unit_cell = "" if unit is None else unit[1].replace("Minutes", "min").replace("Epochs", "epochs")
    if unit is not None and unit[1] in ("Å", "eV", "GB"):
        meaning = meaning[unit.end() :]
    kind = " or ".join(f"[{title.rpartition(' ')[2]}](#{name})" for name, title, _ in inner) if inner else _type(value)
    if inner and value.get("type") in ("array", "object"):
        kind = f"{'list of' if value['type'] == 'array' else 'mapping to'} {kind}"
    default = "" if full in LEFT_OUT else "required"
    if "default" in value:
        default = "" if inner else f"`{_value(value['default'])}`"
    if inner and any(choice.get("type") == "null" for choice in value.get("anyOf", [])):
        default = "`null`"
    if full == "kind":
        meaning = "Says what the recipe is for."
    meaning = _flow(meaning)
    is_own_anchor = not inner or len(inner) > 1 or inner[0][0] != full
    name = f"[`{key}`](#{full}){{ #{full} }}" if is_own_anchor else f"[`{key}`](#{full})"
    return name, kind, default, unit_cell, meaning[:1].upper() + meaning[1:]


def _flow(text: str) -> str:
    """Paragraphs in Markdown, safe inside a table."""
    return " ".join(text.replace("``", "`").replace("|", "\\|").split())


def _value(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")


def _type(schema: Schema) -> str:
    """A type in words."""
    if "$ref" in schema:
        return "the same again"
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{_value(choice)}`" for choice in schema["enum"])
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(_type(choice) for choice in choices)
    match schema.get("type"):
        case "array" if "prefixItems" in schema:
            return f"{len(schema['prefixItems'])} × {_type(schema['prefixItems'][0])}"
        case "array":
            return f"list of {_type(schema.get('items', {}))}"
        case "object":
            inner = schema.get("additionalProperties")
            return f"mapping to {_type(inner)}" if isinstance(inner, dict) else "mapping"
        case "string":
            return "path" if schema.get("format") == "path" else "text"
        case "boolean":
            return "`true` or `false`"
        case "null":
            return "`null`"
        case "integer" | "number" as name:
            return f"{name}{_bounds(schema)}"
    return "any"


def _bounds(schema: Schema) -> str:
    limits = (
        ("≥", schema.get("minimum")),
        (">", schema.get("exclusiveMinimum")),
        ("≤", schema.get("maximum")),
        ("<", schema.get("exclusiveMaximum")),
    )
    told = [f"{sign} {limit:g}" for sign, limit in limits if limit is not None and abs(limit) < 1e9]
    if "multipleOf" in schema:
        told.append(f"a multiple of {schema['multipleOf']}")
    return f" {', '.join(told)}" if told else ""
