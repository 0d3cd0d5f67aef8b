"""``make bench``: this package beside the plain formulation, one process for each case and formulation."""

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
Measure = Callable[[Case, str], None]


def both(cases: Sequence[Case]) -> Any:
    """Each case in both formulations, one directly after the other."""
    pairs = [(case, name) for case in cases for name in FORMULATIONS]
    return pytest.mark.parametrize(("case", "name"), pairs, ids=[f"{case.name}-{name}" for case, name in pairs])


@both(STEPS)
def test_optimisation_step(agreed: Agreed, measure: Measure, case: Case, name: str) -> None:
    agreed(case)
    measure(case, name)


@both(GENERATION)
def test_generation(agreed: Agreed, measure: Measure, case: GenerationCase, name: str) -> None:
    if case.is_trained:  # random weights know hundreds of thousands of places that are equally good, but for rounding
        agreed(case)
    measure(case, name)


@both(SIZES)
def test_growth_with_size(agreed: Agreed, measure: Measure, case: Case, name: str) -> None:
    agreed(case)
    measure(case, name)


@both(BATCHES)
def test_growth_with_batch(measure: Measure, case: Case, name: str) -> None:
    measure(case, name)


@both(LARGE_BATCHES)
def test_large_batch(measure: Measure, results: Results, case: Case, name: str) -> None:
    if results.device == "cpu":
        pytest.skip("for a GPU")
    _, ms = results.growth(LARGE_BATCHES, name, "ms")
    n_smaller = LARGE_BATCHES.index(case)
    if len(ms) < n_smaller or (n_smaller >= 2 and ms[-1] > 0.95 * ms[-2]):
        pytest.skip("throughput has stopped rising, or memory has ended")
    measure(case, name)


@pytest.mark.parametrize("case", [*STEPS, *GENERATION[:1]], ids=lambda case: case.name)
def test_breakdown(start: Callable[..., Remote], results: Results, case: Case) -> None:
    shares = start(case, OURS, blocking=results.device != "cpu").call("breakdown")
    results.breakdown[case.name] = shares
    assert sum(shares.values()) == pytest.approx(1.0, abs=1e-6)
