"""Resident memory of a process, using only the standard library, for any environment."""

from __future__ import annotations

import resource
from pathlib import Path


def resident_megabytes() -> float:
    """Return the resident memory of this process, in MB of 2^20 bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20
