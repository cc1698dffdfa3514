"""Two small tables instead of a large one: vectors by hand, unique for each id, and sparse gradients."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from interestflow.models.inputs import QuotientRemainder
from interestflow.models.layers.embedding.declared_tables import is_table
from interestflow.models.layers.embedding.embedding_table import EmbeddingTable
from interestflow.models.layers.embedding.quotient_remainder import QuotientRemainderTable, build_table

QUOTIENTS = np.array([[2.0, 1.0], [3.0, -1.0]], np.float32)
REMAINDERS = np.array([[1.0, 10.0], [5.0, 20.0], [7.0, 30.0], [11.0, 40.0]], np.float32)


def build_small(**options: object) -> QuotientRemainderTable:
    """Build a table of ids 0 to 6 in buckets of 4, so that quotients are 0 and 1."""
    layer = QuotientRemainderTable(7, 2, 4, **options)
    layer.build()
    layer.quotient.assign(QUOTIENTS)
    layer.remainder.assign(REMAINDERS)
    return layer


def test_vectors_by_hand_and_zeros_for_padding() -> None:
    """Id 1 has quotient 0 and remainder 1, id 6 has 1 and 2."""
    ids = np.array([[1, 0], [6, 4]])
    np.testing.assert_array_equal(build_small()(ids), [[[10.0, 20.0], [0.0, 0.0]], [[21.0, -30.0], [3.0, -10.0]]])
    added = build_small(combine="sum")(ids)
    np.testing.assert_array_equal(added, [[[7.0, 21.0], [0.0, 0.0]], [[10.0, 29.0], [4.0, 9.0]]])


@pytest.mark.parametrize("combine", ["product", "sum"])
@pytest.mark.parametrize(("rows", "buckets"), [(1000, 32), (1000, 999), (1000, 2), (1001, 100)])
def test_every_id_has_a_vector_of_its_own(combine: str, rows: int, buckets: int) -> None:
    layer = QuotientRemainderTable(rows, 4, buckets, combine)
    vectors = np.asarray(layer(np.arange(rows)))
    assert len(np.unique(vectors, axis=0)) == rows
    assert sum(weight.shape[0] for weight in layer.weights) == -(-rows // buckets) + buckets


def test_initial_vectors_are_about_as_long_as_those_of_a_plain_table() -> None:
    """Uniform from -0.05 to 0.05, 0.05 / sqrt(3), times uniform from 0.5 to 1.5, whose mean square is 13 / 12."""
    keras.utils.set_random_seed(0)
    spread = np.asarray(QuotientRemainderTable(10_001, 8, 100)(np.arange(1, 10_001))).std()
    assert spread == pytest.approx(0.05 / np.sqrt(3) * np.sqrt(13 / 12), rel=0.1)


def test_the_penalty_is_on_the_vectors_in_use() -> None:
    """Id 1 comes twice, |10, 20|^2 = 500, in two examples: 0.5 * 0.1 * 1000 / 2."""
    layer = build_small(l2=0.1)
    layer(np.array([[1, 1], [0, 0]]), training=True)
    assert [float(loss) for loss in layer.losses] == [pytest.approx(25.0)]


def test_gradients_are_sparse_for_both_tables() -> None:
    """For ids 6 and 0, the quotient's gradient is the remainder's row and vice versa; padding has none."""
    layer = build_small()
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(np.array([6, 0])))
    gradients = tape.gradient(total, [layer.quotient.value, layer.remainder.value])
    assert all(isinstance(gradient, tf.IndexedSlices) for gradient in gradients)
    quotient, remainder = (tf.convert_to_tensor(gradient).numpy() for gradient in gradients)
    np.testing.assert_array_equal(quotient, [[0.0, 0.0], [7.0, 30.0]])
    np.testing.assert_array_equal(remainder, [[0.0, 0.0], [0.0, 0.0], [3.0, -1.0], [0.0, 0.0]])
    assert is_table(layer.quotient)
    assert is_table(layer.remainder)


def test_it_is_rebuilt_from_its_configuration() -> None:
    layer = QuotientRemainderTable.from_config(build_small(l2=0.5, combine="sum").get_config())
    assert (layer.rows, layer.dimension, layer.buckets, layer.combine, layer.l2) == (7, 2, 4, "sum", 0.5)


@pytest.mark.parametrize("buckets", [1, 7])
def test_arguments_out_of_range_are_rejected(buckets: int) -> None:
    expected = f"`buckets` should be at least 2 and less than the 7 rows, received {buckets}"
    with pytest.raises(ValueError, match=expected):
        QuotientRemainderTable(7, 2, buckets)
    with pytest.raises(ValueError, match="`combine` should be product or sum, received 'concat'"):
        QuotientRemainderTable(7, 2, 3, "concat")


def test_the_layout_selects_the_table() -> None:
    assert type(build_table(7, 2, None)) is EmbeddingTable
    small = build_table(7, 2, QuotientRemainder(3, "sum"), 0.5, "user")
    assert isinstance(small, QuotientRemainderTable)
    assert (small.rows, small.buckets, small.combine, small.l2, small.name) == (7, 3, "sum", 0.5, "user")
