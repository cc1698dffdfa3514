"""Mixed precision while a model is built and trained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf

FIRST_BFLOAT16 = (8, 0)
"""Compute capability of NVIDIA's Ampere; earlier GPUs have float16 only."""


@contextmanager
def mixed_precision(enabled: bool) -> Iterator[None]:
    """Build layers with a half-precision policy inside the context if `enabled`, and restore the policy afterwards.

    bfloat16 has the range of float32 and needs no loss scaling, so it is preferred to float16.
    """
    previous = keras.config.dtype_policy()
    if enabled:
        details = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
        is_older = any(detail.get("compute_capability", FIRST_BFLOAT16) < FIRST_BFLOAT16 for detail in details)
        keras.config.set_dtype_policy("mixed_float16" if is_older else "mixed_bfloat16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(previous)
