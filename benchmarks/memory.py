"""Peak memory of the work of a process."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import torch

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class PeakMemory:
    """Bytes that work needs beyond what was held when this was made.

    On a GPU, what PyTorch has allocated; else the resident memory of the process, whose high-water mark starts anew
    here where the system allows it (Linux), and else counts from the start of the process.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        if device.type == "cuda":
            torch.cuda.synchronize(device)
            torch.cuda.reset_peak_memory_stats(device)
            self.held = torch.cuda.memory_allocated(device)
            return
        if _RESET.exists():
            _RESET.write_text("5")  # the mark falls to what is resident now
        self.held = _high_water()

    def read(self) -> int:
        """The highest so far."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device) - self.held
        return _high_water() - self.held


def _high_water() -> int:
    if _STATUS.exists():
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    # of the whole life of the process; in bytes on macOS, in kB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
