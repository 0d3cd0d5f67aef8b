"""The verbs: train, generate, report, convert. The command line and notebooks call these.

Each is imported when it is first asked for: a report needs neither Lightning nor torch, which take seconds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gschnet_pyg.run.converting import ConversionResult, convert
    from gschnet_pyg.run.generation import GenerationResult, generate
    from gschnet_pyg.run.judged import Judged, distinct_names, write_html
    from gschnet_pyg.run.measuring import Measurements
    from gschnet_pyg.run.metadata import stored_counts
    from gschnet_pyg.run.reporting import judge, judge_files, report
    from gschnet_pyg.run.training import TrainingResult, train

__all__ = [
    "ConversionResult",
    "GenerationResult",
    "Judged",
    "Measurements",
    "TrainingResult",
    "convert",
    "distinct_names",
    "generate",
    "judge",
    "judge_files",
    "report",
    "stored_counts",
    "train",
    "write_html",
]

_MODULES = {
    "converting": ("ConversionResult", "convert"),
    "generation": ("GenerationResult", "generate"),
    "judged": ("Judged", "distinct_names", "write_html"),
    "measuring": ("Measurements",),
    "metadata": ("stored_counts",),
    "reporting": ("judge", "judge_files", "report"),
    "training": ("TrainingResult", "train"),
}

if not TYPE_CHECKING:  # so that a name that does not exist stays an error of the type checker

    def __getattr__(name: str) -> Any:
        for module, names in _MODULES.items():
            if name in names:
                return getattr(import_module(f"{__name__}.{module}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
