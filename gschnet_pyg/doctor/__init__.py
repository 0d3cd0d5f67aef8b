"""What this machine has and lacks, and what to do about it."""

from gschnet_pyg.doctor.examination import examine
from gschnet_pyg.doctor.findings import Check, Diagnosis

__all__ = ["Check", "Diagnosis", "examine"]
