"""One check after the other; none of them keeps the others from being made."""

from __future__ import annotations

from collections.abc import Callable

from gschnet_pyg.doctor import machine, neighbor_search, software, surroundings
from gschnet_pyg.doctor.findings import Check, Diagnosis

EXAMINERS: dict[str, Callable[[], Check]] = {
    "Python": software.python,
    "gschnet_pyg": software.package,
    "dependencies": software.dependencies,
    "torch": software.torch,
    "torch-geometric": software.torch_geometric,
    "torch-cluster": neighbor_search.torch_cluster,
    "Lightning": software.lightning,
    "RDKit": software.rdkit,
    "ASE": software.ase,
    "PoseBusters": software.posebusters,
    "wandb": surroundings.wandb,
    "GPU": machine.gpu,
    "processor": machine.processor,
    "memory": machine.memory,
    "disk": machine.disk,
    "cache": surroundings.cache,
    "terminal": surroundings.terminal,
}
"""In the order in which they are told."""


def examine(tell: Callable[[str], None] = lambda name: None) -> Diagnosis:
    """Look at everything that the package needs; takes a few seconds, and no network.

    Args:
        tell: takes the name of what is looked at next.
    """
    checks = []
    for name, look in EXAMINERS.items():
        tell(name)
        try:
            checks.append(look())
        except Exception as error:  # whatever is broken in whatever way is a finding
            found = f"could not be looked at: {type(error).__name__}: {error}"
            checks.append(Check(name, "problem", " ".join(found.split()), "please report this finding"))
    return Diagnosis(tuple(checks))
