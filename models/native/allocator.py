"""Settings of the C library's allocator, which TensorFlow takes the memory of every tensor from."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3  # From malloc.h.
LARGEST_REUSED = 32 * 2**20
"""Size in bytes up to which a freed block is kept; larger ones, such as tables, go back to the system at once."""
MOST_KEPT = 2**30
"""Bytes at the end of the heap that are kept rather than given back."""


def keep_freed_memory() -> bool:
    """Keep freed tensors of up to 32 MB for those of the next step, instead of giving them back to the system.

    By default glibc maps and unmaps blocks of megabytes again and again, and the system fills each page with zeros when
    it is first touched: several thousand page faults in each step of DIN. In exchange the process may hold as much as
    `MOST_KEPT` more than it uses.

    Returns:
        Whether the allocator took all settings, which only glibc does.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform.startswith("linux") else None
    if mallopt is None:
        return False
    settings = {M_MMAP_THRESHOLD: LARGEST_REUSED, M_TRIM_THRESHOLD: MOST_KEPT, M_TOP_PAD: LARGEST_REUSED}
    results = [mallopt(name, value) for name, value in settings.items()]
    return all(result == 1 for result in results)
