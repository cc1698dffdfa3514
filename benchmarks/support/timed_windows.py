"""Timed windows of training, by which a benchmark compares programs; usable in any environment."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


def answer_windows(train: Callable[[], Any], steps: int, batch_size: int) -> None:
    """Train for one window to warm up, print `ready`, then train one window for each line on standard input.

    Each window prints its examples per second and its CPU time per step in ms.

    Args:
        train: Trains for one window.
        steps: Steps in a window.
        batch_size: Examples in a step.
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
    """Train a Keras model in windows, as `answer_windows` does.

    Args:
        model: Compiled model, of Keras 2 or 3.
        batches: Features by name, `[steps, batch size, ...]`; a window is all of them once.
        labels: Labels of the same shape, in the structure that the model takes.
    """
    import tensorflow as tf

    steps, batch_size = next(iter(batches.values())).shape[:2]
    dataset = tf.data.Dataset.from_tensor_slices((dict(batches), labels)).repeat().prefetch(2)
    options = tf.data.Options()
    options.autotune.enabled = False  # the tuner can delay the end of a window until it wakes, up to twice as late
    dataset = dataset.with_options(options)
    answer_windows(lambda: model.fit(dataset, steps_per_epoch=steps, verbose=0), steps, batch_size)
