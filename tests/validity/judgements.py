"""Judgements made of verdicts that were written by hand."""

from __future__ import annotations

from collections.abc import Iterable

from gschnet_pyg.contracts import Verdict
from gschnet_pyg.validity.fingerprints import Fingerprints
from gschnet_pyg.validity.judging import Judgement
from gschnet_pyg.validity.tally import Tally


def judgement_of(verdicts: Iterable[Verdict]) -> Judgement:
    """Nothing is known of bonds and fingerprints."""
    each, tally = tuple(verdicts), Tally()
    for verdict in each:
        tally.add(verdict, None)
    return Judgement(each, tally, Fingerprints.of([b""] * len(each)))
