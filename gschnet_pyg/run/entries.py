"""What a file of generated molecules says of how they were made: an entry for each request that went into it.

The first request is the file's metadata themselves, whose counts are those of all; the others are listed as appended.
While a request is not complete, its entry says which of its molecules were attempted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any

from gschnet_pyg.errors import DataError, RecipeError
from gschnet_pyg.recipe import GenerationRecipe

Metadata = Mapping[str, Any]
Ranges = Sequence[tuple[int, int]]
"""Numbers, as ranges that begin with the first number and end before the second, ascending and apart."""

_NOT_OF_MOLECULES = {"output", "append", "resume", "work_directory", "trace", "view", "report", "logging"}
"""Settings that say where molecules go, and what else is done with them."""

_DECIDES_NOTHING = {"n_molecules", "batch_size", "filter_memory", "device", "devices", "nodes"}
"""Settings that molecules do not depend on."""


@dataclass(frozen=True)
class Remaining:
    """Numbers of the molecules that a process has still to attempt.

    Args:
        n_molecules: of the request.
        done: numbers that were attempted before.
        rank, n_processes: number of this process among those that share the others in turn.
    """

    n_molecules: int
    done: Ranges = ()
    rank: int = 0
    n_processes: int = 1

    def __iter__(self) -> Iterator[int]:
        ends = [0, *(end for each in self.done for end in each), self.n_molecules]
        gaps = (range(start, min(end, self.n_molecules)) for start, end in zip(ends[::2], ends[1::2], strict=True))
        return islice(chain.from_iterable(gaps), self.rank, None, self.n_processes)

    def __len__(self) -> int:
        n_done = sum(min(end, self.n_molecules) - start for start, end in self.done if start < self.n_molecules)
        return len(range(self.rank, self.n_molecules - n_done, self.n_processes))


def with_numbers(done: Ranges, numbers: Iterable[int]) -> Ranges:
    """Ranges with further numbers, none of which they hold."""
    pieces = sorted([*done, *((number, number + 1) for number in numbers)])
    starts = [0, *(place for place, (left, right) in enumerate(pairwise(pieces), 1) if left[1] < right[0])]
    ends = [*starts[1:], len(pieces)]
    return [(pieces[start][0], pieces[end - 1][1]) for start, end in zip(starts, ends, strict=True) if pieces]


def holds(done: Ranges, number: int) -> bool:
    """Whether a number is in one of the ranges."""
    return any(start <= number < end for start, end in done)


def settings_of(recipe: GenerationRecipe) -> dict[str, Any]:
    """What decides the molecules, and how many there are, as JSON."""
    return recipe.model_dump(mode="json", exclude=_NOT_OF_MOLECULES)


def identity(settings: Metadata) -> dict[str, Any]:
    """What decides the molecules, in one spelling; equal ones give equal molecules."""
    decides = {name: value for name, value in settings.items() if name not in _DECIDES_NOTHING}
    decides["run"] = str(Path(settings["run"]).resolve())
    targets = settings.get("conditions", {})
    decides["conditions"] = {name: [value] if not isinstance(value, list) else value for name, value in targets.items()}
    return plain(decides)  # type: ignore[no-any-return]


def plain(value: Any) -> Any:
    """As it comes back from a file."""
    return json.loads(json.dumps(value))


def place_of(metadata: Metadata, recipe: GenerationRecipe) -> int | None:
    """Place of a request among those of a file, 0 for the first; none if it is not there."""
    wanted = identity(settings_of(recipe))
    places = (place for place, entry in enumerate(_entries(metadata)) if identity(entry["settings"]) == wanted)
    return next(places, None)


def done_of(metadata: Metadata, place: int) -> Ranges | None:
    """Numbers that were attempted of a request; none if the file does not tell.

    A request is complete unless it tells: files of earlier versions, which were interrupted, cannot.
    """
    entry = _entries(metadata)[place]
    n_attempted = _requested(metadata, place)
    if "done" in entry:
        return [(int(start), int(end)) for start, end in entry["done"]]
    return [(0, n_attempted)] if n_attempted == int(entry["settings"]["n_molecules"]) else None


def model_of(metadata: Metadata, place: int) -> str | None:
    """Short hash of the weights that a request was made with; none if the file does not tell."""
    return _entries(metadata)[place].get("model")


def differing(metadata: Metadata, recipe: GenerationRecipe) -> list[str]:
    """Settings by which a request differs from the last one of a file."""
    theirs, ours = identity(_entries(metadata)[-1]["settings"]), identity(settings_of(recipe))
    return [name for name in sorted({*theirs, *ours}) if theirs.get(name) != ours.get(name)]


def with_request(metadata: Metadata | None, new: Metadata) -> tuple[dict[str, Any], int]:
    """Metadata with a new request, nothing of which is done, and its place.

    Args:
        metadata: of the file; none for a new one.
        new: ``version``, ``settings``, ``model``, ``origin`` and, where they are known, ``recipe`` and ``conditions``.
    """
    begun = {"requested": 0, "finished": 0, "done": []}
    if metadata is None:
        return {**new, **begun}, 0
    addition = {**{name: new[name] for name in ("version", "settings", "model", "origin")}, **begun}
    if new.get("recipe") != metadata.get("recipe"):
        addition["recipe"] = new.get("recipe")
    appended = [*metadata.get("appended", []), addition]
    return {**metadata, "appended": appended}, len(appended)


def with_progress(
    metadata: Metadata, place: int, numbers: Sequence[int], n_finished: int, n_molecules: int
) -> dict[str, Any]:
    """Metadata after further molecules of a request.

    Args:
        metadata: of the file.
        place: of the request.
        numbers: that were attempted now.
        n_finished: how many of them are finished.
        n_molecules: of the whole request.
    """
    done = with_numbers(done_of(metadata, place) or [], numbers)
    entries = [dict(entry) for entry in _entries(metadata)]
    own = entries[place]
    own["settings"] = {**own["settings"], "n_molecules": n_molecules}
    if place:
        own["requested"] += len(numbers)
        own["finished"] += n_finished
    if len(Remaining(n_molecules, done)):
        own["done"] = done
    else:
        own.pop("done", None)
    first = {**entries[0], "requested": metadata["requested"] + len(numbers)}
    first["finished"] = metadata["finished"] + n_finished
    return {**first, "appended": entries[1:]} if entries[1:] else first


def check_conditions(output: Path, theirs: Sequence[Metadata], ours: Sequence[Metadata]) -> None:
    """Refuse conditions that differ by name, or in what they mean.

    Args:
        output: file of the molecules.
        theirs: descriptions of the conditions of its molecules.
        ours: those of the molecules to be added.

    Raises:
        DataError: naming what differs.
    """
    names = [[str(description["property"]) for description in each] for each in (theirs, ours)]
    if names[0] != names[1]:
        raise DataError(
            f"{output}: holds molecules conditioned on {', '.join(names[0]) or 'nothing'}, these on "
            f"{', '.join(names[1]) or 'nothing'}; write to another file"
        )
    for name, their, our in zip(names[0], theirs, ours, strict=True):
        if [plain(their.get(key)) for key in _SAME] != [plain(our.get(key)) for key in _SAME]:
            raise DataError(
                f"{output}: its molecules are conditioned on another {name}, in another unit or computed otherwise; "
                "write to another file"
            )


_SAME = ("kind", "property", "unit", "computed", "atom_types", "skip_hydrogen", "size")
"""What a condition shares with that of other molecules in the same file; ranges and layers may differ."""


def check_new(output: Path, metadata: Metadata, recipe: GenerationRecipe) -> None:
    """Refuse a request that a file holds already.

    Raises:
        RecipeError: saying so.
    """
    if place_of(metadata, recipe) is not None:
        raise RecipeError(
            f"seed: {output} holds molecules of seed {recipe.seed} already, and equal seeds give equal molecules; "
            "take another one (--seed), or add --resume to complete those"
        )


def _entries(metadata: Metadata) -> list[Metadata]:
    """All requests; the first one with the counts of all."""
    return [{name: value for name, value in metadata.items() if name != "appended"}, *metadata.get("appended", [])]


def _requested(metadata: Metadata, place: int) -> int:
    """How many molecules of one request were attempted."""
    appended = [int(entry["requested"]) for entry in metadata.get("appended", [])]
    return appended[place - 1] if place else int(metadata["requested"]) - sum(appended)
