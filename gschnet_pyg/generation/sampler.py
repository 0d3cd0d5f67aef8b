"""The one generator: molecules grow in a batch, each from its own random stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from gschnet_pyg.generation.rounds import Rounds
from gschnet_pyg.generation.settings import GenerationSettings
from gschnet_pyg.generation.starts import FROM_NOTHING, Start, check_starts
from gschnet_pyg.generation.state import Attempt, PartialMolecule, StepView
from gschnet_pyg.model.gschnet import GSchNet

__all__ = ["Attempt", "GenerationSettings", "StepView", "generate"]


def generate(
    model: GSchNet,
    settings: GenerationSettings,
    starts: Sequence[Start] = FROM_NOTHING,
    on_step: Callable[[StepView], None] | None = None,
    numbers: Iterable[int] | None = None,
) -> Iterator[Attempt]:
    """Generate molecules; each is handed over as soon as it ends, and its place in the batch refilled.

    Args:
        model: on the device to use.
        settings: how molecules are drawn.
        starts: conditions and substructures; molecule number k begins with the one of number k modulo their number.
        on_step: sees every step before it is taken.
        numbers: of the molecules to make, for one process of several; all of the request by default.

    Returns:
        Iterator over the attempts, ``settings.n_molecules`` or those of the numbers, in the order in which they end.

    Raises:
        RecipeError: at once, if the settings cannot work or do not fit the model.
        DataError: at once, if molecules cannot grow from a substructure.

    Source:
        Gebauer et al., Nat. Commun. 13, 973 (2022), Methods.
    """
    check_starts(starts, model, settings.max_atoms)
    wanted = range(settings.n_molecules) if numbers is None else numbers
    return _grow(Rounds(model, settings, on_step), settings, starts, wanted)


def _grow(
    rounds: Rounds, settings: GenerationSettings, starts: Sequence[Start], numbers: Iterable[int]
) -> Iterator[Attempt]:
    waiting = (PartialMolecule.begin(settings.seed, number, starts) for number in numbers)
    live: list[PartialMolecule] = []
    while True:
        begun = [molecule for _, molecule in zip(range(rounds.n_slots - len(live)), waiting, strict=False)]
        rounds.begin(begun)
        live += begun
        if not live:
            return
        ended = rounds.advance(live)
        yield from ended.values()
        live = [molecule for molecule in live if molecule.number not in ended]
