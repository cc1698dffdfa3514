"""Memory of batches, used again once nothing refers to it: new memory costs a page fault for every 4 KB of a batch."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

ALIGNMENT = 64
"""Bytes; TensorFlow takes arrays that are aligned so without copying them."""
REFERENCES_OF_UNUSED = 2
"""References to an array that only a `BatchMemory` holds, as `sys.getrefcount` counts them: its argument is one."""
TensorTypes: TypeAlias = Mapping[str, tuple[tuple[int, ...], np.dtype]]
"""Shape and type by name."""


class BatchMemory:
    """Memory for the batches that one thread gathers.

    A batch is one array of bytes that its tensors are views of. It is unused once no tensor of it is left, in Python or
    in TensorFlow, which holds the arrays that it was given until it has consumed them.
    """

    def __init__(self) -> None:
        """Begin without memory."""
        self._arrays: list[np.ndarray] = []

    def tensors(self, types: TensorTypes) -> dict[str, np.ndarray]:
        """Return uninitialised tensors of these shapes and types by name, whose memory is aligned for TensorFlow."""
        sizes = {name: math.prod(shape) * dtype.itemsize for name, (shape, dtype) in types.items()}
        memory = self._unused(sum(-(-size // ALIGNMENT) * ALIGNMENT for size in sizes.values()) + ALIGNMENT)
        begin = -memory.__array_interface__["data"][0] % ALIGNMENT
        tensors = {}
        for name, (shape, dtype) in types.items():
            tensors[name] = memory[begin : begin + sizes[name]].view(dtype).reshape(shape)
            begin += -(-sizes[name] // ALIGNMENT) * ALIGNMENT
        return tensors

    def _unused(self, size: int) -> np.ndarray:
        """Return an array of at least `size` bytes that nothing refers to."""
        for position in range(len(self._arrays)):
            if sys.getrefcount(self._arrays[position]) == REFERENCES_OF_UNUSED:
                if self._arrays[position].nbytes < size:
                    self._arrays[position] = np.empty(size, np.uint8)
                return self._arrays[position]
        self._arrays.append(np.empty(size, np.uint8))
        return self._arrays[-1]


class ThreadMemory(threading.local):
    """Memory of the calling thread; it is released when the thread ends.

    Attributes:
        batches: Memory of its batches.
        scratch: Memory of what it copies a batch from.
    """

    def __init__(self) -> None:
        """Create the memory of a thread that uses it for the first time."""
        self.batches = BatchMemory()
        self.scratch = BatchMemory()


THREAD_MEMORY = ThreadMemory()
