"""What is measured."""

from __future__ import annotations

from dataclasses import dataclass

from gschnet_pyg.contracts import Cutoffs
from gschnet_pyg.generation.sampler import GenerationSettings
from gschnet_pyg.model.gschnet import ModelSettings
from gschnet_pyg.training.optimisation import Precision

OURS, PLAIN = "ours", "plain"
FORMULATIONS = (OURS, PLAIN)

QM9 = ModelSettings()
SMALL = ModelSettings(64, 5, type_layers=4, type_width=128, distance_layers=4, distance_width=128)
"""The model of recipe qm9_fast."""
SHORT = Cutoffs(model=5.0, prediction=5.0, placement=1.7)
"""For large molecules, where the model sees the surroundings of each atom only."""


@dataclass(frozen=True)
class TrainingCase:
    """An optimisation step, its data included.

    Args:
        name: unique.
        title: for tables.
        settings: of the model.
        batch_size: molecules.
        steps_drawn: steps drawn per molecule; none takes all.
        n_atoms: of stretched chains; none takes small molecules.
        cutoffs: Å.
        rounds: that are timed.
        warmup: rounds before them.
        target: ratio to the plain formulation that this package must reach.
        precision: of this package's products; the plain formulation has float32.
        schnetpack_ms: time per molecule of SchNetPack's implementation on the machine of :data:`SCHNETPACK`.
    """

    name: str
    title: str
    settings: ModelSettings
    batch_size: int
    steps_drawn: int | None
    n_atoms: int | None = None
    cutoffs: Cutoffs = Cutoffs()  # noqa: RUF009 (frozen)
    rounds: int = 9
    warmup: int = 1
    target: float | None = None
    precision: Precision = "float32"
    schnetpack_ms: float | None = None


@dataclass(frozen=True)
class GenerationCase:
    """Molecules generated in one batch.

    Args:
        name, title, target, schnetpack_ms: as in :class:`TrainingCase`, the time per placed atom.
        is_trained: the model is a trained one, or QM9's defaults with random weights.
        settings: how molecules are drawn.
        rounds: that are timed.
        warmup: rounds before them; none, since a few molecules have been generated already.
    """

    name: str
    title: str
    is_trained: bool
    settings: GenerationSettings
    rounds: int = 3
    warmup: int = 0
    target: float | None = None
    schnetpack_ms: float | None = None


SCHNETPACK_GFLOPS = 190.0
"""2048-square float32 products where SchNetPack's implementation was measured (2 cores, QM9), GFLOP/s."""

STEPS = (
    TrainingCase("qm9_all", "QM9 defaults, all steps, batch 5", QM9, 5, None, target=5.0, schnetpack_ms=150.0),
    TrainingCase("qm9_drawn", "QM9 defaults, 5 drawn, batch 20", QM9, 20, 5, target=4.0, schnetpack_ms=28.0),
    TrainingCase("small_drawn", "qm9_fast, 8 drawn, batch 48", SMALL, 48, 8),
    TrainingCase("qm9_all_half", "QM9 defaults, all steps, bfloat16", QM9, 5, None, precision="bfloat16"),
    TrainingCase("qm9_drawn_half", "QM9 defaults, 5 drawn, bfloat16", QM9, 20, 5, precision="bfloat16"),
)
GENERATION = (
    GenerationCase("trained", "trained model, batch 512", True, GenerationSettings(1024), target=15.0),
    GenerationCase(
        "untrained",
        "QM9 defaults untrained, batch 50",
        False,
        GenerationSettings(50, 50, max_atoms=20),
        schnetpack_ms=25.0,
    ),
)
SIZES = tuple(
    TrainingCase(f"size_{n}", f"chains of {n} atoms, 5 drawn, batch 4", QM9, 4, 5, n, SHORT, rounds=5)
    for n in (10, 20, 40, 80, 120, 200)
)
BATCHES = tuple(
    TrainingCase(f"batch_{n}", f"QM9 defaults, 5 drawn, batch {n}", QM9, n, 5, rounds=5)
    for n in (1, 2, 4, 8, 16, 32, 64)
)
LARGE_BATCHES = tuple(
    TrainingCase(f"large_batch_{n}", f"QM9 defaults, all steps, batch {n}", QM9, n, None, rounds=5)
    for n in (5, 64, 256, 1024)
)
"""For a GPU."""
