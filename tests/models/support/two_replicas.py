"""Run a program on one replica and on two, which are logical devices of one CPU.

Logical devices are fixed when TensorFlow starts, hence a process of its own: a test runs a program of this folder,
which ends in `save_replica_results`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from tests.paths import PYTHON_PATH


def run_program(program: str, folder: Path) -> dict[str, np.ndarray]:
    """Run a program of this folder and return its arrays; names begin with the number of replicas, `1 ` or `2 `.

    Args:
        program: name of its file.
        folder: where it may write.
    """
    path = folder / "results.npz"
    finished = subprocess.run(
        [sys.executable, "-m", f"tests.models.support.{program}", str(path)],
        env={**os.environ, "PYTHONPATH": PYTHON_PATH, "TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr[-3000:]
    with np.load(path) as arrays:
        return dict(arrays)


def save_replica_results(measured: Callable[[tf.distribute.Strategy], Mapping[str, np.ndarray]]) -> None:
    """Write the arrays of `measured` on one and on two replicas to the file named on the command line."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    arrays = {}
    for replicas, strategy in ((1, tf.distribute.get_strategy()), (2, mirrored)):
        arrays |= {f"{replicas} {name}": values for name, values in measured(strategy).items()}
    np.savez(sys.argv[1], **arrays)
