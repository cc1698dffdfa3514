"""Memory of batches that is used again, but never while something refers to it."""

from __future__ import annotations

import numpy as np

from interestflow.pipeline.training.batch_memory import ALIGNMENT, BatchMemory

TYPES = {
    "item": ((3,), np.dtype(np.int64)),
    "label": ((3,), np.dtype(np.float32)),
    "history": ((3, 5), np.dtype(np.int64)),
}


def address(tensor: np.ndarray) -> int:
    return tensor.__array_interface__["data"][0]


def test_tensors_are_aligned_and_apart() -> None:
    tensors = BatchMemory().tensors(TYPES)
    for position, (name, (shape, dtype)) in enumerate(TYPES.items()):
        assert (tensors[name].shape, tensors[name].dtype) == (shape, dtype)
        assert address(tensors[name]) % ALIGNMENT == 0
        tensors[name][...] = position
    assert [np.unique(tensors[name]).tolist() for name in TYPES] == [[0], [1], [2]]


def test_memory_is_used_again_once_no_tensor_is_left() -> None:
    memory = BatchMemory()
    first = memory.tensors(TYPES)
    begin = address(first["item"])
    kept = first.pop("label")
    del first
    second = memory.tensors(TYPES)
    assert address(second["item"]) != begin  # the labels of the first batch are still there
    del kept
    assert address(memory.tensors(TYPES)["item"]) == begin


def test_memory_grows_where_it_is_too_small() -> None:
    memory = BatchMemory()
    del memory.tensors(TYPES)["item"]
    large = memory.tensors({"item": ((10_000,), np.dtype(np.int64))})["item"]
    large[...] = 1
    assert large.sum() == 10_000
