"""Cross-entropy under masks, and the mini-batch-aware L2: its value, and its gradient row by row."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from interestflow.models.layers.embedding.embedding_table import EmbeddingTable
from interestflow.models.losses.click import MiniBatchAwareL2, masked_binary_cross_entropy


def test_cross_entropy_is_the_mean_over_labelled_examples() -> None:
    """ln(1 + e^-1) and ln(1 + e^2); the third, ln(1 + e^50), has no label."""
    labels, scores = np.array([1.0, 0.0, 0.0]), np.array([1.0, 2.0, 50.0])
    labelled = (np.log1p(np.exp(-1.0)) + np.log1p(np.exp(2.0))) / 2
    assert float(masked_binary_cross_entropy(labels, scores, np.array([1.0, 1.0, 0.0]))) == pytest.approx(labelled)
    everywhere = (2 * labelled + 50.0) / 3
    assert float(masked_binary_cross_entropy(labels, scores)) == pytest.approx(everywhere)
    assert float(masked_binary_cross_entropy(labels, scores, np.zeros(3))) == 0.0


def test_cross_entropy_of_large_logits_is_finite() -> None:
    loss = masked_binary_cross_entropy(np.array([0.0, 1.0]), np.array([1e4, 1e4], np.float16))
    assert loss.dtype == "float32"
    assert float(loss) == pytest.approx(5e3, rel=1e-3)  # 10,000 rounded to float16, over two


def mini_batch_aware(ids: list[int], counts: np.ndarray | None) -> tuple[float, np.ndarray]:
    """Return loss and dense gradient of a table whose row i is (i, 1), with a strength of 0.1."""
    table = EmbeddingTable(5, 2)
    table.build()
    table.table.assign(np.stack([np.arange(5.0), np.ones(5)], axis=1))
    penalty = MiniBatchAwareL2(0.1, 5, counts)
    with tf.GradientTape() as tape:
        loss = penalty(tf.constant(ids), table.table)
    gradient = tape.gradient(loss, table.table.value)
    assert isinstance(gradient, tf.IndexedSlices), "the cost should follow the batch, not the table"
    return float(loss), tf.convert_to_tensor(gradient).numpy()


def test_mini_batch_aware_l2() -> None:
    """Ids are 3 (three times), 1 and padding; n_1 = 2, n_3 = 4. 0.05 * (|1, 1|^2 / 2 + |3, 1|^2 / 4) = 0.05 * 3.5."""
    loss, gradient = mini_batch_aware([3, 0, 1, 3, 0, 3], np.array([7.0, 2.0, 9.0, 4.0, 9.0]))
    assert loss == pytest.approx(0.175)
    # strength * w / n for the ids of the batch, zero for others, including padding.
    np.testing.assert_allclose(gradient, [[0, 0], [0.05, 0.05], [0, 0], [0.075, 0.025], [0, 0]], rtol=1e-6)


def test_an_id_without_a_count_has_a_count_of_one() -> None:
    """0.05 * |2, 1|^2."""
    assert mini_batch_aware([2], np.zeros(5))[0] == mini_batch_aware([2], None)[0] == pytest.approx(0.25)


def test_a_batch_of_padding_costs_nothing() -> None:
    loss, gradient = mini_batch_aware([0, 0], None)
    assert loss == 0.0
    assert not gradient.any()


def test_arguments_out_of_range_are_rejected() -> None:
    with pytest.raises(ValueError, match="`strength` should be more than 0, received 0"):
        MiniBatchAwareL2(0.0, 5)
    with pytest.raises(ValueError, match=r"`counts` should have shape \(5,\), received \(4,\)"):
        MiniBatchAwareL2(0.1, 5, np.ones(4))
