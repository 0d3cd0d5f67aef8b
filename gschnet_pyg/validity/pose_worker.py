"""PoseBusters' checks of one molecule, for worker processes.

PoseBusters brings pandas. It is imported here and nowhere else, so that a worker has it before its first molecule,
and nobody needs it who does not ask for these checks.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from functools import cache
from typing import Any

import posebusters  # type: ignore[import-not-found,unused-ignore]
from rdkit import Chem, rdBase

from gschnet_pyg.bonds import PerceptionOptions, perceive
from gschnet_pyg.validity.checks import Molecule

rdBase.LogToCppStreams()  # as it is by default; PoseBusters sends RDKit's log elsewhere

VERSION: str = posebusters.__version__

_ENERGY = "energy_ratio"
_COUNTS = {
    "bond_lengths": "number_bonds",
    "bond_angles": "number_angles",
    "internal_steric_clash": "number_noncov_pairs",
    "aromatic_ring_flatness": "number_aromatic_rings_checked",
    "non-aromatic_ring_non-flatness": "number_non-aromatic_rings_checked",
    "double_bond_flatness": "number_double_bonds_checked",
}
"""Check -> how many things it has looked at; it passes where there is nothing to look at."""


def pose_checks(
    molecule: Molecule, options: PerceptionOptions, with_energy: bool = True
) -> dict[str, bool | None] | str:
    """PoseBusters' ``mol`` checks of one molecule.

    Args:
        molecule: ``(z [N], pos [N, 3] Å)``.
        options: how bonds are perceived.
        with_energy: check the energy too, for which the molecule is embedded fifty times; else it does not apply.

    Returns:
        Check -> whether the molecule passes, none where it does not apply; or the reason why nothing was checked:
        ``not_valid``, or the type of the exception that PoseBusters raised.

    Source:
        Buttenschoen, Morris and Deane, Chem. Sci. 15, 3130 (2024).
    """
    mol = perceive(*molecule, options=options).mol
    if mol is None:
        return "not_valid"
    with rdBase.BlockLogs(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("posebusters").setLevel(logging.CRITICAL)
        try:
            # a copy: one of the checks sanitises what it is given
            found = _buster(with_energy).bust([Chem.Mol(mol)], full_report=True).iloc[0].to_dict()
        except Exception as error:  # it works on whatever a model has made; it is counted and reported
            return type(error).__name__
    return {name: _passes(name, found) for name in _checks()}


@cache
def _buster(with_energy: bool) -> Any:
    """PoseBusters as configured; a thread for every core would need more memory than a worker may have."""
    buster = posebusters.PoseBusters(config="mol", max_workers=0)
    modules = buster.config["modules"]
    for module in modules:
        if module["function"] == _ENERGY:
            module.setdefault("parameters", {})["num_threads"] = 1
    if not with_energy:
        buster.config["modules"] = [module for module in modules if module["function"] != _ENERGY]
    return buster


@cache
def _checks() -> tuple[str, ...]:
    """Names of the columns that hold a check, in the order of the configuration."""
    names = [
        module.get("rename_outputs", {}).get(output, output)
        for module in _buster(with_energy=True).config["modules"]
        for output in module.get("chosen_binary_test_output", [])
    ]
    return tuple(name.lower().replace(" ", "_") for name in names)


def _passes(name: str, found: Mapping[str, Any]) -> bool | None:
    value = found.get(name)
    if found.get(_COUNTS.get(name, "")) == 0 or value is None or value != value:  # NaN where the check has failed
        return None
    return bool(value)
