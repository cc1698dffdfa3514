"""Devices that a model is trained on: all GPUs of the machine, or the CPU."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

NVIDIA_DEVICE = Path("/dev/nvidiactl")
"""Device file of NVIDIA's driver."""
PAGE = "docs/containers-and-gpus.md"


def default_strategy() -> tf.distribute.Strategy:
    """Return a mirrored strategy over all GPUs of this machine, or the default strategy if there are none."""
    if tf.config.list_logical_devices("GPU"):
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def describe_devices(
    strategy: tf.distribute.Strategy,
    *,
    gpus: int | None = None,
    has_driver: bool | None = None,
    has_cuda: bool | None = None,
) -> str:
    """Return in one sentence which devices `strategy` trains on, and why it is the CPU where it is.

    Args:
        strategy: Distribution strategy of the training.
        gpus: Number of GPUs that TensorFlow uses; None to ask it.
        has_driver: Whether NVIDIA's driver is loaded; None to look.
        has_cuda: Whether TensorFlow is built with CUDA; None to ask it.
    """
    gpus = len(tf.config.list_logical_devices("GPU")) if gpus is None else gpus
    if gpus:
        return "training on 1 GPU" if gpus == 1 else f"training on {gpus} GPUs ({type(strategy).__name__})"
    replicas = strategy.num_replicas_in_sync
    cpu = "training on the CPU" if replicas == 1 else f"training on the CPU ({replicas} replicas)"
    has_driver = NVIDIA_DEVICE.exists() if has_driver is None else has_driver
    if not has_driver:
        return f"no GPU found: {cpu}"
    has_cuda = tf.test.is_built_with_cuda() if has_cuda is None else has_cuda
    reason = "cannot load CUDA's libraries or sees no device" if has_cuda else "is built without CUDA"
    return f"there is an NVIDIA driver, but TensorFlow {reason}: {cpu}; see {PAGE}"
