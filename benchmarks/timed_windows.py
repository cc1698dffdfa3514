"""The windows that programs of the training benchmark are timed by; TensorFlow alone, for any environment."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf


def serve_windows(model: Any, batches: Mapping[str, np.ndarray], labels: Any) -> None:
    """Trains `model` for one window to warm up, prints `ready`, then one window for each line on standard input.

    After every window it prints examples per second and milliseconds of CPU time a step.

    Args:
        model: compiled, of either Keras.
        batches: features by name, `[steps, batch size, ...]`; a window is all of them once.
        labels: likewise, in the structure that the model takes.
    """
    steps, batch_size = next(iter(batches.values())).shape[:2]
    dataset = tf.data.Dataset.from_tensor_slices((dict(batches), labels)).repeat().prefetch(2)
    options = tf.data.Options()
    options.autotune.enabled = False  # its tuner can keep a window from ending until it wakes, up to twice as late
    dataset = dataset.with_options(options)

    def window() -> str:
        wall, processor = time.perf_counter(), time.process_time()
        model.fit(dataset, steps_per_epoch=steps, verbose=0)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        return f"{steps * batch_size / wall:.1f} {1000 * processor / steps:.1f}"

    window()
    print("ready", flush=True)
    for _ in sys.stdin:
        print(window(), flush=True)
