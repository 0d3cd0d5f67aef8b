"""The recipes that ship, as a page: what each is for, and all that it says."""

from __future__ import annotations

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from gschnet_pyg.recipe_files import purpose, shipped_recipes

GROUPS = {"": "Training", "generate": "Generation", "sweeps": "Sweeps"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page."""
    files.append(File.generated(config, "reference/shipped-recipes.md", content=shipped_page()))
    return files


def shipped_page() -> str:
    """Markdown: a table, then the files."""
    recipes = {name: path for name, path in shipped_recipes().items() if name.rpartition("/")[0] in GROUPS}
    lines = [
        "# Recipes that ship",
        "",
        "Each runs under its name. `gschnet-pyg recipe copy NAME` makes a copy to change, and `extends: NAME` in a file"
        " of your own takes one as it is and changes what you write. All keys are explained under "
        "[training recipes](training-recipe.md) and [generation recipes](generation-recipe.md).",
    ]
    for folder, title in GROUPS.items():
        group = {name: path for name, path in recipes.items() if name.rpartition("/")[0] == folder}
        if not group:
            continue
        lines += ["", f"## {title}", "", "| recipe | what it is |", "| --- | --- |"]
        lines += [f"| [`{name}`](#{_anchor(name)}) | {purpose(path)} |" for name, path in group.items()]
        for name, path in group.items():
            lines += [
                "",
                f"### `{name}` {{ #{_anchor(name)} }}",
                "",
                "```yaml",
                path.read_text("utf-8").rstrip(),
                "```",
            ]
    return "\n".join(lines) + "\n"


def _anchor(name: str) -> str:
    return name.replace("/", "-")
