"""Where generated molecules are stored as they come, with everything that made them."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ase import Atoms
from filelock import FileLock

import gschnet_pyg
from gschnet_pyg.data.writing import write_database, write_molecules
from gschnet_pyg.errors import DataError
from gschnet_pyg.files import replace_file
from gschnet_pyg.generation.sampler import Attempt
from gschnet_pyg.generation.targets import describe
from gschnet_pyg.model.conditions import CompositionCondition
from gschnet_pyg.run.entries import Ranges, check_new, done_of, holds, settings_of, with_progress, with_request
from gschnet_pyg.run.metadata import stored_metadata
from gschnet_pyg.run.requests import Request
from gschnet_pyg.run_directory import RunDirectory

_PATIENCE = 30
"""Times that a database is asked for again, 20 s each, while somebody reads it."""


@dataclass(frozen=True)
class Provenance:
    """What made molecules.

    Args:
        request: that asks for them.
    """

    request: Request

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """Version, settings, model, the recipe of its training, frame and conditions, as they are stored."""
        ours: dict[str, Any] = {"version": gschnet_pyg.__version__, "settings": settings_of(self.request.recipe)}
        ours["model"] = self.request.fingerprint
        if (trained_by := RunDirectory(self.request.recipe.run).recipe_as_stored()) is not None:
            ours["recipe"] = trained_by
        # otherwise positions are in any frame
        ours["origin"] = [0.0, 0.0, 0.0] if self.request.model.settings.has_origin else None
        if self.request.conditions:
            ours["conditions"] = [condition.to_json() for condition in self.request.conditions]
        return ours

    @property
    def units(self) -> dict[str, str]:
        """Of the targets."""
        return {f"target_{condition.name}": condition.unit or "" for condition in self.request.conditions}

    def atoms(self, attempt: Attempt) -> Atoms:
        """A finished molecule that carries its number, its targets and the size of what it grew from."""
        start, info = self.request.starts[attempt.start], dict[str, Any](number=attempt.number)
        for condition in self.request.conditions:
            value = start.conditions[condition.name]
            info[f"target_{condition.name}"] = value if condition.n_values > 1 else float(value[0])
            if isinstance(condition, CompositionCondition):
                info["target_formula"] = describe(condition, value)
        if start.fragment is not None:
            info["n_fragment_atoms"] = len(start.fragment.z)
        return Atoms(attempt.z, attempt.pos, info=info)


class Deposit(ABC):
    """Takes the attempts of one request.

    Args:
        output: file that holds the finished ones in the end.
        provenance: of them.
        n_shown: finished ones to keep in memory, to be shown.

    Attributes:
        requested, finished: attempts, and finished ones among them, since it was opened.
        shown: the first finished ones.
    """

    def __init__(self, output: Path, provenance: Provenance, n_shown: int = 0) -> None:
        self.output, self.provenance, self.n_shown = output, provenance, n_shown
        self.requested = self.finished = 0
        self.shown: list[Attempt] = []

    def add(self, attempts: Sequence[Attempt]) -> None:
        """Store attempts that have ended, in this order; any that are there already are passed over.

        Raises:
            DataError: if the output cannot be written.
        """
        new = self._store(attempts) if attempts else []
        finished = [attempt for attempt in new if attempt.is_finished]
        self.requested += len(new)
        self.finished += len(finished)
        self.shown += finished[: self.n_shown - len(self.shown)]

    @abstractmethod
    def close(self) -> None:
        """Called when all attempts are in."""

    @abstractmethod
    def _store(self, attempts: Sequence[Attempt]) -> Sequence[Attempt]:
        """Store attempts, and say which were not there before."""


class DatabaseDeposit(Deposit):
    """Adds molecules to a database, each time in one transaction with the counts.

    However this process ends, the database holds all that was handed over, and can be completed.

    Args:
        output, provenance, n_shown: as for :class:`Deposit`.
        place: of the request in the file; none to make one for it.
    """

    def __init__(self, output: Path, provenance: Provenance, n_shown: int = 0, place: int | None = None) -> None:
        super().__init__(output, provenance, n_shown)
        self.place = place

    def close(self) -> None:
        """A file without any attempt says so."""
        if self.place is None:
            self._write([])

    def _store(self, attempts: Sequence[Attempt]) -> Sequence[Attempt]:
        return self._write(attempts)

    def _write(self, attempts: Sequence[Attempt]) -> Sequence[Attempt]:
        with FileLock(self.output.with_name(f".{self.output.name}.lock")):
            is_there = holds_something(self.output)
            before = stored_metadata(self.output) if is_there else None
            place = self.place
            if place is None:
                if before is not None:  # somebody else may have been faster
                    check_new(self.output, before, self.provenance.request.recipe)
                before, place = with_request(before, self.provenance.metadata)
            assert before is not None
            done: Ranges = done_of(before, place) or []
            new = [attempt for attempt in attempts if not holds(done, attempt.number)]
            finished = [self.provenance.atoms(attempt) for attempt in new if attempt.is_finished]
            numbers, n_molecules = [attempt.number for attempt in new], self.provenance.request.recipe.n_molecules
            after = with_progress(before, place, numbers, len(finished), n_molecules)
            self._commit(finished, after, is_there)
        self.place = place
        return new

    def _commit(self, molecules: Sequence[Atoms], metadata: dict[str, Any], is_there: bool) -> None:
        units, content = self.provenance.units, {"gschnet_pyg": metadata}
        for trial in range(1, _PATIENCE + 1):
            try:
                write_database(self.output, molecules, units=units, metadata=content, append=is_there)
                return
            except DataError as error:
                is_read = isinstance(error.__cause__, sqlite3.OperationalError) and "locked" in str(error.__cause__)
                if is_read and trial < _PATIENCE:
                    continue
                kept = "what it holds is whole; the same command with --resume goes on from there"
                raise DataError(f"{error}; {kept}" if is_there else str(error)) from error


class FileDeposit(Deposit):
    """Writes a file of another format, whole, in the end; until then the molecules are in memory."""

    def __init__(self, output: Path, provenance: Provenance, n_shown: int = 0) -> None:
        super().__init__(output, provenance, n_shown)
        self._molecules: dict[int, Atoms | None] = {}

    def close(self) -> None:
        """Write the file, and what made the molecules beside it."""
        molecules = [atoms for _, atoms in sorted(self._molecules.items()) if atoms is not None]
        counts = {"requested": self.requested, "finished": self.finished}
        metadata = {"gschnet_pyg": {**self.provenance.metadata, **counts}}
        write_molecules(self.output, molecules, units=self.provenance.units, metadata=metadata)

    def _store(self, attempts: Sequence[Attempt]) -> Sequence[Attempt]:
        new = [attempt for attempt in attempts if attempt.number not in self._molecules]
        self._molecules |= {each.number: self.provenance.atoms(each) if each.is_finished else None for each in new}
        return new


@contextmanager
def deposit_in(
    folder: Path | None, output: Path, provenance: Provenance, n_shown: int, place: int | None
) -> Iterator[Deposit]:
    """The deposit for a file; whatever it holds is in the file when the block ends, however it does.

    Args:
        folder: that new files are written in first; none for that of the output.
        output: database, extxyz or SDF by suffix.
        provenance, n_shown: as for :class:`Deposit`.
        place: of the request in a database that is there.

    Raises:
        DataError: if the output cannot be written.
    """
    is_database = output.suffix.lower() == ".db"
    if is_database and (place is not None or holds_something(output)):
        folder = None  # others may add to it meanwhile
    with moved(folder, output) as part:
        deposit: Deposit
        if is_database:
            deposit = DatabaseDeposit(part, provenance, n_shown, place)
        else:
            deposit = FileDeposit(part, provenance, n_shown)
        try:
            yield deposit
        except BaseException as error:
            if not deposit.requested:
                raise
            deposit.close()
            if isinstance(error, KeyboardInterrupt):
                raise KeyboardInterrupt(f"{deposit.requested:,} molecules were stored in {output}.") from None
            raise
        deposit.close()


@contextmanager
def moved(folder: Path | None, output: Path) -> Iterator[Path]:
    """A path in a temporary folder; what is written there takes its place beside the output in the end.

    Args:
        folder: that the temporary folder is made in; none gives the output itself.
        output: where the file shall lie.

    Raises:
        DataError: if the output cannot be written; what was written to the temporary folder then stays.
    """
    if folder is None:
        yield output
        return
    folder.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder, prefix=".generating-"))
    try:
        yield temporary / output.name
    finally:
        _deliver(temporary, output)


def _deliver(temporary: Path, output: Path) -> None:
    files = [file for file in temporary.iterdir() if not file.name.startswith(".")]
    try:
        for file in sorted(files, reverse=True):  # what belongs to the molecules comes before them
            with replace_file(output.with_name(file.name)) as target:
                shutil.copyfile(file, target)
    except OSError as error:
        raise DataError(f"{output}: cannot be written ({error}); the molecules lie in {temporary}") from error
    shutil.rmtree(temporary)


def holds_something(output: Path) -> bool:
    """Whether an output is more than a name that was reserved."""
    return output.exists() and output.stat().st_size > 0
