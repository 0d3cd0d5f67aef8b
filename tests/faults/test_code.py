"""Nothing that is read can run code; only what the user types after ``--calculator`` and ``--relax`` can."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from pydantic import BaseModel

import gschnet_pyg
from gschnet_pyg.recipe import GenerationRecipe, Recipe
from gschnet_pyg.recipe_problems import sections
from gschnet_pyg.recipe_sections.sweep import Sweep
from tests.faults.outcomes import assert_refused, must_refuse
from tests.faults.traps import is_sprung
from tests.integration.conftest import Command

PACKAGE = Path(gschnet_pyg.__file__).parent
FORBIDDEN = {
    "eval", "exec", "compile", "__import__",
    "pickle.load", "pickle.loads", "pickle.Unpickler", "marshal.load", "marshal.loads", "shelve.open",
    "joblib.load", "dill.load", "dill.loads", "cloudpickle.load", "cloudpickle.loads",
    "os.system", "os.popen", "runpy.run_path", "runpy.run_module",
    "yaml.unsafe_load", "yaml.full_load", "yaml.load_all", "yaml.safe_load", "pandas.read_pickle", "pd.read_pickle",
    "np.fromregex", "zipfile.ZipFile.extractall", "shutil.unpack_archive", "tarfile.open",
    "torch_geometric.io.fs.torch_load", "load_from_checkpoint",
}  # fmt: skip
"""Calls that run what they read, or unpack it anywhere; recipes are read by a loader of ours alone."""
MUST_SAY = {
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
    "np.savez": ("allow_pickle", False),
    "torch.load": ("weights_only", True),
}
IMPORTERS = {
    "cli/commands.py": 0, "contracts/__init__.py": 1, "doctor/software.py": 3, "run/__init__.py": 1,
    "validity/calculators.py": 1,
}  # fmt: skip
"""Where modules are imported by name, and how often: names of our own, and the calculator that the user has typed."""
STARTERS = {"doctor/machine.py", "doctor/neighbor_search.py", "run/launching.py", "workers/pool.py"}
"""Where programs are started: ourselves, and nvidia-smi."""


@cache
def calls() -> tuple[tuple[str, ast.Call, str], ...]:
    """File, call and dotted name of all calls in the package."""
    return tuple(_calls())


def _calls() -> Iterator[tuple[str, ast.Call, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                yield str(path.relative_to(PACKAGE)), node, ast.unparse(node.func)


def test_the_package_runs_nothing_that_it_reads() -> None:
    found = [(path, node.lineno, name) for path, node, name in calls() if name in FORBIDDEN]
    assert found == []
    ours = [(path, name) for path, _, name in calls() if name.split(".")[-1] in ("extractall", "extract", "unpickle")]
    assert ours == []


def test_what_could_unpickle_says_that_it_does_not() -> None:
    counted = dict.fromkeys(MUST_SAY, 0)
    for path, node, name in calls():
        if name in ("np.load", "numpy.load", "torch.load"):
            key, value = MUST_SAY[name]
            said = {each.arg: getattr(each.value, "value", None) for each in node.keywords}
            assert said.get(key) is value, f"{path}:{node.lineno}"
            counted[name] += 1
    assert counted["np.load"] >= 3
    assert counted["torch.load"] == 2


def test_yaml_is_read_by_loaders_of_ours_alone() -> None:
    found = {(path, ast.unparse(node)) for path, node, name in calls() if name == "yaml.load"}
    assert {path for path, _ in found} == {"recipe_files.py", "recipe_yaml.py"}
    assert all("Loader=StrictLoader" in text or "Loader=PlainLoader" in text for _, text in found)


def test_modules_are_imported_by_name_in_few_places() -> None:
    found: dict[str, int] = {}
    for path, _, name in calls():
        if name.split(".")[-1] in ("import_module", "__import__"):
            found[path] = found.get(path, 0) + 1
    assert found == {path: number for path, number in IMPORTERS.items() if number}


def test_programs_are_started_in_few_places() -> None:
    names = ("subprocess.run", "subprocess.Popen", "Popen", "os.execv", "os.spawnv", "os.fork")
    found = {path: node for path, node, name in calls() if name in names}
    assert found.keys() <= STARTERS
    assert not any(each.arg == "shell" for node in found.values() for each in node.keywords)


def _keys(model: type[BaseModel], place: str = "") -> Iterator[tuple[str, type]]:
    for name, field in model.model_fields.items():
        yield f"{place}{name}", field.annotation  # type: ignore[misc]
        for section in sections(field.annotation):
            if section is not model:
                yield from _keys(section, f"{place}{name}.")


@pytest.mark.parametrize("kind", [Recipe, GenerationRecipe, Sweep])
def test_no_key_of_a_recipe_names_code_or_an_address(kind: type[BaseModel]) -> None:
    """A sweep's command is wandb's to run, and is refused here unless it calls this program."""
    keys = dict(_keys(kind))
    telling = ("calculator", "relax", "module", "class", "target", "function", "callable", "url", "address", "import")
    assert [key for key in keys if key.split(".")[-1].lower() in telling] == (
        ["metric.target"] if kind is Sweep else []
    )


@pytest.mark.parametrize("key", ["calculator", "relax", "data.reader", "training.callbacks", "model._target_"])
def test_recipes_cannot_name_a_calculator(command: Command, tmp_path: Path, key: str) -> None:
    Path("evil.py").write_text("from pathlib import Path\nPath('sprung').touch()\n\ndef make():\n    pass\n")
    assert_refused(command("train", "demo", f"{key}=evil:make"), "unknown key")
    assert_refused(command("generate", "generate/quick", f"{key}=evil:make"), "unknown key")
    for kind in ("extends: demo", "kind: generate\nrun: x"):
        Path("mine.yaml").write_text(f"{kind}\n{key.split('.')[0]}: evil:make\n")
        assert_refused(command("recipe", "check", "mine.yaml"))
    assert not is_sprung(tmp_path)


def test_metadata_of_molecules_cannot_name_a_calculator(command: Command, database: Path, tmp_path: Path) -> None:
    import ase.db

    Path("evil.py").write_text("from pathlib import Path\nPath('sprung').touch()\n")
    with ase.db.connect(database) as opened:
        ours = {"requested": 32, "finished": 32, "calculator": "evil:make", "settings": {"calculator": "evil:make"}}
        opened.metadata = {"gschnet_pyg": ours, "calculator": "evil:make"}
    assert command("report", database.name, "--sample", 0).code == 0
    assert not is_sprung(tmp_path)
    outcome = command("report", database.name, "--sample", 0, "--calculator", "evil:make")
    assert_refused(outcome, "evil")  # the user has asked for it
    assert is_sprung(tmp_path)


@pytest.mark.parametrize("text", ["!!python/object/apply:os.system ['touch sprung']", "!!python/name:os.system"])
def test_overrides_and_targets_build_no_objects(command: Command, tmp_path: Path, text: str) -> None:
    from gschnet_pyg.recipe import load_generation_recipe, load_recipe

    must_refuse(lambda: load_recipe("demo", [f"name={text}"]), "not readable as YAML")
    must_refuse(lambda: load_generation_recipe(None, [f"conditions={{gap: {text}}}"]), "not readable as YAML")
    assert_refused(command("generate", "nowhere", "-c", f"gap={text}"), "nowhere")
    assert not is_sprung(tmp_path)
