"""Optimizers by the names that configurations use."""

from __future__ import annotations

import keras

from models.config import OptimizerConfig
from models.optimizers.row_sparse import LazyAdam, RowSparse, SparseAdagrad

OPTIMIZERS: dict[str, type[keras.optimizers.Optimizer]] = {
    "sparse_adagrad": SparseAdagrad,
    "lazy_adam": LazyAdam,
    "adagrad": keras.optimizers.Adagrad,
    "adam": keras.optimizers.Adam,
    "sgd": keras.optimizers.SGD,
}


def build_optimizer(config: OptimizerConfig, xla: bool = False) -> keras.optimizers.Optimizer:
    """The optimizer that `config` names; `clip_norm` limits the norm over all gradients together.

    Args:
        config: the `training.optimizer` section.
        xla: whether the step that it is part of is compiled by XLA.
    """
    kind = OPTIMIZERS[config.name]
    options = {"for_xla": xla} if issubclass(kind, RowSparse) else {}
    return kind(learning_rate=config.learning_rate, global_clipnorm=config.clip_norm, **options)
