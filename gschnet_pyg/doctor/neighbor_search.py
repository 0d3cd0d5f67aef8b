"""torch-cluster, or the twin that serves in its place."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from gschnet_pyg.doctor.findings import Check

INSTALL = (
    "pip install torch-cluster --no-build-isolation, after torch and with a C++ compiler, makes large data quicker"
)
AGAIN = (
    "pip install --force-reinstall --no-cache-dir --no-deps --no-build-isolation torch-cluster, with a C++ compiler, "
    "builds it for this torch; pip uninstall torch-cluster does without it"
)
TWIN = "an exact twin in plain PyTorch serves in its place, with equal results"

TRIAL = """
import json
import torch
from gschnet_pyg import neighbors
pos = torch.rand(120, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 6
ptr, found = torch.tensor([0, 40, 41, 120]), {"why": neighbors.WHY_TWIN}
if neighbors.HAS_TORCH_CLUSTER:
    by_cluster = neighbors.pairs_within(pos, ptr, 1.7)
    neighbors.HAS_TORCH_CLUSTER = False
    by_twin = neighbors.pairs_within(pos, ptr, 1.7)
    found["agrees"] = torch.equal(by_cluster.first, by_twin.first) and torch.equal(by_cluster.second, by_twin.second)
    import torch_cluster
    found["version"] = torch_cluster.__version__
print(json.dumps(found))
"""
"""Run in a process of its own: what was compiled for another torch may take its process down."""


def torch_cluster() -> Check:
    """Whether a real query gives the pairs that the twin gives."""
    name = "torch-cluster"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    trial = subprocess.run(
        [sys.executable, "-P", "-c", TRIAL], capture_output=True, text=True, env=environment, timeout=300
    )
    if trial.returncode < 0:
        return Check(name, "problem", f"takes the process down (signal {-trial.returncode}) when it is used", AGAIN)
    if trial.returncode:
        last = (trial.stderr.strip().splitlines() or ["no word"])[-1]
        return Check(name, "problem", f"cannot be tried: {last}", "put right first what is wrong with torch")
    found = json.loads(trial.stdout.splitlines()[-1])
    if found["why"] == "not installed":
        return Check(name, "note", f"not installed; {TWIN}", INSTALL)
    if found["why"]:
        return Check(name, "note", f"installed, but not usable ({found['why']}); {TWIN}", AGAIN)
    if not found["agrees"]:
        return Check(name, "problem", f"{found['version']} finds other neighbours than its twin", AGAIN)
    return Check(name, "ok", f"{found['version']}, finds the neighbours that its twin finds")
