"""PoseBusters' checks of generated molecules, where that package is installed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from gschnet_pyg.contracts import PoseChecks, Rate
from gschnet_pyg.data.readers import bar
from gschnet_pyg.errors import DataError
from gschnet_pyg.validity.checks import Molecule, ValidityOptions
from gschnet_pyg.workers.pool import Lost, map_in_workers


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

    A check that has nothing to look at in a molecule, a flat ring where there is none, does not apply to it. That of
    the energy does not where fifty conformers cannot be made, or not in time: of a tenth of QM9, strained cages. A
    molecule passes all checks if it passes all that apply. The smallest molecules (methane, water, HCN) have next to
    no energy in UFF's minimum and fail the check of the ratio to it.

    Args:
        molecules: ``(z [N], pos [N, 3] Å)`` each.
        rows: of those that are to be checked, valid ones.
        options: how bonds are perceived, and the seconds that a molecule may take. One that takes longer, or takes its
            worker down, is checked again without the energy; should that fail too, as ``timeout`` or ``crash``.
        workers: most processes to start; one per available core by default.
        progress: show a bar on a terminal.

    Raises:
        DataError: if PoseBusters is not installed.
    """
    version, function = _worker()
    outcomes = _outcomes(function, [molecules[row] for row in rows], options, workers, progress)
    failures: Counter[str] = Counter()
    passed: Counter[str] = Counter()
    applied: Counter[str] = Counter()
    n_checked = n_passed = 0
    for outcome in outcomes:
        if isinstance(outcome, str):
            failures[outcome] += 1
            continue
        n_checked += 1
        n_passed += all(passes is not False for passes in outcome.values())
        for name, passes in outcome.items():
            applied[name] += passes is not None
            passed[name] += passes is True
    return PoseChecks(
        version=version,
        asked=len(outcomes),
        checks={name: Rate(passed[name], of) for name, of in applied.items()},
        all_passed=Rate(n_passed, n_checked),
        failures=dict(failures.most_common()),
    )


def _outcomes(
    function: Callable[..., Any],
    items: Sequence[Molecule],
    options: ValidityOptions,
    workers: int | None,
    progress: bool,
) -> list[dict[str, bool | None] | str]:
    """Checks by name of every molecule, or the reason why there are none."""

    def checked(chosen: Sequence[Molecule], with_energy: bool) -> Iterator[Any]:
        each = partial(function, options=options, with_energy=with_energy)
        return map_in_workers(each, chosen, workers=workers, timeout=options.timeout)

    outcomes = list(bar(checked(items, True), "PoseBusters", progress, len(items)))
    lost = [index for index, outcome in enumerate(outcomes) if isinstance(outcome, Lost)]
    for index, outcome in zip(lost, checked([items[index] for index in lost], False), strict=True):
        outcomes[index] = outcome.value if isinstance(outcome, Lost) else outcome
    return outcomes


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
