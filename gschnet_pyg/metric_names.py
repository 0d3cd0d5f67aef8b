"""Names under which metrics are logged."""

from __future__ import annotations

LOSSES = tuple(f"{stage}/{loss}" for stage in ("train", "validation", "test") for loss in ("loss", "type", "distance"))
"""Losses: the mean over steps of the type, that over labelled predictors of the distance, and their sum."""

SAMPLED = tuple(f"sampled/{name}" for name in ("valid", "unique", "stable", "atom_stable", "edm_valid", "finished"))
"""Shares of molecules sampled during training."""

THROUGHPUT = ("train/molecules_per_second", "train/steps_per_second")
"""Speed of training."""

TRAINING = ("epoch", "learning_rate", *LOSSES, *SAMPLED, *THROUGHPUT)
"""Everything that is logged of a training run."""

GENERATED = tuple(f"generated/{name}" for name in ("valid", "unique", "stable", "atom_stable", "edm_valid", "finished"))
"""Shares of generated molecules, once they are judged."""

GENERATION = (*GENERATED, "generated/molecules_per_second")
"""Everything that is logged of a generation run."""
