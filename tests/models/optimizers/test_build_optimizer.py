"""Optimizers by name, and the slots that they keep for a table."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from pydantic import ValidationError

from interestflow.models.layers.embedding.declared_tables import mark_as_table
from interestflow.models.optimizers import OPTIMIZERS, Decoupled, LazyAdam, build_optimizer, slot_bytes
from interestflow.models.training_config import OptimizerConfig


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_name_selects_the_optimizer(name: str) -> None:
    optimizer = build_optimizer(OptimizerConfig(name=name, learning_rate=0.25, clip_norm=2.0))
    assert type(optimizer) is OPTIMIZERS[name]
    assert (float(optimizer.learning_rate), optimizer.global_clipnorm) == (0.25, 2.0)


@pytest.mark.parametrize("xla", [True, False])
def test_a_dense_optimizer_for_the_other_weights(xla: bool) -> None:
    dense = {"name": "adam", "learning_rate": 0.01}
    config = OptimizerConfig(name="lazy_adam", learning_rate=0.25, clip_norm=2.0, dense=dense)
    optimizer = build_optimizer(config, xla)
    assert isinstance(optimizer, Decoupled)
    assert (type(optimizer.tables), type(optimizer.dense)) == (LazyAdam, keras.optimizers.Adam)
    assert (float(optimizer.tables.learning_rate), float(optimizer.dense.learning_rate)) == (0.25, pytest.approx(0.01))
    # The global norm of all gradients is clipped once.
    assert (optimizer.global_clipnorm, optimizer.tables.global_clipnorm, optimizer.dense.global_clipnorm) == (
        2.0,
        None,
        None,
    )
    assert optimizer.for_xla == optimizer.tables.for_xla == xla


def test_a_dense_optimizer_needs_a_row_sparse_one() -> None:
    names = "sparse_adagrad, rowwise_adagrad, lazy_adam"
    expected = f"`name` should be one of {names} where there is a `dense` one, received 'adam'"
    with pytest.raises(ValidationError, match=expected):
        OptimizerConfig(name="adam", dense={"name": "sgd", "learning_rate": 0.1})


@pytest.mark.parametrize(
    ("name", "numbers"),
    [("rowwise_adagrad", 7), ("sparse_adagrad", 7 * 5), ("adagrad", 7 * 5), ("lazy_adam", 2 * 7 * 5), ("sgd", 0)],
)
def test_bytes_of_slots(name: str, numbers: int) -> None:
    """A table of 7 rows of 5; a number in float32 takes 4 bytes."""
    table = mark_as_table(keras.Variable(np.zeros((7, 5), np.float32)))
    assert slot_bytes(build_optimizer(OptimizerConfig(name=name)), table) == 4 * numbers


def test_bytes_of_slots_with_another_optimizer_for_the_other_weights() -> None:
    config = OptimizerConfig(name="rowwise_adagrad", dense={"name": "adam", "learning_rate": 0.1})
    table, weight = mark_as_table(keras.Variable(np.zeros((7, 5), np.float32))), keras.Variable(np.zeros(6, np.float32))
    assert [slot_bytes(build_optimizer(config), variable) for variable in (table, weight)] == [4 * 7, 4 * 2 * 6]
