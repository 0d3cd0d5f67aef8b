"""A run of wandb, which the work goes on without where something is wrong with it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gschnet_pyg.bonds import PerceptionOptions
from gschnet_pyg.tracking.molecules import ShownMolecule, molecule_table
from gschnet_pyg.tracking.settings import TrackingSettings

Say = Callable[[str], None]

_FINISH_TIMEOUT = 600.0
"""Seconds in which the rest is uploaded at the end; what remains is on disk, for ``wandb sync``."""

_INIT_TIMEOUT = 30.0
"""Seconds in which the server must answer, unless WANDB_INIT_TIMEOUT says otherwise."""


class Tracker:
    """Logs to a run of wandb; the first thing that goes wrong is said, and nothing is raised.

    Without a run it does nothing, so that callers need not ask whether there is one.

    Args:
        run: of wandb.
        folder: that wandb writes to.
        n_molecules: most molecules in a table.
        say: takes a warning.
        first_step: of what is logged; wandb drops what has an earlier step than something before.
    """

    def __init__(
        self,
        run: Any = None,
        folder: Path | None = None,
        n_molecules: int = 0,
        say: Say = lambda line: None,
        first_step: int = 0,
    ) -> None:
        self._run, self._folder, self._say, self._step = run, folder, say, first_step
        self.n_molecules = n_molecules if run is not None else 0
        self._has_failed = False

    @property
    def run_id(self) -> str | None:
        """Of wandb; none without a run."""
        return None if self._run is None else self._run.id

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Log values of one step; those of the same step become one row.

        Args:
            metrics: values by name.
            step: of the optimisation; the latest where that was before, as in a run that repeats steps after a crash.
        """
        self._step = max(self._step, step)
        self._try(lambda run: run.log(dict(metrics), step=self._step))

    def log_molecules(
        self,
        name: str,
        molecules: Sequence[ShownMolecule],
        step: int,
        perception: PerceptionOptions | None = None,
    ) -> None:
        """Log a table of the first molecules, if there are any.

        Args:
            name: of the table.
            molecules: in the order of the table.
            step: as for :meth:`log`.
            perception: how bonds were found when the molecules were judged; the default options where there are none.
        """
        if shown := molecules[: self.n_molecules]:
            options = perception or PerceptionOptions()
            self._step = max(self._step, step)
            self._try(lambda run: run.log({name: molecule_table(shown, options)}, step=self._step))

    def summarise(self, values: Mapping[str, Any]) -> None:
        """Log values of the run as a whole."""
        self._try(lambda run: run.summary.update(dict(values)))

    def keep(self, name: str, kind: str, files: Sequence[Path], metadata: Mapping[str, Any] | None = None) -> None:
        """Log files as a version of an artifact.

        Args:
            name: of the artifact; other characters than ASCII letters, digits, ``_.-`` become ``-``.
            kind: ``model``, ``report``, ...
            files: under their own names.
            metadata: about them.
        """

        def log(run: Any) -> None:
            import wandb

            artifact = wandb.Artifact(re.sub(r"[^A-Za-z0-9_.-]", "-", name), type=kind, metadata=dict(metadata or {}))
            for file in files:
                artifact.add_file(str(file), name=file.name)
            run.log_artifact(artifact)

        self._try(log)

    def finish(self, exit_code: int = 0) -> None:
        """End the run.

        Args:
            exit_code: 0 if all went well.
        """
        self._try(lambda run: run.finish(exit_code=exit_code))
        self._run, self.n_molecules = None, 0

    def _try(self, action: Callable[[Any], None]) -> None:
        if self._run is None:
            return
        assert self._folder is not None
        try:
            with _artifacts_in(self._folder):
                action(self._run)
        except Exception as error:  # whatever it is, what the run is about matters more
            if not self._has_failed:
                self._has_failed = True
                self._say(f"Warning: wandb: {_first_line(error)}; some of this run may be missing there.")


OFF = Tracker()
"""Logs nothing."""


@contextmanager
def tracked(
    settings: TrackingSettings,
    folder: Path,
    config: Mapping[str, Any],
    *,
    name: str,
    job_type: str,
    say: Say,
    run_id: str | None = None,
    first_step: int = 0,
) -> Iterator[Tracker]:
    """Log to a run of wandb inside the block; it ends with the block, as failed if that raises something.

    Under an agent of a sweep, the run is the agent's: its id, project and entity count.

    Args:
        settings: how; online, a server that does not answer is said, and the run logged offline.
        folder: of the run; wandb writes to ``wandb`` in it.
        config: settings of the run.
        name: of the run.
        job_type: ``train`` or ``generate``.
        say: takes a line that says where the run is logged, and warnings.
        run_id: of wandb, of a run that goes on.
        first_step: of what is logged, after all that such a run has logged before.
    """
    run = _begin(settings, folder, config, name, job_type, say, run_id)
    tracker = Tracker(run, folder.absolute() / "wandb", settings.n_molecules, say, first_step)
    try:
        yield tracker
    except BaseException as error:
        tracker.finish(130 if isinstance(error, KeyboardInterrupt) else 1)
        raise
    tracker.finish()


def _begin(
    settings: TrackingSettings,
    folder: Path,
    config: Mapping[str, Any],
    name: str,
    job_type: str,
    say: Say,
    run_id: str | None,
) -> Any:
    """A run of wandb, offline where the server cannot be had; none where that fails too."""
    import wandb

    options: dict[str, Any] = {
        "dir": str(folder.absolute()),
        "config": dict(config),
        "name": name,
        "job_type": job_type,
        "group": settings.group,
        "tags": settings.tags,
        "reinit": "create_new",  # other runs of this process, of a notebook's user, are left alone
    }
    if "WANDB_SWEEP_ID" not in os.environ:  # the agent has decided these
        options |= {"project": settings.project, "entity": settings.entity}
        options |= {"id": os.environ.get("WANDB_RUN_ID") or run_id}
    own: dict[str, Any] = {"silent": True, "console": "off", "finish_timeout": _FINISH_TIMEOUT}
    if "WANDB_INIT_TIMEOUT" not in os.environ:
        own["init_timeout"] = _INIT_TIMEOUT
    try:
        wandb.setup(settings=wandb.Settings(silent=True))
        folder.mkdir(parents=True, exist_ok=True)
        options["settings"] = wandb.Settings(**own)
        if settings.mode == "online":
            try:
                run = wandb.init(mode="online", resume="allow", **options)
                say(f"Logging to wandb: {run.url}")
                return run
            except Exception as error:  # no network, a server that is down, a login or project it does not accept
                say(f"Warning: wandb cannot be used online ({_first_line(error)}); this run is logged offline.")
        run = wandb.init(mode="offline", **options)
    except Exception as error:
        say(f"Warning: wandb: {_first_line(error)}; nothing is logged there.")
        return None
    say(f"Logging to wandb, offline: upload it with `wandb sync {folder / 'wandb'}`")
    return run


@contextmanager
def _artifacts_in(folder: Path) -> Iterator[None]:
    """Files of artifacts wait for their upload beside the run, not in the user's home, unless the user has chosen."""
    if "WANDB_DATA_DIR" in os.environ:
        yield
        return
    os.environ["WANDB_DATA_DIR"] = str(folder)
    try:
        yield
    finally:
        os.environ.pop("WANDB_DATA_DIR", None)


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0].rstrip(".:") if text else type(error).__name__
