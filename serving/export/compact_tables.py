"""Embedding tables that are served with fewer bytes than they are trained with: float16, or int8 by rows.

A row of int8 has a scale of its own and is symmetric around zero:

    scale = max|row| / 127      stored = round(row / scale)      served = stored * scale

so that a number is off by at most half a scale. Rows are looked up as they are stored and become float32 afterwards, by
operations that every TensorFlow has: TensorFlow Serving needs nothing for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import keras
import tensorflow as tf

from interestflow.models.layers.embedding.declared_tables import is_table
from interestflow.models.layers.embedding.gather import replace_lookups
from interestflow.serving.config import TableType
from interestflow.serving.export.saved_model_writer import ExportError

PART_BYTES = 2**26
"""Bytes of a table that are converted at a time."""
LARGEST_INT8 = 127.0


class Float16Table(tf.Module):
    """Table whose rows are float16 and are looked up as float32.

    Args:
        table: variable float32 `[rows, width]`.

    Raises:
        ExportError: where a number is beyond the range of float16.
    """

    def __init__(self, table: keras.Variable) -> None:
        """Convert the table in parts."""
        super().__init__()
        self.rows = _empty_variable(table.shape, tf.float16, table.name)
        for indices, rows in _parts(table):
            _check_finite(table, tf.reduce_max(tf.abs(tf.cast(rows, tf.float16)), axis=1))
            _write_rows(self.rows, indices, tf.cast(rows, tf.float16))

    def gather(self, ids: tf.Tensor) -> tf.Tensor:
        """Return float32 `[..., width]` for ids `[...]`."""
        return tf.cast(tf.gather(self.rows, ids), tf.float32)


class Int8Table(tf.Module):
    """Table whose rows are int8 with a scale for each, and are looked up as float32.

    Args:
        table: variable float32 `[rows, width]`.

    Raises:
        ExportError: where a number is not finite.
    """

    def __init__(self, table: keras.Variable) -> None:
        """Convert the table in parts."""
        super().__init__()
        self.rows = _empty_variable(table.shape, tf.int8, table.name)
        self.scales = _empty_variable(table.shape[:1], tf.float32, f"{table.name}_scales")
        for indices, rows in _parts(table):
            scales = tf.reduce_max(tf.abs(rows), axis=1) / LARGEST_INT8
            _check_finite(table, scales)
            stored = tf.round(tf.math.divide_no_nan(rows, scales[:, tf.newaxis]))
            stored = tf.clip_by_value(stored, -LARGEST_INT8, LARGEST_INT8)  # a scale below float32's normal numbers
            _write_rows(self.rows, indices, tf.cast(stored, tf.int8))
            _write_rows(self.scales, indices, scales)

    def gather(self, ids: tf.Tensor) -> tf.Tensor:
        """Return float32 `[..., width]` for ids `[...]`."""
        return tf.cast(tf.gather(self.rows, ids), tf.float32) * tf.gather(self.scales, ids)[..., tf.newaxis]


@contextmanager
def compact_tables(model: keras.Model, table_type: TableType, free: bool = False) -> Iterator[None]:
    """Look up the tables of `model` inside the context in copies of `table_type`, as the model will be served.

    Signatures that are traced inside hold the copies alone. Tables are those that `mark_as_table` marked; one of width
    1, such as a bias for each item, would not be smaller as int8 and stays as it is.

    Args:
        model: the built model.
        table_type: type of the stored numbers; float32 changes nothing.
        free: whether the memory of each table is freed once it is copied; the model then only works inside.

    Raises:
        ExportError: where a table has numbers that the type cannot hold.
    """
    lookups: list[tuple[keras.Variable, Callable[[tf.Tensor], tf.Tensor]]] = []
    for table in _tables_to_convert(model, table_type):
        copy = Float16Table(table) if table_type == "float16" else Int8Table(table)
        lookups.append((table, copy.gather))
        if free:
            free_memory([table.value])
    with replace_lookups(lookups):
        yield


def free_memory(variables: Sequence[tf.Variable]) -> None:
    """Free the memory of variables, which have no values from then on."""
    for variable in variables:
        nothing = tf.zeros([0] * variable.shape.rank, variable.dtype)
        tf.raw_ops.AssignVariableOp(resource=variable.handle, value=nothing, validate_shape=False)


def _tables_to_convert(model: keras.Model, table_type: TableType) -> list[keras.Variable]:
    smallest: int | None = {"float32": None, "float16": 1, "int8": 2}[table_type]
    tables = [weight for weight in model.weights if is_table(weight)]
    return [table for table in tables if smallest is not None and table.shape[1] >= smallest]


def _parts(table: keras.Variable) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
    """Yield indices of rows and these rows, in order."""
    count, width = table.shape
    step = max(1, PART_BYTES // (4 * width))
    for start in range(0, count, step):
        indices = tf.range(start, min(start + step, count))
        yield indices, tf.gather(table.value, indices)


def _empty_variable(shape: tuple[int, ...], dtype: tf.DType, name: str) -> tf.Variable:
    return tf.Variable(tf.raw_ops.Empty(shape=shape, dtype=dtype), trainable=False, name=name)


def _write_rows(variable: tf.Variable, indices: tf.Tensor, rows: tf.Tensor) -> None:
    tf.raw_ops.ResourceScatterUpdate(resource=variable.handle, indices=indices, updates=rows)


def _check_finite(table: keras.Variable, values: tf.Tensor) -> None:
    if not bool(tf.reduce_all(tf.math.is_finite(values))):
        raise ExportError(
            f"`serving.table_dtype` should be float32: the table `{table.path}` has numbers that are not finite or too "
            "large for less"
        )
