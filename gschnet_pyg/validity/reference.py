"""The molecules that generated ones are compared with, judged by the same rules and cached."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from gschnet_pyg.contracts import Rate, ReferenceSummary, Verdict
from gschnet_pyg.files import replace_file
from gschnet_pyg.untrusted import DAMAGE, read_arrays
from gschnet_pyg.validity.checks import ValidityOptions
from gschnet_pyg.validity.fingerprints import Fingerprints
from gschnet_pyg.validity.geometry import geometry_rules
from gschnet_pyg.validity.judging import Judgement, judge_all
from gschnet_pyg.validity.pieces import Pieces
from gschnet_pyg.validity.rates import MoleculeClasses, edm_rates
from gschnet_pyg.validity.tally import Tally

_FORMAT = 2  # another one whenever a molecule would be judged otherwise
_log = logging.getLogger(__name__)


class FlatMolecules(Protocol):
    """Molecules one after the other, as a ``MoleculeDataset`` has them."""

    @property
    def z(self) -> np.ndarray:
        """``[sum N]`` atomic numbers."""

    @property
    def pos(self) -> np.ndarray:
        """``[sum N, 3]`` Å."""

    @property
    def offsets(self) -> np.ndarray:
        """``[M + 1]`` first atom of every molecule."""


@dataclass(frozen=True)
class Reference:
    """Judged reference molecules.

    Attributes:
        options: they were judged with.
        smiles: ``M`` canonical SMILES; none where a reference molecule is not valid itself.
        edm: EDM's rates of the reference: what a perfect model would reach.
        tally: what all valid reference molecules are made of.
        fingerprints: ``M`` of them; empty where a reference molecule is not valid.
        seen: rows of the training and validation molecules; none if the split is not known, and then every reference
            molecule counts as seen, so that *unseen* and *novel* are the same.
    """

    options: ValidityOptions
    smiles: tuple[str | None, ...]
    edm: Mapping[str, Rate]
    tally: Tally
    fingerprints: Fingerprints
    seen: frozenset[int] | None = None

    @classmethod
    def of(cls, judgement: Judgement, options: ValidityOptions) -> Reference:
        """From the judgement on all reference molecules, split not known."""
        return cls(
            options=options,
            smiles=tuple(verdict.smiles for verdict in judgement.verdicts),
            edm=edm_rates(judgement.verdicts, len(judgement.verdicts)),
            tally=judgement.tally,
            fingerprints=judgement.fingerprints,
        )

    def with_seen(self, rows: Iterable[int]) -> Reference:
        """The same reference with a known split.

        Args:
            rows: of the training and validation molecules among all reference molecules.

        Raises:
            IndexError: if there is no such row.
        """
        seen = frozenset(int(row) for row in rows)
        if seen and not 0 <= min(seen) <= max(seen) < len(self.smiles):
            raise IndexError(f"rows from {min(seen)} to {max(seen)} among {len(self.smiles)} reference molecules")
        return replace(self, seen=seen)

    @cached_property
    def known_smiles(self) -> frozenset[str]:
        """Canonical SMILES of all reference molecules."""
        return frozenset(smiles for smiles in self.smiles if smiles is not None)

    @cached_property
    def seen_smiles(self) -> frozenset[str]:
        """Canonical SMILES of the training and validation molecules."""
        if self.seen is None:
            return self.known_smiles
        return frozenset(smiles for row in self.seen if (smiles := self.smiles[row]) is not None)

    @cached_property
    def is_seen(self) -> np.ndarray:
        """``[M]`` whether each is a training or validation molecule."""
        mask = np.full(len(self.smiles), self.seen is None)
        mask[list(self.seen or ())] = True
        return mask

    def describe(self) -> ReferenceSummary:
        """For the report."""
        return ReferenceSummary(
            molecules=len(self.smiles),
            seen=None if self.seen is None else len(self.seen),
            valid=Rate(sum(smiles is not None for smiles in self.smiles), len(self.smiles)),
            edm=self.edm,
        )


def classify(verdicts: Sequence[Verdict], reference: Reference | None) -> MoleculeClasses:
    """Which molecules are valid, unique, unseen and novel; the sums are the counts of the report's rates.

    Args:
        verdicts: of ``M`` molecules, judged with the options of the reference.
        reference: to compare with; without one there is neither *unseen* nor *novel*.
    """
    if reference is None:
        return MoleculeClasses.of(verdicts, None, None)
    return MoleculeClasses.of(verdicts, reference.seen_smiles, reference.known_smiles)


def judge_reference(
    molecules: FlatMolecules,
    options: ValidityOptions,
    *,
    cache: Path | None = None,
    force: bool = False,
    workers: int | None = None,
    progress: bool = True,
) -> Reference:
    """Judge reference molecules exactly as generated ones, or take the result from the cache.

    QM9 takes a minute on two cores.

    Args:
        molecules: all of them; see ``Reference.with_seen`` for a split.
        options: how.
        cache: folder to keep results in, under the hash of the molecules, the options and RDKit's version.
        force: judge anew whatever is kept.
        workers: as for ``judge_all``.
        progress: show a bar on a terminal.
    """
    offsets = np.asarray(molecules.offsets)
    z, pos = np.asarray(molecules.z), np.asarray(molecules.pos)
    path = cache / f"reference-{_key(z, pos, offsets, options)}.npz" if cache else None
    if path is not None and not force and (found := _load(path, options)) is not None:
        return found
    judgement = judge_all(Pieces(z, pos, offsets), options, workers=workers, progress=progress)
    reference = Reference.of(judgement, options)
    if path is not None:
        _save(reference, path)
    return reference


def _key(z: np.ndarray, pos: np.ndarray, offsets: np.ndarray, options: ValidityOptions) -> str:
    """Short hash of everything that decides the result."""
    settings = [_FORMAT, geometry_rules(), options.in_force()]
    digest = hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=8)
    for array, dtype in ((z, np.uint8), (pos, np.float64), (offsets, np.int64)):
        digest.update(np.ascontiguousarray(array, dtype=dtype).data)
    return digest.hexdigest()


def _save(reference: Reference, path: Path) -> None:
    """Text as bytes: nothing has to be unpickled."""
    content = {
        "edm": {name: [rate.count, rate.of] for name, rate in reference.edm.items()},
        "tally": reference.tally.to_json(),
    }
    smiles = "\n".join(smiles or "" for smiles in reference.smiles)
    with replace_file(path) as temporary:
        np.savez(
            temporary,
            content=_as_bytes(json.dumps(content)),
            smiles=_as_bytes(smiles),
            bits=reference.fingerprints.bits,
            offsets=reference.fingerprints.offsets,
        )


def _load(path: Path, options: ValidityOptions) -> Reference | None:
    if not path.is_file():
        return None
    try:
        arrays = read_arrays(path)
        content = json.loads(arrays["content"].tobytes())
        fingerprints = Fingerprints(arrays["bits"], arrays["offsets"])
        smiles = arrays["smiles"].tobytes().decode().split("\n") if len(fingerprints) else []
        if len(smiles) != len(fingerprints):
            raise ValueError("SMILES and fingerprints are not equally many")
        return Reference(
            options=options,
            smiles=tuple(each or None for each in smiles),
            edm={name: Rate(*counts) for name, counts in content["edm"].items()},
            tally=Tally.from_json(content["tally"]),
            fingerprints=fingerprints,
        )
    except DAMAGE as error:
        _log.warning("%s: damaged cache (%s), judged again", path, error)
        return None


def _as_bytes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), dtype=np.uint8)
