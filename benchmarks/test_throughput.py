"""``make bench``: this package beside the plain formulation, one process for each case and formulation.

The two take turns, so that a machine that others use at the same time is the same to both; ratios are
medians over turns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from benchmarks.cases import (
    BATCHES,
    FORMULATIONS,
    GENERATION,
    LARGE_BATCHES,
    OURS,
    SIZES,
    STEPS,
    GenerationCase,
    TrainingCase,
)
from benchmarks.remote import Remote
from benchmarks.results import Results

Case = TrainingCase | GenerationCase
Agreed = Callable[[Case], None]
Measure = Callable[..., None]


def each_of(cases: Sequence[Case]) -> Any:
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


@each_of(STEPS)
def test_optimisation_step(agreed: Agreed, measure: Measure, case: TrainingCase) -> None:
    if case.precision == "float32":
        agreed(case)
    measure(case)


@each_of(GENERATION)
def test_generation(agreed: Agreed, measure: Measure, case: GenerationCase) -> None:
    if case.is_trained:  # random weights know hundreds of thousands of places that are equally good, but for rounding
        agreed(case)
    measure(case)


@each_of(SIZES)
def test_growth_with_size(agreed: Agreed, measure: Measure, case: TrainingCase) -> None:
    agreed(case)
    measure(case)


@each_of(BATCHES)
def test_growth_with_batch(measure: Measure, case: TrainingCase) -> None:
    measure(case)


@each_of(LARGE_BATCHES)
def test_large_batch(measure: Measure, results: Results, case: TrainingCase) -> None:
    if results.device == "cpu":
        pytest.skip("for a GPU")
    names = [name for name in FORMULATIONS if is_rising(results, LARGE_BATCHES.index(case), name)]
    if not names:
        pytest.skip("throughput has stopped rising, or memory has ended")
    measure(case, names)


def is_rising(results: Results, n_smaller: int, name: str) -> bool:
    """Whether all smaller batches were measured, and the last of them still gained more than 5 %."""
    _, ms = results.growth(LARGE_BATCHES, name, "ms")
    return len(ms) == n_smaller and (n_smaller < 2 or bool(ms[-1] < 0.95 * ms[-2]))


@each_of([*STEPS, *GENERATION[:1]])
def test_breakdown(start: Callable[..., Remote], results: Results, case: Case) -> None:
    shares = start(case, OURS, blocking=results.device != "cpu").call("breakdown")
    results.breakdown[case.name] = shares
    assert sum(shares.values()) == pytest.approx(1.0, abs=1e-6)
