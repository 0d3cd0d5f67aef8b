"""Which molecules they are."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from gschnet_pyg.contracts import Rate, Similarity, ValidityReport
from gschnet_pyg.page.blocks import BOTH, GENERATED, Bar, Bars, Block, Frequent, Molecules, Plot, Section, scale
from gschnet_pyg.page.figures import Series, histograms
from gschnet_pyg.page.words import spread

_GROUPS = 20


def chemistry_section(report: ValidityReport, drawings: Mapping[str, str | None]) -> Section | None:
    """Functional groups, similarity to training molecules, most frequent molecules; none without any of them.

    Args:
        report: that says so.
        drawings: SMILES -> SVG.
    """
    found = report.chemistry
    blocks: list[Block] = []
    if found.functional_groups:
        groups = list(found.functional_groups.items())[:_GROUPS]
        bars = [Bar(name, group.molecules, group.reference) for name, group in groups]
        left = len(found.functional_groups) - len(bars)
        compared = any(bar.reference for bar in bars)
        caption = "Share of valid molecules that have a functional group" + (
            f"; {left:,} rarer ones left out." if left > 0 else "."
        )
        blocks.append(
            Bars(
                "Functional groups",
                caption,
                "fragments",
                legend=BOTH if compared else GENERATED,
                bars=bars,
                full=scale(bars),
            )
        )
    if found.similarity is not None and found.similarity.unique is not None:
        blocks.append(_similarity(found.similarity))
    # a molecule that was generated once is not frequent
    frequent = [each for each in found.frequent if each.count > 1][:12]
    if frequent and report.distributions.molecules:
        blocks.append(
            Molecules(
                "Most frequent molecules",
                f"Of {report.distributions.molecules:,} valid molecules; below, how often each was generated"
                + (" and how often the reference has it." if report.reference else "."),
                wide=True,
                molecules=[
                    Frequent(
                        Markup(drawings.get(each.smiles) or ""),
                        each.smiles,
                        each.formula,
                        Rate(each.count, report.distributions.molecules),
                        each.reference,
                    )
                    for each in frequent
                ],
            )
        )
    return Section("chemistry", "Chemistry", blocks) if blocks else None


def _similarity(found: Similarity) -> Plot:
    kinds = (
        ("generated", "unseen", found.unseen),
        ("third", "all different", found.unique),
        ("reference", "test", found.test),
    )
    there = [(kind, label, numbers) for kind, label, numbers in kinds if numbers is not None]
    said = "; ".join(f"{label}: {spread(numbers)}, {numbers.n:,} molecules" for _, label, numbers in there)
    return Plot(
        "Similarity to the nearest training molecule",
        f"Tanimoto similarity to the nearest of {found.trained:,} training molecules; {said}.",
        "similarity",
        legend=tuple((kind, label) for kind, label, _ in there),
        svg=histograms(
            [Series(kind, label, numbers.histogram) for kind, label, numbers in there],
            there[0][2].bin_width,
            "Tanimoto similarity",
        ),
    )
