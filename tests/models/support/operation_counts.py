"""The cost of a ranker's inference, counted in operations rather than timed."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from interestflow.models.inputs import ModelInputs


def growth(build: Callable[[ModelInputs], keras.Model]) -> float:
    """From 512 to 1024 steps the work grows by that many times what it grows by from 256 to 512: 2 where the cost is
    linear in the history, 4 where it is quadratic."""
    small, middle, large = (_operations(build, length) for length in (256, 512, 1024))
    return (large - middle) / (middle - small)


def _operations(build: Callable[[ModelInputs], keras.Model], length: int) -> float:
    """Return the floating-point operations of one inference over four rows."""
    inputs = ModelInputs(tasks=("click", "like"), item_rows=21, history_length=length, history_age_buckets=8)
    model = build(inputs)
    specs = {name: tf.TensorSpec((4, *shape), dtype) for name, (shape, dtype) in inputs.tensors().items()}
    function = tf.function(lambda features: model(features, training=False)).get_concrete_function(specs)
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    return float(tf.compat.v1.profiler.profile(function.graph, options=options).total_float_ops)
