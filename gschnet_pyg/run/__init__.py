"""The verbs: train, generate, report. The command line and notebooks call these."""

from gschnet_pyg.run.generation import GenerationResult, generate
from gschnet_pyg.run.judged import Judged, distinct_names, write_html
from gschnet_pyg.run.measuring import Measurements
from gschnet_pyg.run.metadata import stored_counts
from gschnet_pyg.run.reporting import judge, judge_files, report
from gschnet_pyg.run.training import TrainingResult, train

__all__ = [
    "GenerationResult",
    "Judged",
    "Measurements",
    "TrainingResult",
    "distinct_names",
    "generate",
    "judge",
    "judge_files",
    "report",
    "stored_counts",
    "train",
    "write_html",
]
