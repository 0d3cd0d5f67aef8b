"""The verbs: train, generate, report. The command line and notebooks call these."""

from gschnet_pyg.run.generation import GenerationResult, generate
from gschnet_pyg.run.metadata import stored_counts
from gschnet_pyg.run.reporting import Judged, judge, report
from gschnet_pyg.run.training import TrainingResult, train

__all__ = ["GenerationResult", "Judged", "TrainingResult", "generate", "judge", "report", "stored_counts", "train"]
