"""A judgement kept beside the file that was judged, so that it is judged once."""

from __future__ import annotations

import base64
import logging
from dataclasses import fields
from pathlib import Path

import numpy as np

from gschnet_pyg.contracts import Verdict
from gschnet_pyg.data.cache import short_hash
from gschnet_pyg.files import replace_file
from gschnet_pyg.untrusted import DAMAGE, sealed, unsealed
from gschnet_pyg.validity.checks import ValidityOptions
from gschnet_pyg.validity.fingerprints import Fingerprints
from gschnet_pyg.validity.geometry import geometry_rules
from gschnet_pyg.validity.judging import Judgement, verdict_of
from gschnet_pyg.validity.tally import Tally

_FORMAT = 3  # another one whenever a molecule would be judged, or what is kept written, otherwise
_FIELDS = tuple(field.name for field in fields(Verdict))
_log = logging.getLogger(__name__)


def judgement_key(content: str, options: ValidityOptions) -> str:
    """Short hash of everything that decides a judgement: molecules, options, RDKit's version and the rules here.

    Args:
        content: hash of atoms and positions, ``MoleculeArrays.hash_content``.
        options: in force.
    """
    return short_hash([_FORMAT, geometry_rules(), content, options.in_force()])


def results_file(path: Path) -> Path:
    """Where the judgement on the molecules of a file is kept: ``<file>.verdicts.json``."""
    return path.with_name(f"{path.name}.verdicts.json")


def load_judgement(path: Path, key: str) -> Judgement | None:
    """The judgement on the molecules of a file, if it is still the one that judging would give.

    Args:
        path: the judged file.
        key: of what would be judged, see ``judgement_key``.

    Returns:
        Verdicts in the order of the file, tally and fingerprints; none where there are none, they are of another key,
        or they are damaged, which is logged.
    """
    results = results_file(path)
    if not results.is_file():
        return None
    try:
        content = unsealed(results.read_text(encoding="utf-8"))
        if content["key"] != key:
            return None
        columns = [content["verdicts"][name] for name in _FIELDS]
        verdicts = [verdict_of(dict(zip(_FIELDS, values, strict=True))) for values in zip(*columns, strict=True)]
        bits, counts = (_numbers(content["fingerprints"][name]) for name in ("bits", "counts"))
        fingerprints = Fingerprints.from_counts(bits, counts)
        tally = Tally.from_json(content["tally"])
        if not len(fingerprints) == len(verdicts) >= tally.molecules:
            raise ValueError("verdicts, fingerprints and tally are not of the same molecules")
        return Judgement(tuple(verdicts), tally, fingerprints)
    except DAMAGE as error:
        _log.warning("%s: damaged results (%s), judged again", results, error)
        return None


def save_judgement(path: Path, key: str, judgement: Judgement) -> None:
    """Keep a judgement beside the file that was judged; where that cannot be written, a note is logged.

    Args:
        path: the judged file.
        key: of what was judged, see ``judgement_key``.
        judgement: on the molecules in the order of the file, timeouts and crashes among them.
    """
    content = {
        "key": key,
        "verdicts": {name: [getattr(verdict, name) for verdict in judgement.verdicts] for name in _FIELDS},
        "tally": judgement.tally.to_json(),
        "fingerprints": {"bits": _text(judgement.fingerprints.bits), "counts": _text(judgement.fingerprints.counts)},
    }  # fmt: skip
    results = results_file(path)
    try:
        with replace_file(results) as temporary, temporary.open("w", encoding="utf-8") as stream:
            stream.writelines(sealed(content))
    except OSError as error:
        _log.info("%s: not written (%s); the molecules are judged again next time", results, error)


def _text(numbers: np.ndarray) -> str:
    """As base64 of uint16: a list of Python's numbers would be twenty times larger in memory."""
    return base64.b64encode(numbers.astype("<u2").tobytes()).decode("ascii")


def _numbers(text: str) -> np.ndarray:
    """What ``_text`` has written."""
    return np.frombuffer(base64.b64decode(text, validate=True), dtype="<u2").astype(np.uint16, copy=False)
