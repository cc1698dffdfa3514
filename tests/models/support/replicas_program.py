"""Trains DIN on one replica and on two; writes the weights that each ends with."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from interestflow.models.layers.embedding.declared_tables import mark_as_table
from interestflow.models.optimizers import Decoupled, LazyAdam, RowwiseAdagrad
from interestflow.models.registry import build_ranker
from interestflow.models.training_config import OptimizerConfig, TrainingConfig
from interestflow.pipeline.training.loop import TrainingResult, train
from tests.models.support.random_features import RICH
from tests.models.support.random_split import make_split
from tests.models.support.two_replicas import save_replica_results

ROWS, BATCH = 288, 48
DIN = {
    "embedding_dimension": 4,
    "batch_normalization": True,
    "attention_units": (8,),
    "attention_activation": "dice",
    "tower_units": (8,),
    "history_age": True,
    "embedding_l2": 0.01,
    "mini_batch_aware_l2": 0.5,
}


def train_din(strategy: tf.distribute.Strategy) -> TrainingResult:
    counts = np.arange(RICH.item_rows) % 5
    config = TrainingConfig(
        batch_size=BATCH,
        epochs=1,
        optimizer=OptimizerConfig(name="sparse_adagrad", learning_rate=0.05, clip_norm=0.5),
        early_stopping=None,
    )
    return train(
        config,
        lambda: build_ranker("din", RICH, DIN, counts),
        make_split(RICH, ROWS, 1),
        make_split(RICH, BATCH, 2),
        strategy=strategy,
    )


def lazy_adam() -> keras.optimizers.Optimizer:
    return LazyAdam(0.1, global_clipnorm=1.0)


def rowwise_beside_adam() -> keras.optimizers.Optimizer:
    return Decoupled(RowwiseAdagrad(0.1), keras.optimizers.Adam(0.05), global_clipnorm=1.0)


def step_table(strategy: tf.distribute.Strategy, make: Callable[[], keras.optimizers.Optimizer]) -> np.ndarray:
    """Return a table of 6 rows, and a weight that its rows are multiplied by, after three steps.

    Each replica gets its share of the same eight gradient rows.
    """
    random = np.random.default_rng(0)
    steps = [(random.integers(0, 5, 8), random.normal(size=(8, 3)).astype(np.float32)) for _ in range(3)]
    share = 8 // strategy.num_replicas_in_sync
    with strategy.scope():
        table = mark_as_table(keras.Variable(np.ones((6, 3), np.float32)))
        weight, optimizer = keras.Variable(np.ones(3, np.float32)), make()
        optimizer.build([table, weight])

    def step(ids: tf.Tensor, values: tf.Tensor) -> None:
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        mine = slice(replica * share, (replica + 1) * share)
        rows = tf.IndexedSlices(values[mine], ids[mine], tf.constant([6, 3]))
        optimizer.apply([rows, tf.reduce_sum(values[mine], axis=0)], [table, weight])

    together = tf.function(lambda ids, values: strategy.run(step, (ids, values)))
    for ids, values in steps:
        together(tf.constant(ids), tf.constant(values))
    return np.concatenate([table.numpy(), weight.numpy()[np.newaxis]])


def train_on(strategy: tf.distribute.Strategy) -> dict[str, np.ndarray]:
    trained = train_din(strategy)
    assert trained.summary["replicas"] == strategy.num_replicas_in_sync
    return {
        **{str(index): weight for index, weight in enumerate(trained.model.get_weights())},
        "loss": np.array([entry["training_loss"] for entry in trained.summary["history"]]),
        "lazy adam": step_table(strategy, lazy_adam),
        "row-wise Adagrad beside Adam": step_table(strategy, rowwise_beside_adam),
    }


if __name__ == "__main__":
    save_replica_results(train_on)
