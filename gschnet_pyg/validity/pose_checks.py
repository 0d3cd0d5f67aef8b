"""PoseBusters' checks of generated molecules, where that package is installed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from gschnet_pyg.contracts import PoseChecks, Rate
from gschnet_pyg.data.readers import bar
from gschnet_pyg.errors import DataError
from gschnet_pyg.validity.checks import Molecule, ValidityOptions
from gschnet_pyg.validity.pool import Lost, map_in_workers

SLOWER = 6
"""Times that these checks may take what the other ones may: they embed every molecule fifty times."""


def require_posebusters() -> str:
    """Version of PoseBusters.

    Raises:
        DataError: if it is not installed.
    """
    return _worker()[0]


def check_poses(
    molecules: Sequence[Molecule],
    rows: Sequence[int] | np.ndarray,
    options: ValidityOptions,
    *,
    workers: int | None = None,
    progress: bool = True,
) -> PoseChecks:
    """Run PoseBusters' ``mol`` checks on molecules, in worker processes.

    A check that has nothing to look at in a molecule, a flat ring where there is none, does not apply to it; that of
    the energy does not where conformers cannot be made. A molecule passes all checks if it passes all that apply.
    The smallest molecules (methane, water, HCN) have next to no energy in UFF's minimum and fail the check of its ratio.

    Args:
        molecules: ``(z [N], pos [N, 3] Å)`` each.
        rows: of those that are to be checked, valid ones.
        options: how bonds are perceived, and the seconds that a molecule may take, here ``SLOWER`` times as many; one
            that takes longer fails as ``timeout``, one that takes its worker down as ``crash``.
        workers: most processes to start; one per available core by default.
        progress: show a bar on a terminal.

    Raises:
        DataError: if PoseBusters is not installed.
    """
    version, function = _worker()
    items = [molecules[row] for row in rows]
    outcomes = map_in_workers(
        partial(function, options=options), items, workers=workers, timeout=SLOWER * options.timeout
    )
    failures: Counter[str] = Counter()
    passed: Counter[str] = Counter()
    applied: Counter[str] = Counter()
    n_checked = n_passed = 0
    for outcome in bar(outcomes, "PoseBusters", progress, len(items)):
        if isinstance(outcome, Lost | str):
            failures[outcome.value if isinstance(outcome, Lost) else outcome] += 1
            continue
        n_checked += 1
        n_passed += all(passes is not False for passes in outcome.values())
        for name, passes in outcome.items():
            applied[name] += passes is not None
            passed[name] += passes is True
    return PoseChecks(
        version=version,
        asked=len(items),
        checks={name: Rate(passed[name], of) for name, of in applied.items()},
        all_passed=Rate(n_passed, n_checked),
        failures=dict(failures.most_common()),
    )


def _worker() -> tuple[str, Callable[..., Any]]:
    """PoseBusters' version, and what runs in a worker process."""
    try:
        from gschnet_pyg.validity.pose_worker import VERSION, pose_checks
    except ModuleNotFoundError as error:
        if error.name != "posebusters":
            raise
        raise DataError(
            "PoseBusters' checks need the package posebusters; install it (pip install posebusters), or do not ask "
            "for them"
        ) from error
    return VERSION, pose_checks
