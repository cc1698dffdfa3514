"""What replicas that share a batch must know of one another. With one replica these do nothing and cost nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
from keras import ops


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


def own_first(values: Any) -> Any:
    """As `gather_over_replicas`, but each replica has its own `values` first; as many on each."""
    context = _replica_context()
    if context is None:
        return values
    gathered = context.all_gather(values, axis=0)
    return ops.roll(gathered, -context.replica_id_in_sync_group * ops.shape(values)[0], axis=0)


def replica_count() -> int:
    """How many replicas share a batch."""
    context = _replica_context()
    return 1 if context is None else int(context.num_replicas_in_sync)


class LossesByReplica:
    """Makes `add_loss` safe where replicas share a model; for whatever layer or model calls it, named before Keras's.

    Keras keeps added losses on the layer and forgets them when the model is called again. While a step is traced the
    replicas take turns at every exchange, so that one replica's call would forget, or count, what another has added.
    """

    _by_replica: dict[int, list[Any]]

    @contextmanager
    def keeping_losses(self) -> Iterator[None]:
        """As within a call of this layer, so that what its parts add is in `losses`, and nothing older is.

        Called one by one outside of any call, each would forget what it added before.
        """
        self._get_call_context()  # type: ignore[attr-defined]
        try:
            yield
        finally:
            self._maybe_reset_call_context()  # type: ignore[attr-defined]

    @property
    def _losses(self) -> list[Any]:
        return self._by_replica.setdefault(_replica_number(), [])

    @_losses.setter
    def _losses(self, losses: list[Any]) -> None:
        object.__setattr__(self, "_by_replica", {0: losses})


def _replica_number() -> int:
    context = _replica_context()
    if context is None:
        return 0
    import tensorflow as tf

    return int(tf.get_static_value(context.replica_id_in_sync_group))


def _replica_context() -> Any:
    """TensorFlow's context of this replica; None where it is the only one, or none is running."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    return None if context is None or context.num_replicas_in_sync == 1 else context
