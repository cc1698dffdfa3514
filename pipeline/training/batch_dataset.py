"""Batches that threads gather, as a TensorFlow dataset."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import Future

import numpy as np
import tensorflow as tf

from interestflow.pipeline.training.batch_stream import Arrays, BatchPlan, Window, stream_batches
from interestflow.pipeline.training.example_layout import ExampleLayout


def batch_dataset(windows: Sequence[Window], plan: BatchPlan, layout: ExampleLayout) -> tf.data.Dataset:
    """Return the batches of a plan; elements are tensors `[B, ...]` by name, of every column of the layout.

    A generator's elements are copied twice on their way into a dataset. So the generator yields only the number of a
    batch, by which the dataset then fetches the arrays, which are aligned so that TensorFlow takes them as they are.

    Args:
        windows: Examples.
        plan: How they become batches.
        layout: Layout of the examples.
    """
    batches: dict[int, Future[Arrays]] = {}
    numbers = itertools.count()
    specs = {name: _tensor_spec(name, plan, layout) for name in layout.columns}

    def generate() -> Iterator[int]:
        """Yield the number of each batch, and forget those that nobody fetched."""
        yielded = []
        try:
            for batch in stream_batches(windows, plan):
                number = next(numbers)
                batches[number] = batch
                yielded.append(number)
                yield number
        finally:
            for number in yielded:
                batches.pop(number, None)

    def fetch(number: np.ndarray) -> list[np.ndarray]:
        """Return the arrays of a batch, in the order of the layout's columns."""
        batch = batches.pop(int(number)).result()
        return [batch[name] for name in specs]

    def build(number: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the tensors of a batch by name."""
        tensors = tf.numpy_function(fetch, [number], [spec.dtype for spec in specs.values()])
        for tensor, spec in zip(tensors, specs.values(), strict=True):
            tensor.set_shape(spec.shape)
        return dict(zip(specs, tensors, strict=True))

    return tf.data.Dataset.from_generator(generate, output_signature=tf.TensorSpec((), tf.int64)).map(build)


def _tensor_spec(name: str, plan: BatchPlan, layout: ExampleLayout) -> tf.TensorSpec:
    """Return what is known of the shape of a column's batches, and their type."""
    column = layout.columns[name]
    shape: list[int | None] = list(column.shape)
    if plan.by_length and name in layout.history_names:
        shape[0] = None
    batch_size = plan.batch_size if plan.drop_remainder else None
    return tf.TensorSpec([batch_size, *shape], tf.float32 if column.dtype == "float32" else tf.int64)
