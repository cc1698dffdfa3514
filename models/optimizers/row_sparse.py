"""Optimizers whose cost per step depends on the batch, not on the size of the embedding tables.

The gradient of a table names the few rows that a batch used. Keras's own optimizers on TensorFlow turn it into one of
the whole table, and update every row and every slot. Here such gradients stay sparse: duplicates are summed, and only
those rows of the table and of its slots are read and written. All other rows stay as they were, bit for bit.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from interestflow.models.layers.embedding.huge_pages import advise_huge_pages
from interestflow.models.tensor import Tensor

UNSUPPORTED = (
    "weight_decay", "clipnorm", "clipvalue", "use_ema", "ema_momentum", "ema_overwrite_frequency",
    "gradient_accumulation_steps", "amsgrad", "loss_scale_factor",
)  # fmt: skip
"""Options of Keras's optimizers that would touch every row at every step, and are not offered.

`loss_scale_factor` divides gradients, but a sparse gradient cannot be divided. Keras's LossScaleOptimizer, which half
precision is trained with, can do so.
"""


def sum_duplicates(gradient: tf.IndexedSlices) -> tf.IndexedSlices:
    """Return the same gradient with each row named once."""
    ids, positions = tf.unique(gradient.indices)
    values = tf.raw_ops.SparseSegmentSumGrad(
        grad=gradient.values, indices=positions, segment_ids=tf.range(tf.size(positions)), output_dim0=tf.size(ids)
    )
    return tf.IndexedSlices(values, ids, gradient.dense_shape)


def sum_duplicates_in_fixed_shapes(gradient: tf.IndexedSlices) -> tf.IndexedSlices:
    """Return the same gradient with each row named once, and as many rows as before.

    XLA needs this static shape; on a CPU it takes several times as long. The superfluous rows are zero and lie just
    beyond the table, where XLA writes nothing, while TensorFlow without XLA raises an error.
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
    """Base class of the row-sparse optimizers. A subclass defines how rows are updated in `update_rows`.

    Gradients are summed over the replicas first and clipped afterwards, so that one and two replicas take the same step
    on the same global batch.

    Args:
        for_xla: whether the step is compiled by XLA, which needs shapes that do not depend on the ids.
        options: arguments of `keras.optimizers.Optimizer`.
    """

    def __init__(self, *, for_xla: bool = False, **options: Any) -> None:
        """Store whether the step is compiled by XLA."""
        super().__init__(**options)
        self.for_xla = for_xla

    def add_variable(self, *args: Any, **options: Any) -> keras.Variable:
        """Create a slot, on huge pages if it is large."""
        return advise_huge_pages(super().add_variable(*args, **options))

    def _backend_apply_gradients(self, grads: list[Tensor], trainable_variables: list[keras.Variable]) -> None:
        variables = [getattr(variable, "value", variable) for variable in trainable_variables]
        pairs = self._all_reduce_sum_gradients(list(zip(grads, variables, strict=True)))
        sum_rows = sum_duplicates_in_fixed_shapes if self.for_xla else sum_duplicates
        summed = [sum_rows(g) if isinstance(g, tf.IndexedSlices) else g for g, _ in pairs]
        summed = _clip_by_global_norm(summed, self.global_clipnorm) if self.global_clipnorm else summed
        tf.__internal__.distribute.interim.maybe_merge_call(
            self._distributed_tf_update_step,
            self._distribution_strategy,
            list(zip(summed, variables, strict=True)),
            self.learning_rate,
        )

    def update_step(self, gradient: Tensor, variable: keras.Variable, learning_rate: Tensor) -> None:
        """Update the rows of a sparse gradient by `update_rows`, and a dense one as Keras does."""
        if isinstance(gradient, tf.IndexedSlices):
            rate = tf.cast(learning_rate, variable.dtype)
            self.update_rows(gradient.indices, tf.cast(gradient.values, variable.dtype), variable, rate)
        else:
            super().update_step(gradient, variable, learning_rate)

    def update_rows(self, ids: Tensor, gradient: Tensor, variable: keras.Variable, learning_rate: Tensor) -> None:
        """Update rows of a variable and of its slots.

        Args:
            ids: int [N], the rows, each named once.
            gradient: [N, d], of these rows.
            variable: [rows, d].
            learning_rate: a scalar of the variable's dtype.
        """
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, without those of Keras that this class does not offer."""
        config = super().get_config() | {"for_xla": self.for_xla}
        for name in UNSUPPORTED:
            config.pop(name, None)
        return config


@keras.saving.register_keras_serializable(package="interestflow")
class SparseAdagrad(RowSparseOptimizer, keras.optimizers.Adagrad):
    """Adagrad that updates the rows that a batch uses as Keras's Adagrad does, and no others.

    `a += g^2; w -= learning_rate * g / sqrt(a + epsilon)`. Since a row without gradient would not change under dense
    Adagrad either, the result is the same.

    Args:
        learning_rate: a float or a schedule.
        initial_accumulator_value: initial value of `a`.
        epsilon: added to `a` before its root divides.
        global_clipnorm: largest norm of all gradients together; without it, no limit.
        for_xla: see `RowSparseOptimizer`.

    Example:

    >>> table, optimizer = keras.Variable([[1.0], [1.0]]), SparseAdagrad(0.1, initial_accumulator_value=0.0)
    >>> rows = tf.IndexedSlices(tf.constant([[3.0], [1.0]]), tf.constant([1, 1]), tf.constant([2, 1]))
    >>> optimizer.apply([rows], [table])
    >>> np.round(np.asarray(table)[:, 0], 2)
    array([1. , 0.9], dtype=float32)

    Reference:
        Duchi et al., JMLR 2011.
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule = 0.05,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        global_clipnorm: float | None = None,
        for_xla: bool = False,
        name: str = "sparse_adagrad",
    ) -> None:
        """Pass the arguments on to Keras's Adagrad."""
        super().__init__(
            learning_rate=learning_rate,
            initial_accumulator_value=initial_accumulator_value,
            epsilon=epsilon,
            global_clipnorm=global_clipnorm,
            for_xla=for_xla,
            name=name,
        )

    def update_rows(self, ids: Tensor, gradient: Tensor, variable: keras.Variable, learning_rate: Tensor) -> None:
        """Update rows `ids` [N], each named once, by their gradient [N, d]."""
        accumulator = self._accumulators[self._get_variable_index(variable)].value
        accumulated = tf.gather(accumulator, ids) + tf.square(gradient)
        accumulator.scatter_update(tf.IndexedSlices(accumulated, ids))
        change = learning_rate * gradient * tf.math.rsqrt(accumulated + self.epsilon)
        # On a CPU several times as fast as `scatter_sub`.
        variable.scatter_update(tf.IndexedSlices(tf.gather(variable, ids) - change, ids))


@keras.saving.register_keras_serializable(package="interestflow")
class LazyAdam(RowSparseOptimizer, keras.optimizers.Adam):
    """Adam that updates the rows that a batch uses, whose moments decay only at the steps that use them.

    This is not what dense Adam does, whose moments decay at every step and which goes on moving a row long after its
    last gradient; where every step uses every row the two agree. Bias correction counts all steps, as in dense Adam.

    Args:
        learning_rate: a float or a schedule.
        beta_1: decay of the first moment.
        beta_2: decay of the second moment.
        epsilon: added to the root of the second moment.
        global_clipnorm: largest norm of all gradients together; without it, no limit.
        for_xla: see `RowSparseOptimizer`.

    Example:

    >>> table, optimizer = keras.Variable([[1.0], [1.0]]), LazyAdam(learning_rate=0.1)
    >>> rows = tf.IndexedSlices(tf.constant([[3.0]]), tf.constant([1]), tf.constant([2, 1]))
    >>> optimizer.apply([rows], [table])
    >>> np.round(np.asarray(table)[:, 0], 2)
    array([1. , 0.9], dtype=float32)

    Reference:
        Kingma and Ba, Adam, arXiv 1412.6980; the lazy update is that of TensorFlow Addons.
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        global_clipnorm: float | None = None,
        for_xla: bool = False,
        name: str = "lazy_adam",
    ) -> None:
        """Pass the arguments on to Keras's Adam."""
        super().__init__(
            learning_rate=learning_rate,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            global_clipnorm=global_clipnorm,
            for_xla=for_xla,
            name=name,
        )

    def update_rows(self, ids: Tensor, gradient: Tensor, variable: keras.Variable, learning_rate: Tensor) -> None:
        """Update rows `ids` [N], each named once, by their gradient [N, d]."""
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


def _clip_by_global_norm(gradients: list[Tensor], limit: float) -> list[Tensor]:
    """Clip gradients together, after duplicates are summed and without densifying sparse ones, unlike Keras."""
    values = [g.values if isinstance(g, tf.IndexedSlices) else g for g in gradients]
    norm = tf.sqrt(tf.add_n([tf.reduce_sum(tf.square(tf.cast(g, tf.float32))) for g in values]))
    # An infinite or undefined norm makes the gradients undefined, as in Keras.
    scale = limit * tf.minimum(1.0 / norm, 1.0 / limit) + (norm - norm)
    clipped = [g * tf.cast(scale, g.dtype) for g in values]
    return [
        tf.IndexedSlices(rows, g.indices, g.dense_shape) if isinstance(g, tf.IndexedSlices) else rows
        for g, rows in zip(gradients, clipped, strict=True)
    ]
