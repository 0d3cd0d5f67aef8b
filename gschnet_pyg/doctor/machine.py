"""Processors, GPUs, memory and disks."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from gschnet_pyg.doctor.findings import Check

GB = 1e9
CPU_ALONE = "training and generation run on the CPU"


def gpu() -> Check:
    """What PyTorch can use of the GPUs that are there."""
    try:
        import torch
    except Exception:  # whatever it is, the check of torch itself says it
        return Check("GPU", "note", "cannot be told without torch", "put right first what is wrong with torch")
    if torch.cuda.is_available():
        return _usable(torch)
    driver = _nvidia_driver()
    if driver is None:
        mps = getattr(torch.backends, "mps", None)
        if mps is not None and mps.is_available():
            return Check("GPU", "ok", f"Apple's, which this package does not use; {CPU_ALONE}")
        return Check("GPU", "ok", f"none; {CPU_ALONE}")
    if torch.version.cuda is None:
        remedy = (
            "pip install --force-reinstall torch takes a build for CUDA on Linux; it must not be newer than "
            f"{driver.removeprefix('driver ')} allows; build torch-cluster anew after it"
        )
        return Check("GPU", "note", f"NVIDIA ({driver}), but torch is built for the CPU; {CPU_ALONE}", remedy)
    remedy = (
        f"update the driver, or install a torch that is built for an older CUDA than {torch.version.cuda}; "
        "and see that CUDA_VISIBLE_DEVICES is not empty"
    )
    found = f"NVIDIA ({driver}), but torch, built for CUDA {torch.version.cuda}, cannot use it; {CPU_ALONE}"
    return Check("GPU", "note", found, remedy)


def _usable(torch: Any) -> Check:
    """GPUs that torch sees, each with a small computation."""
    names, architectures = [], torch.cuda.get_arch_list()
    for number in range(torch.cuda.device_count()):
        device = torch.cuda.get_device_properties(number)
        name = f"{device.name}, {device.total_memory / GB:.0f} GB, capability {device.major}.{device.minor}"
        try:
            if float(torch.ones(3, device=f"cuda:{number}").sum()) != 3:
                raise ArithmeticError("it cannot add")
        except (RuntimeError, ArithmeticError) as error:
            found = f"{name}: does not compute: {str(error).splitlines()[0]} (torch knows {', '.join(architectures)})"
            remedy = "install a torch that is built for this capability; until then training.accelerator=cpu works"
            return Check("GPU", "problem", found, remedy)
        names.append(name)
    driver = _nvidia_driver()
    return Check("GPU", "ok", "; ".join(names) + (f"; {driver}" if driver else ""))


def _nvidia_driver() -> str | None:
    """Version of the driver of NVIDIA's GPUs; none if there are none."""
    if program := shutil.which("nvidia-smi"):
        query = [program, "--query-gpu=name,driver_version", "--format=csv,noheader"]
        try:
            answer = subprocess.run(query, capture_output=True, text=True, timeout=30)
        except (OSError, subprocess.TimeoutExpired):
            return "driver that does not answer"
        if answer.returncode == 0 and answer.stdout.strip():
            name, _, version = answer.stdout.splitlines()[0].rpartition(", ")
            return f"driver {version}, {name}"
    if Path("/proc/driver/nvidia/version").is_file():
        return "driver without nvidia-smi"
    return None


def processor() -> Check:
    """Cores, and how many of them this process may use."""
    from gschnet_pyg.workers.pool import available_cores

    usable, total = available_cores(), os.cpu_count() or 1
    found = f"{usable} cores" if usable == total else f"{usable} of {total} cores"
    if (limit := os.environ.get("OMP_NUM_THREADS")) is not None:
        found += f"; OMP_NUM_THREADS={limit}"
    return Check("processor", "ok", found)


def memory() -> Check:
    """Free memory."""
    total = free = None
    table = Path("/proc/meminfo")
    if table.is_file():
        entries = dict(line.split(":", 1) for line in table.read_text().splitlines() if ":" in line)
        total, free = (int(entries[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    elif "SC_PHYS_PAGES" in os.sysconf_names:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if total is None:
        return Check("memory", "ok", "unknown on this system")
    limit = _limit_of_container()
    if limit is not None and limit < total:
        total, free = limit, None if free is None else min(free, limit)
    if free is None:
        return Check("memory", "ok", f"{total / GB:.1f} GB")
    found = f"{free / GB:.1f} of {total / GB:.1f} GB free"
    if free < 2 * GB:
        remedy = "close other programs, or take smaller batches (training.batch_size, generate --batch-size)"
        return Check("memory", "note", found, remedy)
    return Check("memory", "ok", found)


def _limit_of_container() -> int | None:
    """Bytes that a container may use; none without a limit."""
    path = Path("/sys/fs/cgroup/memory.max")
    text = path.read_text().strip() if path.is_file() else "max"
    return int(text) if text.isdigit() else None


def disk() -> Check:
    """Space where runs will be written."""
    here = Path.cwd()
    usage = shutil.disk_usage(here)
    found = f"{usage.free / GB:.1f} of {usage.total / GB:.1f} GB free in {here}"
    if not os.access(here, os.W_OK):
        return Check("disk", "note", f"{here} cannot be written to", "work in another folder, or run.directory=FOLDER")
    if usage.free < GB:
        return Check("disk", "problem", found, "make room, or write elsewhere: run.directory=FOLDER")
    return Check("disk", "ok", found)
