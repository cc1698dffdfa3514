"""What replicas that share a batch must know of one another. With one replica these do nothing and cost nothing."""

from __future__ import annotations

from typing import Any

import keras


def sum_over_replicas(value: Any) -> Any:
    """The sum of `value`, of any shape, over all replicas; differentiable."""
    context = _replica_context()
    if context is None:
        return value
    import tensorflow as tf

    return context.all_reduce(tf.distribute.ReduceOp.SUM, value)


def gather_over_replicas(values: Any) -> Any:
    """`values` [N, ...] of all replicas, joined along the first axis."""
    context = _replica_context()
    return values if context is None else context.all_gather(values, axis=0)


def _replica_context() -> Any:
    """TensorFlow's context of this replica; None where it is the only one, or none is running."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    return None if context is None or context.num_replicas_in_sync == 1 else context
