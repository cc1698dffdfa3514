"""Huge memory pages for large tables, whose lookups touch rows that lie far apart.

With Linux's default pages of 4 KB the processor's TLB covers a small part of a large table, so that nearly every lookup
walks the page table; pages of 2 MB are few enough to be covered. On 10 million rows of 16 numbers, huge pages saved a
quarter of the time of looking up a batch, and a sixth of the time of updating it: `benchmarks/huge_pages.py`.
"""

from __future__ import annotations

import ctypes
import math
import sys

import keras
import numpy as np

SMALLEST = 2**25
"""Size in bytes from which huge pages pay off; the TLB covers all pages of a smaller table."""
PAGE = 2**21
"""Size of a huge page in bytes."""
MADV_HUGEPAGE, MADV_COLLAPSE = 14, 25  # From linux/mman.h; MADV_COLLAPSE exists since Linux 6.1.


def advise_huge_pages(variable: keras.Variable) -> keras.Variable:
    """Ask Linux to move the values of `variable`, which do not change, to pages of 2 MB.

    This is advice. Nothing happens for small variables, on other systems, on devices other than the CPU, or if Linux
    has no free huge page. Values that are later assigned as a whole lie elsewhere, on whatever pages there are, and so
    do optimizer slots that are created while a step is traced rather than by `optimizer.build` before.

    Args:
        variable: a built variable.

    Returns:
        The same variable.
    """
    if keras.backend.backend() != "tensorflow" or not sys.platform.startswith("linux"):
        return variable
    import tensorflow as tf

    # A variable of a graph that is being traced has no values yet.
    if not tf.executing_eagerly() or tf.distribute.has_strategy() or "CPU" not in variable.value.device:
        return variable
    if 4 * math.prod(variable.shape) < SMALLEST:
        return variable
    # The tensor that is read shares its memory with the variable, and lives only as long as this call.
    memory = np.frombuffer(memoryview(variable.value.read_value()), np.uint8)
    first = -(-memory.ctypes.data // PAGE) * PAGE
    length = (memory.ctypes.data + memory.nbytes - first) // PAGE * PAGE
    madvise = ctypes.CDLL(None).madvise
    for advice in (MADV_HUGEPAGE, MADV_COLLAPSE):
        madvise(ctypes.c_void_p(first), ctypes.c_size_t(length), advice)
    return variable
