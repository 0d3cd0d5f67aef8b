"""Recipes are strict, inherit, and say what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from gschnet_pyg.errors import RecipeError
from gschnet_pyg.recipe import Recipe, check_recipe, json_schema, load_generation_recipe, load_recipe
from gschnet_pyg.recipe_files import merge, recipe_folder, shipped_recipes
from gschnet_pyg.recipe_sections.data import FileData
from gschnet_pyg.recipe_sections.sweep import Sweep

REPOSITORY = Path(__file__).parents[1]


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", sorted((REPOSITORY / "recipes").rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_recipe_is_valid_and_opens_with_its_command(path: Path) -> None:
    recipe = check_recipe(path)
    opening = "# wandb sweep $(gschnet-pyg recipe path sweeps/" if isinstance(recipe, Sweep) else "# gschnet-pyg "
    assert path.read_text().startswith(opening)


def test_recipes_are_found_by_name_and_by_path() -> None:
    assert {"demo", "qm9", "qm9_fast", "generate/quick"} <= shipped_recipes().keys()
    assert load_recipe("qm9") == load_recipe(recipe_folder() / "qm9.yaml")


def test_qm9_has_the_established_settings() -> None:
    recipe = load_recipe("qm9")
    assert recipe.atoms.types == (1, 6, 7, 8, 9)
    assert (recipe.atoms.origin, recipe.atoms.focus, recipe.atoms.stop) == (121, 122, 123)
    cutoffs = recipe.cutoffs
    assert (cutoffs.model, cutoffs.prediction, cutoffs.placement, cutoffs.covalent_factor) == (10.0, 5.0, 1.7, 1.1)
    assert (recipe.model.features, recipe.model.interactions, recipe.model.gaussians) == (128, 9, 25)
    assert recipe.training.optimizer.learning_rate == 1e-4
    assert recipe.training.batch_size == 5
    assert (recipe.split.train, recipe.split.validation, recipe.split.test) == (50000, 5000, None)


def test_a_resolved_recipe_reads_back_as_itself(tmp_path: Path) -> None:
    recipe = load_recipe("qm9_fast", ["data.kind=file", "data.path=x.db", "training.max_steps=7"])
    path = write(tmp_path / "resolved.yaml", yaml.safe_dump(recipe.model_dump(mode="json")))
    assert load_recipe(path) == recipe


def test_three_lines_make_a_recipe(tmp_path: Path) -> None:
    path = write(
        tmp_path / "mine.yaml",
        "extends: qm9_fast\ndata: {kind: file, path: molecules.xyz}\natoms: {types: {4: 17}}\n",
    )
    recipe = load_recipe(path)
    assert recipe.name == "mine"
    assert recipe.data == FileData(kind="file", path=Path("molecules.xyz"))
    assert recipe.atoms.types == (1, 6, 7, 8, 17)
    assert recipe.model == load_recipe("qm9_fast").model


def test_extends_is_relative_to_the_file_and_chains(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", "extends: demo\nseed: 1\ntraining: {batch_size: 7}\n")
    path = write(tmp_path / "b.yaml", "extends: a.yaml\nseed: 2\n")
    recipe = load_recipe(path, ["training.steps_drawn=3"])
    assert (recipe.seed, recipe.training.batch_size, recipe.training.steps_drawn) == (2, 7, 3)


def test_overrides_of_list_entries() -> None:
    assert load_recipe("qm9", ["atoms.types.4=16"]).atoms.types == (1, 6, 7, 8, 16)
    assert load_recipe("qm9", ["atoms.types=[1, 6]"]).atoms.types == (1, 6)
    assert merge([{"a": 1, "b": 2}], {"0": {"b": 3}}) == [{"a": 1, "b": 3}]
    with pytest.raises(RecipeError, match="entries 0 to 4"):
        load_recipe("qm9", ["atoms.types.5=16"])


def test_another_kind_replaces_the_whole_section() -> None:
    recipe = load_recipe("qm9_fast", ["training.schedule={kind: plateau, patience: 3}"])
    assert recipe.training.schedule.model_dump() == {"kind": "plateau", "factor": 0.5, "patience": 3, "minimum": 1e-6}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.bach_size=3", r"training.bach_size: unknown key; did you mean 'batch_size'\?"),
        ("trainin.batch_size=3", r"trainin: unknown key; did you mean 'training'\?"),
        ("model.type_head.widht=3", r"model.type_head.widht: unknown key; did you mean 'width'\?"),
        ("training.schedule.warmup=3", r"training.schedule.warmup: unknown key; did you mean 'warmup_steps'\?"),
        ("data={kind: file}", "data.path: missing"),
        ("data.kind=smiles", "data.kind: 'smiles' is not one of 'file', 'demo', 'qm9'"),
        (
            "training.schedule.kind=plataeu",
            r"schedule.kind: 'plataeu' is not one of 'plateau', 'cosine', 'constant'; did you mean 'plateau'\?$",
        ),
        ("training.batch_size=many", r"^qm9_fast: training.batch_size: must be a whole number \(got 'many'\)$"),
        ("training.batch_size=2.5", r"training.batch_size: must be a whole number \(got 2.5\)$"),
        ("training.position_noise=lots", r"training.position_noise: must be a number \(got 'lots'\)$"),
        ("training.max_minutes=1:30", r"training.max_minutes: must be a number \(got '1:30'\)$"),
        ("growth.origin=maybe", r"growth.origin: must be true or false \(got 'maybe'\)$"),
        ("training.batch_size=0", "training.batch_size: .*greater than 0"),
        ("training.validate_every=0", "training.validate_every: .*greater than 0"),
        ("atoms.origin=6", "atom types and token types must be distinct"),
        ("split.train=-5", "split.train"),
        ("run.id=a/b", "run.id"),
        ("seed", "an override is written key=value"),
        ("growth.origin=false", "growth: without the origin token a fragment_share is needed"),
        ("growth.fragment_share=0", "growth.fragment_share: .*greater than 0"),
        ("growth.fragment_share=1.5", "growth.fragment_share: .*less than or equal to 1"),
        ("growth.finished_fragment=true", "growth: finished_fragment says how .*; give a fragment_share, such as 0.5"),
        ("training.position_noise=-0.1", "training.position_noise: .*greater than or equal to 0"),
        ("training.origin_noise=.inf", "training.origin_noise: .*finite"),
        ("growth.next_atom=nearest", "growth.next_atom: .*'center', 'focus', 'random' or 'index'"),
        ("split.hold_out=[gap <]", r"fast: split.hold_out: 'gap <' is no comparison; write it like"),
        (
            "split.hold_out=[gap < 4, [mu > 1, 5]]",
            r"split.hold_out: \['mu > 1', 5\] is neither a comparison nor a list",
        ),
        ("split.hold_out=[composition > CH4]", "split.hold_out: .*can only be equal"),
        ("split.hold_out={gap: 4}", "split.hold_out: must be a list"),
        ("split.train=null", "split: sizes for train and validation are needed, or the file of a split"),
        ("split.train=1.0", "split.train: a fraction is below 1; write a count as a whole number"),
        ("sampling={}", "sampling.every: missing; Epochs between samplings"),
        ("sampling.every=0", "sampling.every: .*greater than 0"),
        ("sampling={every: 1, n_molecule: 5}", r"sampling.n_molecule: unknown key; did you mean 'n_molecules'\?"),
        ("checkpoint.monitor=validity", "checkpoint.monitor: .*'loss', 'valid', 'unique' or 'stable'"),
        ("checkpoint.monitor=valid", "checkpoint: monitor=valid is a share .*, such as sampling.every=5, or take"),
        ("properties.fingerprint.bits=100", "properties.fingerprint.bits: .*multiple of 8"),
        ("properties.relative_atomic_energy={energy: u0, intercept: 1}", "an intercept alone is no fit"),
        (
            "properties.relative_atomic_energy={}",
            "properties.relative_atomic_energy.energy: missing; Property with the",
        ),
    ],
)
def test_one_clear_error(override: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message) as caught:
        load_recipe("qm9_fast", [override])
    assert "\n" not in str(caught.value)


def test_molecules_to_hold_out_can_be_one_or_many() -> None:
    one, many = "composition == C7H10O2", ["gap < 4.5", ["gap > 8", "n_atoms > 20"]]
    assert load_recipe("qm9", [f"split.hold_out={one}"]).split.hold_out == (one,)
    assert load_recipe("qm9", [f"split.hold_out={many}"]).split.hold_out == ("gap < 4.5", ("gap > 8", "n_atoms > 20"))
    assert load_recipe("qm9", ["split.hold_out=[]"]).split.hold_out == ()


def test_the_file_of_a_split_needs_no_sizes() -> None:
    assert load_recipe("qm9", ["split={train: null, validation: null, file: split.npz}"]).split.file == Path(
        "split.npz"
    )
    assert load_recipe("qm9", ["split.file=split.npz"]).split.file == Path("split.npz")


def test_hidden_layers_may_each_have_a_width() -> None:
    head = load_recipe("qm9", ["model.type_head.width=[206, 156, 106, 56]"]).model.type_head
    assert head.width == (206, 156, 106, 56)
    with pytest.raises(RecipeError, match="5 layers have 4 hidden ones, but 2 widths are given"):
        load_recipe("qm9", ["model.type_head.width=[206, 156]"])
    for wrong, message in (
        ("wide", r"width: must be a whole number \(got 'wide'\)$"),
        ("[206, 0, 3, 4]", r"width\.1: .*greater than 0"),
    ):
        with pytest.raises(RecipeError, match=rf"^qm9: model\.type_head\.{message}"):
            load_recipe("qm9", [f"model.type_head.width={wrong}"])


def test_growth_without_the_origin() -> None:
    growth = load_recipe("qm9", ["growth={origin: false, fragment_share: 1, next_atom: random}"]).growth
    assert (growth.origin, growth.fragment_share, growth.next_atom) == (False, 1.0, "random")


def test_molecules_are_sampled_on_request() -> None:
    assert load_recipe("qm9").sampling is None
    recipe = load_recipe("qm9", ["sampling.every=5", "checkpoint.monitor=unique"])
    assert recipe.sampling is not None
    assert recipe.sampling.model_dump() == {
        "every": 5,
        "n_molecules": 200,
        "temperature": 0.1,
        "max_atoms": 35,
        "batch_size": 512,
        "seed": 0,
    }
    assert recipe.checkpoint.metric == "sampled/unique"
    assert load_recipe("qm9_sampled", ["sampling=null", "checkpoint.monitor=loss"]).sampling is None


def test_logging_is_off_unless_asked_for() -> None:
    assert load_recipe("qm9").logging.wandb == "off"
    assert load_recipe("qm9", ["logging.wandb=off"]).logging == load_recipe("qm9").logging  # YAML's false
    logging = load_recipe("qm9", ["logging={wandb: offline, tags: [a], group: g, molecules: 0}"]).logging
    assert (logging.wandb, logging.project, logging.tags, logging.molecules) == ("offline", "gschnet_pyg", ("a",), 0)
    assert load_generation_recipe("generate/quick", ["logging.wandb=online"]).logging.wandb == "online"
    with pytest.raises(RecipeError, match=r"logging.wandb: .*'off', 'offline' or 'online'"):
        load_recipe("qm9", ["logging.wandb=on"])


@pytest.mark.parametrize("growth", ["{fragment_share: 0.5}", "{origin: false, fragment_share: 1}"])
def test_models_that_complete_substructures_cannot_be_sampled(growth: str) -> None:
    with pytest.raises(RecipeError, match="sampling: cannot start without a substructure") as caught:
        load_recipe("qm9", ["sampling.every=5", "checkpoint.monitor=valid", f"growth={growth}"])
    assert "checkpoint" not in str(caught.value)


def test_files_that_are_no_recipes(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="did you mean 'qm9_fast'"):
        load_recipe("qm9_fats")
    with pytest.raises(RecipeError, match=r"broken.yaml: not readable as YAML.*line 2"):
        load_recipe(write(tmp_path / "broken.yaml", "data: {kind: [\n"))
    with pytest.raises(RecipeError, match=r"'seed' stands twice.*line"):
        load_recipe(write(tmp_path / "twice.yaml", "seed: 1\nseed: 2\n"))
    with pytest.raises(RecipeError, match="is a mapping"):
        load_recipe(write(tmp_path / "list.yaml", "- 1\n"))
    with pytest.raises(RecipeError, match="extends itself"):
        load_recipe(write(tmp_path / "loop.yaml", "extends: loop.yaml\n"))
    with pytest.raises(RecipeError, match="not readable"):
        load_recipe(write(tmp_path / "tag.yaml", "seed: !!python/object/apply:os.getcwd []\n"))


@pytest.mark.parametrize(
    ("there", "said"), [("mine.yaml", "mine.yml"), ("mine.yml", "mine.yaml"), ("mine.yml", "mine")]
)
def test_the_other_suffix_is_suggested(tmp_path: Path, there: str, said: str) -> None:
    write(tmp_path / there, "extends: demo\n")
    with pytest.raises(RecipeError) as caught:
        load_recipe(tmp_path / said)
    assert str(caught.value) == f"{tmp_path / said}: no such file; did you mean '{tmp_path / there}'?"


def test_numbers_are_not_to_the_base_of_sixty(tmp_path: Path) -> None:
    file = write(tmp_path / "a.yaml", "extends: demo\nlogging: {group: 4:8, tags: [1:30:00, 2.5:1]}\nseed: 1_000\n")
    recipe = load_recipe(file, ["logging.project=12:30", "training.position_noise=1.5e-3"])
    assert (recipe.logging.group, recipe.logging.tags) == ("4:8", ("1:30:00", "2.5:1"))
    assert (recipe.logging.project, recipe.seed, recipe.training.position_noise) == ("12:30", 1000, 0.0015)


def test_a_file_finds_its_parent_beside_itself_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    write(tmp_path / "base.yaml", "extends: demo\nseed: 1\n")
    write(tmp_path / "sub" / "base.yaml", "extends: demo\nseed: 2\n")
    child = write(tmp_path / "sub" / "child.yaml", "extends: base.yaml\nkind: train\n")
    monkeypatch.chdir(tmp_path)
    assert load_recipe(child).seed == 2


def test_the_order_of_overrides_does_not_matter() -> None:
    settings = ["data.kind=file", "data.path=x.sdf"]
    assert load_recipe("qm9", settings) == load_recipe("qm9", settings[::-1])


def test_a_file_name_that_is_no_run_name(tmp_path: Path) -> None:
    assert load_recipe(write(tmp_path / "my räcipe (1).yaml", "extends: demo\n")).name == "my-räcipe-1"


def test_generation_recipes() -> None:
    recipe = load_generation_recipe(None, ["run=runs/a", "n_molecules=5", "temperature=0.03"])
    assert (recipe.run, recipe.n_molecules, recipe.temperature) == (Path("runs/a"), 5, 0.03)
    with pytest.raises(RecipeError, match="did you mean 'temperature'"):
        load_generation_recipe("generate/quick", ["temprature=1"])
    with pytest.raises(RecipeError, match=r"^generation recipe: training: unknown key"):
        load_generation_recipe(None, ["run=runs/a", "training.batch_size=10"])


@pytest.mark.parametrize("path", sorted((REPOSITORY / "recipes").rglob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_recipes_fit_the_schema(path: Path) -> None:
    """Checked with the subset of JSON schema that editors rely on: known keys, at every level."""
    schema = json_schema()

    def resolve(node: dict[str, Any]) -> list[dict[str, Any]]:
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
        return [found for option in node.get("anyOf", node.get("oneOf", [])) for found in resolve(option)] or [node]

    def has_free_keys(node: dict[str, Any]) -> bool:
        """Older releases of pydantic do not state it of a plain dictionary."""
        is_plain = node.get("type") == "object" and "properties" not in node
        return bool(node.get("additionalProperties", is_plain))

    def unknown(value: Any, node: dict[str, Any], place: str) -> list[str]:
        if not isinstance(value, dict):
            return []
        resolved = resolve(node)
        options = [option for option in resolved if "properties" in option]
        if any(has_free_keys(option) for option in resolved):
            return []
        if not options:
            return [place]
        tried = [
            [f"{place}.{key}" for key in value if key not in option["properties"]]
            + [
                bad
                for key in value.keys() & option["properties"].keys()
                for bad in unknown(value[key], option["properties"][key], f"{place}.{key}")
            ]
            for option in options
        ]
        return min(tried, key=len)

    content = yaml.safe_load(path.read_text())
    assert unknown(content, schema, path.stem) == []
    assert unknown({**content, "sede": 1}, schema, path.stem) == [f"{path.stem}.sede"]


def test_schema_knows_every_key_and_its_description() -> None:
    schema = json_schema()
    train = schema["anyOf"][0]
    assert set(Recipe.model_fields) <= train["properties"].keys()
    assert "extends" in train["properties"]
    assert schema["$defs"]["TrainingSection"]["properties"]["steps_drawn"]["description"].startswith("Prediction steps")
    assert schema["$defs"]["TrainingSection"]["additionalProperties"] is False
