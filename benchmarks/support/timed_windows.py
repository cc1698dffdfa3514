"""The windows that programs of the training benchmarks are timed by, for any environment."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


def answer_windows(train: Callable[[], Any], steps: int, batch_size: int) -> None:
    """Trains for one window to warm up, prints `ready`, then trains one window for each line on standard input.

    After every window it prints examples per second and milliseconds of CPU time a step.

    Args:
        train: trains for one window.
        steps: of a window.
        batch_size: examples of a step.
    """

    def window() -> str:
        wall, processor = time.perf_counter(), time.process_time()
        train()
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        return f"{steps * batch_size / wall:.1f} {1000 * processor / steps:.1f}"

    window()
    print("ready", flush=True)
    for _ in sys.stdin:
        print(window(), flush=True)


def serve_windows(model: Any, batches: Mapping[str, np.ndarray], labels: Any) -> None:
    """`answer_windows` of a Keras model.

    Args:
        model: compiled, of either Keras.
        batches: features by name, `[steps, batch size, ...]`; a window is all of them once.
        labels: likewise, in the structure that the model takes.
    """
    import tensorflow as tf

    steps, batch_size = next(iter(batches.values())).shape[:2]
    dataset = tf.data.Dataset.from_tensor_slices((dict(batches), labels)).repeat().prefetch(2)
    options = tf.data.Options()
    options.autotune.enabled = False  # its tuner can keep a window from ending until it wakes, up to twice as late
    dataset = dataset.with_options(options)
    answer_windows(lambda: model.fit(dataset, steps_per_epoch=steps, verbose=0), steps, batch_size)
