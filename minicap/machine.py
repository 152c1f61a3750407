"""What the system tells of the machine: the processor's name, and memory."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path


def processor_name() -> str:
    """Return the processor's name as its maker gives it, where the system tells.

    Returns
    -------
    str
    """
    try:
        if sys.platform == "darwin":
            command = ["sysctl", "-n", "machdep.cpu.brand_string"]
            return subprocess.run(command, capture_output=True, text=True, timeout=5).stdout.strip()
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    except (OSError, subprocess.SubprocessError):
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def memory() -> dict[str, int | None]:
    """Return the machine's memory and what of it is free.

    Returns
    -------
    dict of str to int or None
        ``total`` and ``available``, in bytes; None where the system does not tell.
    """
    found: dict[str, int | None] = {"total": None, "available": None}
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        found["total"] = os.sysconf("SC_PHYS_PAGES") * page
        found["available"] = os.sysconf("SC_AVPHYS_PAGES") * page
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):  # counts caches that the system would give back
                found["available"] = int(line.split()[1]) * 1024
    except (AttributeError, OSError, ValueError):
        pass
    return found
