"""Freed memory stays with the process, where there is glibc."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys
import torch
from gschnet_pyg.allocation import keep_freed_memory

if sys.argv[1] == "keep":
    keep_freed_memory()

def step():
    parts = [torch.ones(2**20) for _ in range(40)]

step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators decide for themselves")
def test_pages_are_not_asked_for_again() -> None:
    faults = [
        int(subprocess.run([sys.executable, "-c", SCRIPT, how], capture_output=True, check=True).stdout)
        for how in ("keep", "return")
    ]
    assert faults[0] < 0.1 * 5 * 40 * 2**20 * 4 / 4096  # a tenth of the pages that five rounds touch
    assert faults[0] < faults[1]
