"""Optimizers by the names that configurations use."""

from __future__ import annotations

import math

import keras

from interestflow.models.optimizers.decoupled import Decoupled
from interestflow.models.optimizers.row_sparse import LazyAdam, RowSparseOptimizer, SparseAdagrad
from interestflow.models.optimizers.rowwise_adagrad import RowwiseAdagrad
from interestflow.models.training_config import OptimizerConfig

OPTIMIZERS: dict[str, type[keras.optimizers.Optimizer]] = {
    "sparse_adagrad": SparseAdagrad,
    "rowwise_adagrad": RowwiseAdagrad,
    "lazy_adam": LazyAdam,
    "adagrad": keras.optimizers.Adagrad,
    "adam": keras.optimizers.Adam,
    "sgd": keras.optimizers.SGD,
}


def build_optimizer(config: OptimizerConfig, xla: bool = False) -> keras.optimizers.Optimizer:
    """Build the optimizer that `config` names. `clip_norm` limits the norm of all gradients together.

    Args:
        config: the `training.optimizer` section.
        xla: whether the training step is compiled by XLA.
    """
    kind = OPTIMIZERS[config.name]
    options = {"for_xla": xla} if issubclass(kind, RowSparseOptimizer) else {}
    if config.dense is None:
        return kind(learning_rate=config.learning_rate, global_clipnorm=config.clip_norm, **options)
    tables = kind(learning_rate=config.learning_rate, **options)
    dense = OPTIMIZERS[config.dense.name](learning_rate=config.dense.learning_rate)
    return Decoupled(tables, dense, global_clipnorm=config.clip_norm, for_xla=xla)


def slot_bytes(optimizer: keras.optimizers.Optimizer, variable: keras.Variable) -> int:
    """Return the bytes of the slots that `optimizer`, which has not been built yet, keeps for `variable`.

    For a table of `rows` vectors of `width`, in float32: `rowwise_adagrad` keeps `4 * rows`; `sparse_adagrad` and
    `adagrad` `4 * rows * width`; `lazy_adam` and `adam` `8 * rows * width`; `sgd` nothing.
    """
    own_ids = {id(slot) for slot in optimizer.variables}
    optimizer.build([variable])
    slots = [slot for slot in optimizer.variables if id(slot) not in own_ids]
    return sum(slot.value.dtype.size * math.prod(slot.shape) for slot in slots)
