"""Cross-replica reductions and gathers, and losses kept apart by replica. No-ops on a single replica."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
from keras import ops

from interestflow.models.tensor import Tensor


def sum_over_replicas(value: Tensor) -> Tensor:
    """Return the sum of `value`, of any shape, over all replicas; differentiable."""
    context = _replica_context()
    if context is None:
        return value
    import tensorflow as tf

    return context.all_reduce(tf.distribute.ReduceOp.SUM, value)


def gather_over_replicas(values: Tensor) -> Tensor:
    """Return the `values` [N, ...] of all replicas, concatenated along the first axis."""
    context = _replica_context()
    return values if context is None else context.all_gather(values, axis=0)


def gather_own_first(values: Tensor) -> Tensor:
    """Return the `values` of all replicas as `gather_over_replicas` does, each replica's own first.

    Every replica must have the same number of them.
    """
    context = _replica_context()
    if context is None:
        return values
    gathered = context.all_gather(values, axis=0)
    return ops.roll(gathered, -context.replica_id_in_sync_group * ops.shape(values)[0], axis=0)


def replica_count() -> int:
    """Return the number of replicas that share a batch."""
    context = _replica_context()
    return 1 if context is None else int(context.num_replicas_in_sync)


class LossesByReplica:
    """Mixin that makes `add_loss` safe where replicas share a model.

    Every layer or model that calls `add_loss` needs it, before Keras's class in its bases. Keras keeps added losses on
    the layer and drops them when the model is called again. While a step is traced, the replicas take turns at every
    exchange, so that one replica's call would drop, or count, the losses that another has added.
    """

    _by_replica: dict[int, list[Tensor]]

    @contextmanager
    def collect_losses(self) -> Iterator[None]:
        """Collect in `losses` only what the parts of this layer add in the context, as a call of the layer does.

        Called one by one outside of any call, each part would drop the losses that were added before.
        """
        self._get_call_context()  # type: ignore[attr-defined]
        try:
            yield
        finally:
            self._maybe_reset_call_context()  # type: ignore[attr-defined]

    @property
    def _losses(self) -> list[Tensor]:
        return self._by_replica.setdefault(_replica_number(), [])

    @_losses.setter
    def _losses(self, losses: list[Tensor]) -> None:
        object.__setattr__(self, "_by_replica", {0: losses})


def _replica_number() -> int:
    context = _replica_context()
    if context is None:
        return 0
    import tensorflow as tf

    return int(tf.get_static_value(context.replica_id_in_sync_group))


def _replica_context() -> Any:
    """Return TensorFlow's context of this replica; None where it is the only one, or none is running."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    return None if context is None or context.num_replicas_in_sync == 1 else context
