"""Figures of a run: collected, compared, written as text and JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from importlib.metadata import version
from statistics import median
from typing import Any

import numpy as np
import torch

from benchmarks.cases import (
    FORMULATIONS,
    OURS,
    PLAIN,
    SCHNETPACK_GFLOPS,
    SIZES,
    GenerationCase,
    TrainingCase,
)
from benchmarks.work import PRODUCT_SIZE

PACKAGES = ("gschnet-pyg", "torch", "torch-geometric", "numpy", "rdkit", "pytest-benchmark")


@dataclass(frozen=True)
class Record:
    """One case in one formulation.

    Attributes:
        ms: median time per molecule (training) or placed atom (generation).
        n: molecules or atoms of a round.
        round_ms: times of all rounds, per molecule or atom.
        peak_memory_mb: of the work beyond weights, gradients and optimiser's state.
        gflops: operations of matrix products per second, in units of 1e9.
        product_gflops: the same of a large square product in the same process.
        share: of the one in the other.
        products: time per molecule or atom in units of that product's time.
        threads: of PyTorch.
    """

    ms: float
    n: int
    round_ms: tuple[float, ...]
    peak_memory_mb: float
    gflops: float
    product_gflops: float
    share: float
    products: float
    threads: int

    @classmethod
    def of(cls, times: Sequence[float], n: int, products: Sequence[float], figures: dict[str, float]) -> Record:
        """From the times of rounds and of large products before each of them, in s, and the process's figures."""
        seconds, per_product = median(times), median(products)
        gflops, product = figures["operations"] / seconds / 1e9, 2 * PRODUCT_SIZE**3 / per_product / 1e9
        return cls(
            ms=1e3 * seconds / n,
            n=n,
            round_ms=tuple(round(1e3 * each / n, 4) for each in times),
            peak_memory_mb=figures["peak_memory"] / 2**20,
            gflops=gflops,
            product_gflops=product,
            share=gflops / product,
            products=seconds / n / per_product,
            threads=int(figures["threads"]),
        )


@dataclass
class Results:
    """All figures of a run.

    Attributes:
        device, data, model: what was measured with.
        mean_atoms: of the small molecules.
        cases: by name.
        records: case name -> formulation -> figures.
        agreement: case name -> largest differences, or the share of molecules that are equal.
        breakdown: case name -> part -> share of the time of this package.
    """

    device: str
    data: str
    model: str
    mean_atoms: float | None = None
    cases: dict[str, TrainingCase | GenerationCase] = field(default_factory=dict)
    records: dict[str, dict[str, Record]] = field(default_factory=dict)
    agreement: dict[str, dict[str, float]] = field(default_factory=dict)
    breakdown: dict[str, dict[str, float]] = field(default_factory=dict)

    def add(self, case: TrainingCase | GenerationCase, name: str, record: Record) -> None:
        """Keep what was measured."""
        self.cases[case.name] = case
        self.records.setdefault(case.name, {})[name] = record

    def ratio(self, case: str) -> float | None:
        """How many times faster this package is than the plain formulation: the median over pairs of turns."""
        found = self.records.get(case, {})
        if len(found) < 2:
            return None
        return median(a / b for a, b in zip(found[PLAIN].round_ms, found[OURS].round_ms, strict=True))

    def growth(self, cases: Sequence[TrainingCase], name: str, quantity: str) -> tuple[np.ndarray, np.ndarray]:
        """Size (atoms, or molecules of a batch) and a quantity of the cases that were measured."""
        points = [
            (case.n_atoms or case.batch_size, getattr(self.records[case.name][name], quantity))
            for case in cases
            if name in self.records.get(case.name, {})
        ]
        sizes, values = zip(*points, strict=True) if points else ((), ())
        return np.array(sizes, dtype=float), np.array(values, dtype=float)

    def exponent(self, name: str, quantity: str, smallest: int = 20) -> float | None:
        """Fitted power of the number of atoms that time or memory grows with."""
        sizes, values = self.growth(SIZES, name, quantity)
        fitted = (sizes >= smallest) & (values > 0)
        if fitted.sum() < 2:
            return None
        return float(np.polyfit(np.log(sizes[fitted]), np.log(values[fitted]), 1)[0])

    def exponents(self) -> dict[str, dict[str, float | None]]:
        """Of time and memory, for both formulations."""
        quantities = {"time": "ms", "memory": "peak_memory_mb"}
        return {kind: {name: self.exponent(name, key) for name in FORMULATIONS} for kind, key in quantities.items()}

    def as_json(self) -> dict[str, Any]:
        """Everything, as plain containers."""
        return {
            "date": f"{datetime.now():%Y-%m-%d %H:%M}",
            "machine": machine(self.device),
            "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
            "device": self.device,
            "data": self.data,
            "model": self.model,
            "mean_atoms": self.mean_atoms,
            "agreement": self.agreement,
            "cases": [self._case(name) for name in self.records],
            "exponents": self.exponents(),
            "breakdown": self.breakdown,
        }

    def _case(self, name: str) -> dict[str, Any]:
        case, found = self.cases[name], self.records[name]
        entry: dict[str, Any] = {"name": name, "title": case.title, "unit": unit(case)}
        entry |= {each: asdict(record) for each, record in found.items()}
        entry |= {"ratio": self.ratio(name), "target": case.target}
        if case.schnetpack_ms is not None:
            entry["schnetpack"] = {"ms": case.schnetpack_ms, "products": schnetpack_products(case)}
        return entry


def unit(case: TrainingCase | GenerationCase) -> str:
    """What times are given per."""
    return "molecule" if isinstance(case, TrainingCase) else "placed atom"


def schnetpack_products(case: TrainingCase | GenerationCase) -> float | None:
    """Time of SchNetPack's implementation in units of a large square product on the machine it was measured on."""
    if case.schnetpack_ms is None:
        return None
    return 1e-3 * case.schnetpack_ms * SCHNETPACK_GFLOPS * 1e9 / (2 * PRODUCT_SIZE**3)


def machine(device: str) -> dict[str, Any]:
    """What the figures were measured on."""
    processor = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return {
        "processor": names[0] if names else processor,
        "cores": os.cpu_count(),
        "system": platform.system(),
        "gpu": torch.cuda.get_device_name() if device.startswith("cuda") else None,
    }
