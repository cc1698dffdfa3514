"""Resident memory of a process, using only the standard library, for any environment."""

from __future__ import annotations

import re
import resource
from pathlib import Path


def resident_megabytes() -> float:
    """Return the resident memory of this process, in MB of 2^20 bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def peak_megabytes(process: int | str = "self") -> float:
    """Return the peak resident memory of this or another process alone, in MB of 2^20 bytes.

    `getrusage` counts the process that started it too.
    """
    match = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    if match is None:
        raise RuntimeError(f"/proc/{process}/status should state `VmHWM`, received a file without it")
    return int(match[1]) / 1024
