"""Row-sparse optimizers equal Keras's own on the rows of the gradient, and change no other row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from interestflow.models.layers.embedding.declared_tables import mark_as_table
from interestflow.models.optimizers.row_sparse import LazyAdam, SparseAdagrad, sum_duplicates
from interestflow.models.optimizers.rowwise_adagrad import RowwiseAdagrad

ROWS, WIDTH = 6, 3
START = np.random.default_rng(0).normal(size=(ROWS, WIDTH)).astype(np.float32)
Step = Callable[[Any], Any]


def rows(ids: list[int], seed: int) -> tf.IndexedSlices:
    values = np.random.default_rng(seed).normal(size=(len(ids), WIDTH)).astype(np.float32)
    return tf.IndexedSlices(values, tf.constant(ids), (ROWS, WIDTH))


def train(optimizer: keras.optimizers.Optimizer, steps: list[list[int]], dense: bool = False) -> np.ndarray:
    """Return the table after a step for each list of ids, and a dense weight trained by the same optimizer."""
    table, weight = mark_as_table(keras.Variable(START)), keras.Variable(np.ones(2, np.float32))
    optimizer.build([table, weight])
    for step_index, ids in enumerate(steps):
        gradient = tf.convert_to_tensor(rows(ids, step_index)) if dense else rows(ids, step_index)
        optimizer.apply([gradient, tf.constant([0.5, -3.0])], [table, weight])
    return np.concatenate([table.numpy().ravel(), weight.numpy()])


@pytest.mark.parametrize("clip_norm", [None, 0.7])
def test_sparse_adagrad_is_adagrad(clip_norm: float | None) -> None:
    """Rows are used often, once, twice in a step, and never."""
    steps = [[1, 2], [2, 2, 4], [1, 4], [2]]
    options: dict[str, Any] = {"learning_rate": 0.3, "global_clipnorm": clip_norm}
    result, expected = train(SparseAdagrad(**options), steps), train(keras.optimizers.Adagrad(**options), steps, True)
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("clip_norm", [None, 0.7])
def test_lazy_adam_is_adam_where_every_step_uses_every_row(clip_norm: float | None) -> None:
    steps = [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0, 0], [2, 1, 0, 5, 3, 4]]
    options: dict[str, Any] = {"learning_rate": 0.1, "global_clipnorm": clip_norm}
    result, expected = train(LazyAdam(**options), steps), train(keras.optimizers.Adam(**options), steps, True)
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


def test_lazy_adam_leaves_a_row_alone_until_it_is_used_again() -> None:
    """Dense Adam keeps moving it."""
    steps = [[0, 1, 2, 3, 4, 5], [1]]
    lazy, after_one = train(LazyAdam(0.1), steps), train(LazyAdam(0.1), steps[:1])
    dense = train(keras.optimizers.Adam(0.1), steps, True)
    row = slice(2 * WIDTH, 3 * WIDTH)
    np.testing.assert_array_equal(lazy[row], after_one[row])
    assert np.abs(dense[row] - after_one[row]).min() > 0.01


@pytest.mark.parametrize("optimizer", [SparseAdagrad(0.1), RowwiseAdagrad(0.1), LazyAdam(0.1)], ids=lambda o: o.name)
def test_other_rows_and_their_slots_stay_as_they_were_bit_for_bit(optimizer: keras.optimizers.Optimizer) -> None:
    table = mark_as_table(keras.Variable(START))
    optimizer.build([table])
    optimizer.apply([rows([0, 1, 2, 3, 4, 5], 1)], [table])
    slots = [variable for variable in optimizer.variables if variable.shape[:1] == (ROWS,)]
    assert len(slots) == {"sparse_adagrad": 1, "rowwise_adagrad": 1, "lazy_adam": 2}[optimizer.name]
    before = [variable.numpy() for variable in (table, *slots)]
    optimizer.apply([rows([4, 1, 4], 2)], [table])
    for old, variable in zip(before, (table, *slots), strict=True):
        changed = np.any((old != variable.numpy()).reshape(ROWS, -1), axis=1)
        np.testing.assert_array_equal(changed, [False, True, False, False, True, False])


@pytest.mark.parametrize("kind", [SparseAdagrad, RowwiseAdagrad, LazyAdam])
@pytest.mark.parametrize("clip_norm", [None, 0.7])
def test_a_step_compiled_by_xla_is_the_same(kind: Any, clip_norm: float | None) -> None:
    """The first and the last row, duplicates, and a step whose ids are all one."""
    results = []
    for xla in (False, True):
        table, optimizer = mark_as_table(keras.Variable(START)), kind(0.3, global_clipnorm=clip_norm, for_xla=xla)
        optimizer.build([table])
        step = compiled_step(table, optimizer, xla)
        for step_index, ids in enumerate([[5, 0, 5, 2], [1, 1, 1, 1], [0, 1, 2, 5]]):
            gradient = rows(ids, step_index)
            step(gradient.values, gradient.indices)
        results.append([table, *optimizer.variables])
    for plain, compiled in zip(*results, strict=True):
        np.testing.assert_allclose(compiled, plain, rtol=1e-5, atol=1e-6)


def compiled_step(table: keras.Variable, optimizer: keras.optimizers.Optimizer, xla: bool) -> Any:
    @tf.function(jit_compile=xla)
    def step(values: Any, ids: Any) -> None:
        optimizer.apply([tf.IndexedSlices(values, ids, tf.constant([ROWS, WIDTH]))], [table])

    return step


def test_duplicates_are_summed() -> None:
    gradient = tf.IndexedSlices(tf.constant([[1.0], [10.0], [100.0], [1000.0]]), tf.constant([7, 3, 7, 7]), (9, 1))
    result = sum_duplicates(gradient)
    assert dict(zip(result.indices.numpy().tolist(), result.values.numpy()[:, 0].tolist(), strict=True)) == {
        7: 1101.0,
        3: 10.0,
    }


def test_the_norm_is_of_the_summed_rows() -> None:
    """Two halves of a row of 3, and a weight of 4, have norm 5, clipped to 1.

    Adagrad from an accumulator of 0 steps by the sign, so the accumulators are read: 0.6^2 and 0.8^2.
    """
    table, weight = keras.Variable([[0.0]]), keras.Variable([0.0])
    optimizer = SparseAdagrad(0.1, initial_accumulator_value=0.0, global_clipnorm=1.0)
    optimizer.build([table, weight])
    halves = tf.IndexedSlices(tf.constant([[1.5], [1.5]]), tf.constant([0, 0]), (1, 1))
    optimizer.apply([halves, tf.constant([4.0])], [table, weight])
    np.testing.assert_allclose(optimizer._accumulators[0].numpy(), [[0.36]], rtol=1e-6)
    np.testing.assert_allclose(optimizer._accumulators[1].numpy(), [0.64], rtol=1e-6)


def test_adagrad_by_hand() -> None:
    """a = 0.1 + 2^2 = 4.1; 1 - 0.5 * 2 / sqrt(4.1)."""
    table = keras.Variable([[9.0], [1.0]])
    optimizer = SparseAdagrad(0.5)
    optimizer.build([table])
    optimizer.apply([tf.IndexedSlices(tf.constant([[2.0]]), tf.constant([1]), (2, 1))], [table])
    np.testing.assert_allclose(table.numpy(), [[9.0], [1.0 - 1.0 / np.sqrt(4.1)]], rtol=1e-6)


@pytest.mark.parametrize(
    "optimizer",
    [SparseAdagrad(0.3, global_clipnorm=2.0), RowwiseAdagrad(0.3, epsilon=1e-3), LazyAdam(0.3, beta_1=0.8)],
    ids=lambda optimizer: optimizer.name,
)
def test_it_is_rebuilt_from_its_configuration(optimizer: keras.optimizers.Optimizer) -> None:
    other = type(optimizer).from_config(optimizer.get_config())
    assert other.get_config() == optimizer.get_config()
    np.testing.assert_array_equal(
        train(other, [[1, 2]]), train(type(optimizer).from_config(other.get_config()), [[1, 2]])
    )


@pytest.mark.parametrize("option", ["weight_decay", "use_ema", "clipvalue"])
def test_options_that_would_touch_every_row_are_not_offered(option: str) -> None:
    with pytest.raises(TypeError, match=option):
        SparseAdagrad(0.1, **{option: 0.1})


def test_loss_scaling_of_half_precision_keeps_gradients_sparse() -> None:
    """Keras wraps the optimizer of a float16 model: gradients come scaled, and steps that overflow are skipped."""
    table = keras.Variable(START, name="table")
    optimizer = keras.optimizers.LossScaleOptimizer(SparseAdagrad(0.3), initial_scale=8.0)
    optimizer.build([table])
    gradient = rows([1, 1], 0)
    optimizer.apply([tf.IndexedSlices(gradient.values * 8.0, gradient.indices, (ROWS, WIDTH))], [table])
    expected = train(SparseAdagrad(0.3), [[1, 1]])[: ROWS * WIDTH]
    np.testing.assert_allclose(table.numpy().ravel(), expected, rtol=1e-6)
    optimizer.apply([tf.IndexedSlices(gradient.values * np.inf, gradient.indices, (ROWS, WIDTH))], [table])
    np.testing.assert_allclose(table.numpy().ravel(), expected, rtol=1e-6)
    assert float(optimizer.dynamic_scale) == 4.0
