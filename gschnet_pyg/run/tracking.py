"""What runs tell wandb."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gschnet_pyg
from gschnet_pyg.build.tracking import tracking_settings
from gschnet_pyg.contracts import ValidityReport
from gschnet_pyg.generation.sampler import Attempt
from gschnet_pyg.generation.starts import Start
from gschnet_pyg.metric_names import GENERATED
from gschnet_pyg.recipe import GenerationRecipe, Recipe
from gschnet_pyg.run.judged import Judged, write_html
from gschnet_pyg.run_directory import RunDirectory
from gschnet_pyg.tracking.molecules import ShownMolecule, plain_target
from gschnet_pyg.tracking.tracker import OFF, Tracker, tracked
from gschnet_pyg.training.metrics_file import last_step
from gschnet_pyg.validity.checks import ValidityOptions
from gschnet_pyg.validity.judging import judge_all
from gschnet_pyg.validity.report import save_report

Say = Callable[[str], None]

_PAGE_MOLECULES = 200
"""In the page that is logged."""


@contextmanager
def tracked_training(recipe: Recipe, directory: RunDirectory, say: Say) -> Iterator[Tracker]:
    """Log a training run, under the id it had in wandb before if it goes on.

    Args:
        recipe: resolved.
        directory: of the run; it keeps the id.
        say: takes a line that says where the run is logged, and warnings.
    """
    settings = tracking_settings(recipe.logging, directory.path.name)
    if settings is None:
        yield OFF
        return
    run_id = directory.tracked_as().get("id")
    with tracked(
        settings,
        directory.path,
        _config(recipe),
        name=directory.path.name,
        job_type="train",
        say=say,
        run_id=run_id,
        first_step=last_step(directory.metrics_file) + 1 if run_id is not None else 0,
    ) as tracker:
        if tracker.run_id is not None:
            directory.store_tracking(tracker.run_id, str(settings.group))
        yield tracker


def keep_model(tracker: Tracker, directory: RunDirectory, losses: Mapping[str, float], picked_by: str) -> None:
    """Log the trained model with its recipe, and what it was picked by.

    Args:
        tracker: of the run.
        directory: where both lie.
        losses: of the weights that were picked, and shares of molecules sampled with them.
        picked_by: metric that says so.
    """
    tracker.summarise({"picked_by": picked_by, **{f"best/{name}": value for name, value in losses.items()}})
    files = (directory.model_file, directory.recipe_file)
    tracker.keep(f"model-{directory.path.name}", "model", files, {"picked_by": picked_by, **losses})


@contextmanager
def tracked_generation(recipe: GenerationRecipe, output: Path, say: Say) -> Iterator[Tracker]:
    """Log a generation run beside the training run of its model.

    Args:
        recipe: resolved.
        output: that molecules are written to.
        say: as for :func:`tracked_training`.
    """
    directory = RunDirectory(recipe.run)
    name = directory.path.resolve().name
    settings = tracking_settings(recipe.logging, str(directory.tracked_as().get("group", name)))
    if settings is None:
        yield OFF
        return
    config = {**_config(recipe), "output": str(output)}
    with tracked(
        settings, directory.path, config, name=f"{name}-{output.stem}", job_type="generate", say=say
    ) as tracker:
        yield tracker


def keep_generated(
    tracker: Tracker, finished: Sequence[Attempt], n_finished: int, starts: Sequence[Start], judged: Judged | None
) -> None:
    """Log what was generated: a table of molecules, and the report if there is one.

    Args:
        tracker: of the run.
        finished: the first of the molecules that were written, in the order of the file.
        n_finished: how many were written.
        starts: of the molecules.
        judged: the file, which may hold other molecules before these.
    """
    if tracker.run_id is None:
        return
    shown = finished[: tracker.n_molecules]
    if judged is not None:
        _keep_report(tracker, judged)
        verdicts = judged.report.verdicts[len(judged.report.verdicts) - n_finished :][: len(shown)]
    else:
        molecules = [(attempt.z, attempt.pos) for attempt in shown]
        verdicts = judge_all(molecules, ValidityOptions(), progress=False).verdicts
    rows = []
    for attempt, verdict in zip(shown, verdicts, strict=True):
        targets = {name: plain_target(value) for name, value in starts[attempt.start].conditions.items()}
        rows.append(ShownMolecule(attempt.number, attempt.z, attempt.pos, verdict, targets))
    tracker.log_molecules("generated/molecules", rows, step=0)


def _keep_report(tracker: Tracker, judged: Judged) -> None:
    """Log the rates of a report, and the report as JSON and as a page."""
    tracker.log(generated_rates(judged.report), step=0)
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("report.json", "report.html")]
        save_report(judged.report, files[0])
        write_html([judged], files[1], gallery=_PAGE_MOLECULES, progress=False)
        tracker.keep(f"report-{tracker.run_id}", "report", files)


def generated_rates(report: ValidityReport) -> dict[str, float]:
    """What is logged of a report: shares of the molecules asked for, and of the atoms."""
    rdkit, edm = report.rdkit, report.edm
    valid, unique = rdkit["valid"], rdkit["valid_unique"]
    assert valid is not None
    assert unique is not None
    shares = [rate.value for rate in (valid, unique, edm["molecule_stable"], edm["atom_stable"], edm["valid"])]
    return dict(zip(GENERATED, [*shares, report.finished / max(1, report.requested)], strict=True))


def _config(recipe: Recipe | GenerationRecipe) -> dict[str, Any]:
    return {**recipe.model_dump(mode="json"), "version": gschnet_pyg.__version__}
