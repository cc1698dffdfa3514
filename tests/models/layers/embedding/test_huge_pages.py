"""The kernel is advised about whole huge pages of large variables, whose values stay the same.

Whether the kernel follows the advice depends on the huge pages it has free: `benchmarks/huge_pages.py` measures that.
"""

from __future__ import annotations

import ctypes
import sys

import keras
import numpy as np
import pytest

from interestflow.models.layers.embedding.embedding_table import EmbeddingTable
from interestflow.models.layers.embedding.huge_pages import (
    MADV_COLLAPSE,
    MADV_HUGEPAGE,
    PAGE,
    SMALLEST,
    advise_huge_pages,
)
from interestflow.models.optimizers import SparseAdagrad

WIDTH = 16
ROWS = SMALLEST // (4 * WIDTH)
needs_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux is advised")


class RecordingKernel:
    """Stands for the C library, and records the advice."""

    def __init__(self) -> None:
        self.advice: list[tuple[int, int, int]] = []

    def __call__(self, _: None) -> RecordingKernel:
        return self

    def madvise(self, address: ctypes.c_void_p, length: ctypes.c_size_t, advice: int) -> None:
        self.advice.append((address.value or 0, length.value, advice))


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> RecordingKernel:
    recording = RecordingKernel()
    monkeypatch.setattr(ctypes, "CDLL", recording)
    return recording


@pytest.fixture(scope="module")
def large() -> keras.Variable:
    return keras.Variable(np.random.default_rng(1).random((ROWS, WIDTH), np.float32))


@needs_linux
def test_the_advice_is_of_the_whole_pages_of_a_variable(kernel: RecordingKernel, large: keras.Variable) -> None:
    advise_huge_pages(large)
    memory = np.frombuffer(memoryview(large.value.read_value()), np.uint8)
    begin, end = memory.ctypes.data, memory.ctypes.data + memory.nbytes
    assert [advice for _, _, advice in kernel.advice] == [MADV_HUGEPAGE, MADV_COLLAPSE]
    for address, length, _ in kernel.advice:
        assert address % PAGE == length % PAGE == 0
        assert begin <= address < begin + PAGE
        assert end - PAGE < address + length <= end


@needs_linux
def test_a_table_and_its_slots_are_advised(kernel: RecordingKernel) -> None:
    layer, optimizer = EmbeddingTable(ROWS, WIDTH, initializer="zeros"), SparseAdagrad(0.1)
    layer.build()
    assert len(kernel.advice) == 2
    optimizer.build(layer.trainable_variables)
    assert len(kernel.advice) == 4


def test_values_stay_the_same(large: keras.Variable) -> None:
    before = large.numpy()
    assert advise_huge_pages(large) is large
    np.testing.assert_array_equal(large.numpy(), before)


def test_small_variables_are_left_alone(kernel: RecordingKernel) -> None:
    small = keras.Variable([1.0, 2.0])
    assert advise_huge_pages(small) is small
    assert kernel.advice == []


def test_other_systems_are_left_alone(
    kernel: RecordingKernel, large: keras.Variable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert advise_huge_pages(large) is large
    assert kernel.advice == []
