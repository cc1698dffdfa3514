"""What a process holds. The standard library alone, for any environment."""

from __future__ import annotations

import resource
from pathlib import Path


def resident_megabytes() -> float:
    """What this process holds, at the moment."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20
