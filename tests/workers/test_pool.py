from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gschnet_pyg.workers import pool
from gschnet_pyg.workers.pool import CHUNK, Lost, each_in_workers, map_in_workers
from tests.validity.molecules import DIES, EATS_MEMORY, HANGS, RAISES, accident


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[pool._Worker]:
    """Workers that were started."""
    workers: list[pool._Worker] = []

    class Counted(pool._Worker):
        def __init__(self, *args: object) -> None:
            super().__init__(*args)  # type: ignore[arg-type]
            workers.append(self)

    monkeypatch.setattr(pool, "_Worker", Counted)
    return workers


def modules_loaded(_: object) -> set[str]:
    return set(sys.modules)


@pytest.mark.parametrize("n_items", [0, 1, CHUNK, 5 * CHUNK + 3])
def test_results_keep_the_order_of_the_items(n_items: int) -> None:
    assert list(map_in_workers(abs, range(-n_items, 0), workers=2, timeout=30)) == list(range(n_items, 0, -1))


def test_items_are_taken_as_workers_need_them() -> None:
    taken = done = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(50 * CHUNK):
            taken += 1
            yield number

    for _ in each_in_workers(abs, items(), workers=2, timeout=30):
        done += 1
        assert taken - done <= 2 * 2 * CHUNK
    assert taken == done == 50 * CHUNK


def test_what_others_find_does_not_wait_for_one_that_hangs() -> None:
    """The rest of its own chunk is done by the worker that takes the place of the lost one."""
    items = [HANGS, *range(-1, -6 * CHUNK, -1)]
    found = list(each_in_workers(accident, items, workers=2, timeout=3))
    place = [index for index, _, _ in found].index(0)
    assert found[place] == (0, HANGS, Lost.TIMEOUT)
    assert sorted(index for index, _, _ in found[:place]) == list(range(CHUNK, 6 * CHUNK))
    assert sorted(index for index, _, _ in found[place + 1 :]) == list(range(1, CHUNK))
    assert all(item == outcome for index, item, outcome in found if index)


def test_few_items_start_few_workers(started: list[pool._Worker]) -> None:
    list(map_in_workers(abs, range(CHUNK), workers=4, timeout=30))
    assert len(started) == 1


def test_no_items_start_no_worker(started: list[pool._Worker]) -> None:
    assert list(map_in_workers(abs, [], workers=4, timeout=30)) == []
    assert not started


@pytest.mark.parametrize(
    ("kind", "lost"),
    [
        (HANGS, Lost.TIMEOUT),
        (DIES, Lost.CRASH),
        pytest.param(
            EATS_MEMORY, Lost.CRASH, marks=pytest.mark.skipif(sys.platform != "linux", reason="memory is not limited")
        ),
    ],
)
def test_an_accident_costs_its_item_and_one_worker(kind: int, lost: Lost, started: list[pool._Worker]) -> None:
    items = list(range(100))
    items[10] = kind
    begin = time.monotonic()
    outcomes = list(map_in_workers(accident, items, workers=1, timeout=2))
    assert outcomes == [*range(10), lost, *range(11, 100)]
    assert len(started) == 2
    assert time.monotonic() - begin < 20


def test_several_accidents_in_one_chunk() -> None:
    items = [HANGS, 1, DIES, DIES, 2, HANGS]
    expected = [Lost.TIMEOUT, 1, Lost.CRASH, Lost.CRASH, 2, Lost.TIMEOUT]
    assert list(map_in_workers(accident, items, workers=2, timeout=1)) == expected


def test_no_worker_outlives_the_call(started: list[pool._Worker]) -> None:
    outcomes = map_in_workers(accident, [1, *[HANGS] * 200], workers=2, timeout=60)
    assert next(outcomes) == 1
    outcomes.close()  # type: ignore[attr-defined]
    assert started
    assert all(worker.process.returncode is not None for worker in started)


def test_an_error_in_the_function_is_raised_here() -> None:
    with pytest.raises(RuntimeError, match=r"item 1 failed[\s\S]*KeyError: 'a bug'"):
        list(map_in_workers(accident, [0, RAISES], workers=1, timeout=30))


def test_a_worker_that_cannot_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match="did not start"):
        list(map_in_workers(abs, [1], workers=1, timeout=30))


def test_workers_do_not_load_torch() -> None:
    (loaded,) = map_in_workers(modules_loaded, [None], workers=1, timeout=30)
    assert "gschnet_pyg.validity.checks" in loaded
    assert not {"torch", "pandas", "matplotlib"} & loaded


def test_a_script_needs_no_main_guard(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from gschnet_pyg.workers.pool import map_in_workers\n"
        "print(list(map_in_workers(abs, [-1, -2], workers=2, timeout=30)))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[1, 2]\n"
