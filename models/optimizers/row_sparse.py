"""Optimizers whose step costs what the batch costs, not what the embedding tables cost.

Keras's own optimizers on TensorFlow turn the gradient of a table, which names the few rows that a batch used, into one
of the whole table, and update every row and every slot. Here such gradients stay rows: duplicates are summed, and only
those rows of the table and of its slots are read and written. All other rows stay as they were, bit for bit.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from interestflow.models.layers.embedding.huge_pages import advise_huge_pages


def sum_duplicates(gradient: tf.IndexedSlices) -> tf.IndexedSlices:
    """The same gradient with each row named once."""
    ids, positions = tf.unique(gradient.indices)
    values = tf.raw_ops.SparseSegmentSumGrad(
        grad=gradient.values, indices=positions, segment_ids=tf.range(tf.size(positions)), output_dim0=tf.size(ids)
    )
    return tf.IndexedSlices(values, ids, gradient.dense_shape)


def sum_duplicates_in_fixed_shapes(gradient: tf.IndexedSlices) -> tf.IndexedSlices:
    """The same, in as many rows as there were, as XLA needs, and on the CPU several times as slow.

    The rows that are left over are zero and lie just beyond the table, where XLA writes nothing; without XLA TensorFlow
    refuses them.
    """
    count, rows = tf.shape(gradient.indices)[0], tf.cast(gradient.dense_shape[0], gradient.indices.dtype)
    order = tf.argsort(gradient.indices)
    ordered = tf.gather(gradient.indices, order)
    is_first = tf.concat([tf.ones_like(ordered[:1], tf.bool), ordered[1:] != ordered[:-1]], axis=0)
    positions = tf.cumsum(tf.cast(is_first, tf.int32)) - 1
    values = tf.math.unsorted_segment_sum(tf.gather(gradient.values, order), positions, count)
    ids = tf.math.unsorted_segment_max(ordered, positions, count)
    ids = tf.where(tf.range(count) <= positions[-1], ids, rows)
    return tf.IndexedSlices(values, ids, gradient.dense_shape)


class RowSparseOptimizer(keras.optimizers.Optimizer):
    """What the row-sparse optimizers share; a subclass says how rows are updated in `update_rows`.

    Gradients are summed over the replicas first and clipped after, so that one and two replicas take the same step on
    the same global batch.

    Args:
        for_xla: whether the step is compiled by XLA, which needs shapes that do not depend on the ids.
        options: of Keras's optimizer.
    """

    def __init__(self, *, for_xla: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.for_xla = for_xla

    def add_variable(self, *args: Any, **options: Any) -> Any:
        return advise_huge_pages(super().add_variable(*args, **options))

    def _backend_apply_gradients(self, grads: list[Any], trainable_variables: list[Any]) -> None:
        variables = [getattr(variable, "value", variable) for variable in trainable_variables]
        pairs = self._all_reduce_sum_gradients(list(zip(grads, variables, strict=True)))
        add_up = sum_duplicates_in_fixed_shapes if self.for_xla else sum_duplicates
        summed = [add_up(g) if isinstance(g, tf.IndexedSlices) else g for g, _ in pairs]
        summed = _clip_by_global_norm(summed, self.global_clipnorm) if self.global_clipnorm else summed
        tf.__internal__.distribute.interim.maybe_merge_call(
            self._distributed_tf_update_step,
            self._distribution_strategy,
            list(zip(summed, variables, strict=True)),
            self.learning_rate,
        )

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        if isinstance(gradient, tf.IndexedSlices):
            rate = tf.cast(learning_rate, variable.dtype)
            self.update_rows(gradient.indices, tf.cast(gradient.values, variable.dtype), variable, rate)
        else:
            super().update_step(gradient, variable, learning_rate)

    def update_rows(self, ids: Any, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Updates rows `ids` [N], each named once, of `variable` and its slots by their `gradient` [N, d]."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        config = super().get_config() | {"for_xla": self.for_xla}
        # Whatever would touch every row at every step is not offered. `loss_scale_factor` divides gradients as rows
        # cannot be divided; Keras's LossScaleOptimizer, which half precision gets, can.
        for name in UNSUPPORTED:
            config.pop(name, None)
        return config


UNSUPPORTED = (
    "weight_decay", "clipnorm", "clipvalue", "use_ema", "ema_momentum", "ema_overwrite_frequency",
    "gradient_accumulation_steps", "amsgrad", "loss_scale_factor",
)  # fmt: skip


@keras.saving.register_keras_serializable(package="interestflow")
class SparseAdagrad(RowSparseOptimizer, keras.optimizers.Adagrad):
    """Adagrad, row by row for tables: to each row that a batch uses it does what Keras's Adagrad does.

    `a += g^2; w -= learning_rate * g / sqrt(a + epsilon)`. Since a row without gradient would not change under Adagrad
    either, the result is the same as the dense one's.

    Args:
        learning_rate: a float or a schedule.
        initial_accumulator_value: what `a` begins with.
        epsilon: keeps the root away from 0.
        global_clipnorm: the norm over all gradients that is not exceeded; None: no limit.
        for_xla: see `RowSparseOptimizer`.
    """

    def __init__(
        self,
        learning_rate: Any = 0.05,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        global_clipnorm: float | None = None,
        for_xla: bool = False,
        name: str = "sparse_adagrad",
    ) -> None:
        super().__init__(
            learning_rate=learning_rate,
            initial_accumulator_value=initial_accumulator_value,
            epsilon=epsilon,
            global_clipnorm=global_clipnorm,
            for_xla=for_xla,
            name=name,
        )

    def update_rows(self, ids: Any, gradient: Any, variable: Any, learning_rate: Any) -> None:
        accumulator = self._accumulators[self._get_variable_index(variable)].value
        accumulated = tf.gather(accumulator, ids) + tf.square(gradient)
        accumulator.scatter_update(tf.IndexedSlices(accumulated, ids))
        change = learning_rate * gradient * tf.math.rsqrt(accumulated + self.epsilon)
        # On the CPU several times as fast as `scatter_sub`.
        variable.scatter_update(tf.IndexedSlices(tf.gather(variable, ids) - change, ids))


@keras.saving.register_keras_serializable(package="interestflow")
class LazyAdam(RowSparseOptimizer, keras.optimizers.Adam):
    """Adam, row by row for tables: a row's moments decay only at the steps that use the row.

    This is not what dense Adam does, whose moments decay at every step and which goes on moving a row long after its
    last gradient; where every step uses every row the two agree. Bias correction counts all steps, as dense Adam does.

    Args:
        learning_rate: a float or a schedule.
        beta_1, beta_2, epsilon: as Keras's Adam.
        global_clipnorm: the norm over all gradients that is not exceeded; None: no limit.
        for_xla: see `RowSparseOptimizer`.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        global_clipnorm: float | None = None,
        for_xla: bool = False,
        name: str = "lazy_adam",
    ) -> None:
        super().__init__(
            learning_rate=learning_rate,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            global_clipnorm=global_clipnorm,
            for_xla=for_xla,
            name=name,
        )

    def update_rows(self, ids: Any, gradient: Any, variable: Any, learning_rate: Any) -> None:
        index = self._get_variable_index(variable)
        momentum, velocity = self._momentums[index].value, self._velocities[index].value
        step = tf.cast(ops.convert_to_tensor(self.iterations) + 1, variable.dtype)
        correction = tf.sqrt(1.0 - tf.pow(self.beta_2, step)) / (1.0 - tf.pow(self.beta_1, step))
        first = self.beta_1 * tf.gather(momentum, ids) + (1.0 - self.beta_1) * gradient
        second = self.beta_2 * tf.gather(velocity, ids) + (1.0 - self.beta_2) * tf.square(gradient)
        momentum.scatter_update(tf.IndexedSlices(first, ids))
        velocity.scatter_update(tf.IndexedSlices(second, ids))
        change = learning_rate * correction * first / (tf.sqrt(second) + self.epsilon)
        variable.scatter_update(tf.IndexedSlices(tf.gather(variable, ids) - change, ids))


def _clip_by_global_norm(gradients: list[Any], limit: float) -> list[Any]:
    """Keras's own clips duplicates before they are summed, and makes tables of rows."""
    dense = [g.values if isinstance(g, tf.IndexedSlices) else g for g in gradients]
    norm = tf.sqrt(tf.add_n([tf.reduce_sum(tf.square(tf.cast(g, tf.float32))) for g in dense]))
    # An infinite or undefined norm makes the gradients undefined, as Keras does.
    scale = limit * tf.minimum(1.0 / norm, 1.0 / limit) + (norm - norm)
    clipped = [g * tf.cast(scale, g.dtype) for g in dense]
    return [
        tf.IndexedSlices(values, g.indices, g.dense_shape) if isinstance(g, tf.IndexedSlices) else values
        for g, values in zip(gradients, clipped, strict=True)
    ]
