"""Optimizers by the names that configurations use."""

from __future__ import annotations

import keras

from models.config import OptimizerConfig
from models.optimizers.row_sparse import LazyAdam, SparseAdagrad

OPTIMIZERS: dict[str, type[keras.optimizers.Optimizer]] = {
    "sparse_adagrad": SparseAdagrad,
    "lazy_adam": LazyAdam,
    "adagrad": keras.optimizers.Adagrad,
    "adam": keras.optimizers.Adam,
    "sgd": keras.optimizers.SGD,
}


def build_optimizer(config: OptimizerConfig) -> keras.optimizers.Optimizer:
    """The optimizer that `config` names; `clip_norm` limits the norm over all gradients together."""
    return OPTIMIZERS[config.name](learning_rate=config.learning_rate, global_clipnorm=config.clip_norm)
