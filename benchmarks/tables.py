"""The figures as aligned text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.breakdown import GENERATION_PARTS, TRAINING_PARTS
from benchmarks.cases import FORMULATIONS, GENERATION, OURS, PLAIN
from benchmarks.results import Record, Results, schnetpack_products, unit

GENERATED = tuple(case.name for case in GENERATION)
SLACK = 1.2
"""The plain formulation may take so many times what SchNetPack's implementation takes, in matrix products."""


def summary(results: Results) -> Iterator[str]:
    """Lines of text."""
    yield from _agreement(results)
    yield from _comparison(results)
    yield from _exponents(results)
    yield from _schnetpack(results)
    yield from _breakdown(results)


def _agreement(results: Results) -> Iterator[str]:
    if not results.agreement:
        return
    names = dict.fromkeys(name for found in results.agreement.values() for name in found)
    yield from _section("Largest differences between the formulations, before timing")
    rows = [["", *results.agreement]]
    for name in names:
        rows.append([name, *(_number(found.get(name), "{:.1e}") for found in results.agreement.values())])
    yield from aligned([list(row) for row in zip(*rows, strict=True)])


def _comparison(results: Results) -> Iterator[str]:
    yield from _section("Medians, per molecule (training) or placed atom (generation)")
    if not results.records:
        return
    columns = (
        "ours ms",
        "plain ms",
        "ratio",
        "wanted",
        "ours MB",
        "plain MB",
        "ours GFLOP/s",
        "share",
        "plain GFLOP/s",
    )
    rows = [["", *columns]]
    for name, case in results.cases.items():
        ours, plain = (results.records[name].get(each) for each in FORMULATIONS)
        ratio = results.ratio(name)
        wanted = "" if case.target is None else f">= {case.target:g}"
        if ratio is not None and case.target is not None and ratio < case.target:
            wanted += " missed"
        rows.append(
            [
                case.title,
                *_pair(ours, plain, "ms", "{:.2f}"),
                _number(ratio, "{:.1f}"),
                wanted,
                *_pair(ours, plain, "peak_memory_mb", "{:.0f}"),
                _number(ours and ours.gflops, "{:.0f}"),
                _number(ours and ours.share, "{:.0%}"),
                _number(plain and plain.gflops, "{:.0f}"),
            ]
        )
    yield from aligned(rows)
    speeds = [record.product_gflops for found in results.records.values() for record in found.values()]
    yield f"2048-square float32 product: {min(speeds):.0f} to {max(speeds):.0f} GFLOP/s; share: of it, same process"


def _exponents(results: Results) -> Iterator[str]:
    found = results.exponents()
    if all(value is None for values in found.values() for value in values.values()):
        return
    yield from _section("Growth with the number of atoms, 20 to 200: fitted power")
    rows = [["", *FORMULATIONS]]
    rows += [[kind, *(_number(value, "{:.2f}") for value in values.values())] for kind, values in found.items()]
    yield from aligned(rows)


def _schnetpack(results: Results) -> Iterator[str]:
    rows = []
    for name, case in results.cases.items():
        ours, plain = (results.records[name].get(each) for each in FORMULATIONS)
        theirs = schnetpack_products(case)
        if theirs is None:
            continue
        relative = None if plain is None else plain.products / theirs
        judged = "" if relative is None else "ok" if relative <= SLACK else f"above {SLACK}"
        rows.append(
            [
                f"{case.title}, per {unit(case)}",
                f"{theirs:.3f}",
                *_pair(plain, ours, "products", "{:.4f}"),
                _number(relative, "{:.2f}"),
                judged,
                _number(ours and theirs / ours.products, "{:.1f}"),
            ]
        )
    if rows:
        yield from _section("Beside SchNetPack's implementation, in units of a 2048-square float32 product")
        yield from aligned([["", "SchNetPack", PLAIN, OURS, "plain / SchNetPack", "", "SchNetPack / ours"], *rows])


def _breakdown(results: Results) -> Iterator[str]:
    for parts, kind in ((TRAINING_PARTS, "optimisation step"), (GENERATION_PARTS, "generation")):
        names = [name for name in results.breakdown if (name in GENERATED) == (kind == "generation")]
        if names:
            yield from _section(f"Where the time of this package goes: {kind}")
            rows = [["", *parts]]
            rows += [[name, *(f"{results.breakdown[name][part]:.1%}" for part in parts)] for name in names]
            yield from aligned(rows)


def _section(title: str) -> Iterator[str]:
    yield ""
    yield title


def _pair(a: Record | None, b: Record | None, quantity: str, form: str) -> list[str]:
    return [_number(getattr(record, quantity) if record else None, form) for record in (a, b)]


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns side by side, the first to the left and the others to the right."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        yield "  " + "  ".join(cells).rstrip()
