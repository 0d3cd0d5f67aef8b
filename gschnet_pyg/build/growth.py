"""Recipe -> how molecules grow."""

from __future__ import annotations

from gschnet_pyg.contracts import Cutoffs, Growth, Vocabulary
from gschnet_pyg.recipe import Recipe


def vocabulary(recipe: Recipe) -> Vocabulary:
    """Atom types and tokens."""
    return Vocabulary(recipe.atoms.types, recipe.atoms.origin, recipe.atoms.focus, recipe.atoms.stop)


def cutoffs(recipe: Recipe) -> Cutoffs:
    """The three cutoffs."""
    return Cutoffs(**recipe.cutoffs.model_dump())


def growth(recipe: Recipe) -> Growth:
    """How trajectories grow."""
    settings = recipe.growth
    return Growth(settings.origin, settings.fragment_share, settings.finished_fragment, settings.next_atom)
