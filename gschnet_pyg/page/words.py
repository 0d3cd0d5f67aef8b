"""What the page says of reasons, terms and numbers."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from gschnet_pyg.contracts import Numbers, Rate

FAILURES = {
    "empty": "no atoms",
    "bad_coordinates": "atoms at one place",
    "unknown_element": "unknown element",
    "disconnected": "several fragments",
    "bond_orders": "no bond orders fit",
    "iterations": "bond search too long",
    "sanitisation": "refused by RDKit",
    "radical": "unpaired electron",
    "timeout": "RDKit timed out",
    "crash": "RDKit crashed",
    "unfinished": "abandoned attempt",
}
"""Reasons in a few words."""

EXPLANATIONS = {
    "empty": "the molecule has no atoms",
    "bad_coordinates": "a coordinate is not finite, or two atoms lie at one place",
    "unknown_element": "an atomic number is that of no element",
    "disconnected": "the bonds that the distances imply leave more than one fragment",
    "bond_orders": "no bond orders satisfy all valences at the total charge that is allowed",
    "iterations": "the search for bond orders reached its limit",
    "sanitisation": "RDKit refuses the molecule when it sanitises it, mostly for a valence",
    "radical": "an electron takes part in no bond and in no lone pair",
    "timeout": "RDKit needed more than the time that is allowed for one molecule",
    "crash": "RDKit took its worker process down, or ran out of memory",
    "unfinished": "the generator gave the molecule up before its last atom was finished",
}
"""The same in a sentence."""

TERMS = {
    "valid": "RDKit finds bonds from the coordinates alone: one fragment, bond orders that satisfy every valence at "
    "the allowed charges, no unpaired electron where radicals are not allowed, and no objection when it sanitises.",
    "unique": "Valid, and the first molecule with its canonical SMILES. The share falls as more molecules are drawn.",
    "unseen": "Unique, and not among the training and validation molecules of the reference.",
    "novel": "Unique, and not among the molecules of the reference at all, its test molecules included.",
    "stable": "By the rules of EDM (Hoogeboom et al., ICML 2022): bond orders follow from tables of distances; an atom "
    "is stable if its orders sum to an allowed valence, a molecule if all its atoms are. The atoms of one molecule are "
    "not independent, so the interval of the atoms is too narrow.",
    "interval": "95 % confidence interval of a share after Wilson (1927): the range of shares that this count is "
    "compatible with. Two files whose intervals overlap widely have not been shown to differ.",
    "divergence": "Jensen-Shannon divergence of two histograms, in bits: 0 where they are the same, 1 where they share "
    "nothing. Few counts inflate it, by about (bins − 1) / (5.5 × counts). That of lengths or angles is the mean over "
    "all types of the reference, weighted as there; a type that was not generated counts as 1 bit.",
    "strain": "Energy by which a molecule goes down when it is relaxed from its generated geometry to the next minimum "
    "of the MMFF94 force field. The RMSD is over all atoms, after superposition of the two geometries.",
    "clashes": "A valid molecule clashes if two of its atoms with three bonds or more between them are closer than "
    "0.68 times the sum of their van der Waals radii (those of RDKit); 0.25 % of QM9 do.",
    "similarity": "Tanimoto similarity of Morgan fingerprints (radius 2, 2,048 bits, no stereochemistry) to the most "
    "similar training molecule: 1 for the same fingerprint. Test molecules show what new molecules of the same kind "
    "have.",
    "origin": "Generation starts from an origin token at the centre of mass that the molecule is going to have. The "
    "distance says how well the molecule was closed around it.",
    "pose": "Checks of single molecules by PoseBusters (Buttenschoen et al., Chem. Sci. 15, 3130, 2024).",
    "fragments": "Functional groups as RDKit's fragment patterns define them.",
}
"""Definitions, by term."""


def failure_words(reason: str) -> str:
    """A reason in a few words; as it is where it has none."""
    return FAILURES.get(reason, reason.replace("_", " "))


def percent(value: float, digits: int = 1) -> str:
    """``95.1``, without the sign; small shares keep a digit that says something."""
    if 0 < value < 0.5 * 10 ** -(digits + 2):
        return f"<{10**-digits:g}"
    return f"{100 * value:.{digits}f}"


def interval(rate: Rate, digits: int = 1) -> str:
    """``93.6 to 96.3 %``, with a space that does not break."""
    low, high = rate.interval
    return f"{100 * low:.{digits}f} to {100 * high:.{digits}f}\u00a0%"


def formula(text: str) -> Markup:
    """With its numbers as subscripts."""
    return Markup(re.sub(r"(\d+)", r"<sub>\1</sub>", str(escape(text))))


def number(value: float) -> str:
    """Three digits; what is next to nothing is 0."""
    return "0" if abs(value) < 5e-4 else f"{value:.3g}"


def breakable(path: str) -> Markup:
    """A path that may be broken after its slashes."""
    return Markup("/<wbr>").join(path.split("/"))


def spread(numbers: Numbers, unit: str = "") -> str:
    """``median 4.2 kcal/mol (5 to 95 %: 1.1 to 23)``."""
    low, _, median, _, high = numbers.quantiles
    return f"median {number(median)}{unit and ' ' + unit} (5 to 95\u00a0%: {number(low)} to {number(high)})"
