"""Large variables lie on large pages, and are otherwise what they were."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from interestflow.models.layers.embedding.embedding_table import EmbeddingTable
from interestflow.models.layers.embedding.huge_pages import SMALLEST, advise_huge_pages
from interestflow.models.optimizers import SparseAdagrad

WIDTH = 16
ROWS = 2 * SMALLEST // (4 * WIDTH)
OFFERED = Path("/sys/kernel/mm/transparent_hugepage/enabled")
needs_large_pages = pytest.mark.skipif(
    not OFFERED.exists() or "[never]" in OFFERED.read_text(), reason="this system offers no large pages"
)


def kilobytes_on_large_pages() -> int:
    found = re.search(r"AnonHugePages:\s+(\d+) kB", Path("/proc/self/smaps_rollup").read_text())
    assert found is not None
    return int(found[1])


@needs_large_pages
def test_a_large_table_and_its_slots_lie_on_them_and_stay_there() -> None:
    """Each is 64 MB; a page at either end may belong to something else too."""
    before = kilobytes_on_large_pages()
    layer, optimizer = EmbeddingTable(ROWS, WIDTH), SparseAdagrad(0.1)
    layer.build()
    optimizer.build(layer.trainable_variables)

    @tf.function
    def step() -> None:
        gradient = tf.IndexedSlices(tf.ones((1, WIDTH)), tf.constant([7]), tf.constant([ROWS, WIDTH]))
        optimizer.apply([gradient], layer.trainable_variables)

    for _ in range(2):
        assert kilobytes_on_large_pages() - before >= 2 * (2 * SMALLEST // 1024) * 0.9
        step()
    assert kilobytes_on_large_pages() - before >= 2 * (2 * SMALLEST // 1024) * 0.9


def test_values_are_what_they_were() -> None:
    variable = keras.Variable("random_uniform", shape=(ROWS, WIDTH))
    before = variable.numpy()
    assert advise_huge_pages(variable) is variable
    np.testing.assert_array_equal(variable.numpy(), before)


def test_small_ones_and_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    small = keras.Variable([1.0, 2.0])
    assert advise_huge_pages(small) is small
    monkeypatch.setattr(sys, "platform", "darwin")
    large = keras.Variable(np.ones((ROWS, WIDTH), np.float32))
    assert advise_huge_pages(large) is large
