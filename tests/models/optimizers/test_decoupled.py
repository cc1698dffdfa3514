"""Embedding tables and other weights have separate optimizers, and each behaves as it does alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from interestflow.models.layers.embedding.declared_tables import mark_as_table
from interestflow.models.layers.embedding.embedding_table import EmbeddingTable
from interestflow.models.optimizers import Decoupled, LazyAdam, RowwiseAdagrad, SparseAdagrad

ROWS = [tf.IndexedSlices(tf.fill((2, 2), value), tf.constant([1, 1]), (3, 2)) for value in (1.0, -2.0, 0.5)]
DENSE = [tf.constant([value, 1.0]) for value in (3.0, -1.0, 0.2)]


def train(optimizer: keras.optimizers.Optimizer, *gradients: list[Any]) -> list[np.ndarray]:
    """Return variables of ones, one for each list of gradients, after a step for each; sparse ones are of a table."""
    variables = [
        mark_as_table(keras.Variable(np.ones((3, 2), np.float32)))
        if isinstance(steps[0], tf.IndexedSlices)
        else keras.Variable(np.ones(2, np.float32))
        for steps in gradients
    ]
    optimizer.build(variables)
    for together in zip(*gradients, strict=True):
        optimizer.apply(list(together), variables)
    return [variable.numpy() for variable in variables]


@pytest.mark.parametrize("tables", [SparseAdagrad, RowwiseAdagrad, LazyAdam])
def test_each_optimizer_acts_as_if_alone(tables: Any) -> None:
    """Three steps, of which Adam's bias correction counts each; between them the table's rate is another."""
    together = train(Decoupled(tables(0.3), keras.optimizers.Adam(0.01)), DENSE, ROWS)
    np.testing.assert_allclose(together[0], train(keras.optimizers.Adam(0.01), DENSE)[0], rtol=1e-6)
    np.testing.assert_allclose(together[1], train(tables(0.3), ROWS)[0], rtol=1e-6)


def test_the_norm_is_over_the_gradients_of_both() -> None:
    """A row of 2 and 2, the sum of two, and a weight's 3 and 1 have norm sqrt(8 + 10), clipped to 1; SGD shows it."""
    optimizer = Decoupled(SparseAdagrad(0.1, 0.0), keras.optimizers.SGD(1.0), global_clipnorm=1.0)
    weight, table = train(optimizer, DENSE[:1], ROWS[:1])
    np.testing.assert_allclose(weight, 1.0 - np.array([3.0, 1.0]) / np.sqrt(18.0), rtol=1e-6)
    np.testing.assert_allclose(optimizer.tables._accumulators[0].numpy()[1], 4.0 / 18.0, rtol=1e-6)
    np.testing.assert_allclose(table[1], 1.0 - 0.1, rtol=1e-6)  # Adagrad from an accumulator of 0 steps by the sign


def test_a_sparse_gradient_of_an_unmarked_variable_is_applied_by_the_dense_optimizer() -> None:
    """Such a gradient comes from Keras's own `Embedding`."""
    variable, optimizer = keras.Variable(np.ones((3, 2))), Decoupled(SparseAdagrad(0.3), keras.optimizers.SGD(0.5))
    optimizer.build([variable])
    optimizer.apply(ROWS[:1], [variable])
    np.testing.assert_allclose(variable.numpy(), [[1.0, 1.0], [0.0, 0.0], [1.0, 1.0]])


def test_all_slots_are_among_its_variables() -> None:
    table, weight = mark_as_table(keras.Variable(np.ones((3, 2)))), keras.Variable(np.ones(2))
    optimizer = Decoupled(RowwiseAdagrad(0.3), keras.optimizers.Adam(0.1))
    optimizer.build([table, weight])
    shapes = [tuple(variable.shape) for variable in optimizer.variables]
    assert sorted(shapes) == [
        (),
        (),
        (),
        (),
        (),
        (),
        (2,),
        (2,),
        (3,),
    ]  # Each optimizer has a step count and a learning rate.


def test_a_saved_model_includes_the_optimizer_with_all_slots(tmp_path: Path) -> None:
    inputs = keras.Input((4,), dtype="int64")
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(EmbeddingTable(5, 2)(inputs))))
    model.compile(Decoupled(RowwiseAdagrad(0.3), keras.optimizers.Adam(0.1), global_clipnorm=1.0), "mse")
    ids, labels = np.arange(8).reshape(2, 4) % 5, np.ones((2, 1), np.float32)
    model.fit(ids, labels, verbose=0)
    model.save(tmp_path / "model.keras")
    other = keras.models.load_model(tmp_path / "model.keras")
    assert other.optimizer.get_config() == model.optimizer.get_config()
    for left, right in zip(model.optimizer.variables, other.optimizer.variables, strict=True):
        np.testing.assert_array_equal(left, right)
    for copy in (model, other):
        copy.fit(ids, labels, verbose=0)
    np.testing.assert_allclose(model.predict(ids, verbose=0), other.predict(ids, verbose=0), rtol=1e-5)


@pytest.mark.parametrize("clip_norm", [None, 0.7])
def test_a_step_compiled_by_xla_is_the_same(clip_norm: float | None) -> None:
    results = []
    for xla in (False, True):
        table, weight = mark_as_table(keras.Variable(np.ones((3, 2), np.float32))), keras.Variable([1.0, 1.0])
        rowwise = RowwiseAdagrad(0.3, for_xla=xla)
        optimizer = Decoupled(rowwise, keras.optimizers.Adam(0.1), clip_norm, for_xla=xla)
        optimizer.build([table, weight])
        step = compiled_step(table, weight, optimizer, xla)
        for rows, dense in zip(ROWS, DENSE, strict=True):
            step(rows.values, dense)
        results.append([table, weight, *optimizer.variables])
    for plain, compiled in zip(*results, strict=True):
        np.testing.assert_allclose(compiled, plain, rtol=1e-5)


def compiled_step(table: Any, weight: Any, optimizer: keras.optimizers.Optimizer, xla: bool) -> Any:
    @tf.function(jit_compile=xla)
    def step(values: Any, dense: Any) -> None:
        optimizer.apply([tf.IndexedSlices(values, tf.constant([1, 1]), tf.constant([3, 2])), dense], [table, weight])

    return step
