"""Train the small ranker in a process of its own, which may kill itself, and write its final weights.

The tests of training run this program: a test cannot kill its own process, and the devices of a process are fixed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from interestflow.models.training_config import EarlyStoppingConfig, OptimizerConfig, TrainingConfig
from interestflow.pipeline.training.data import Split
from interestflow.pipeline.training.loop import train
from tests.pipeline.support import training_examples


def configuration() -> TrainingConfig:
    """Return a training with a stateful optimizer and gradient clipping that is active at most steps."""
    return TrainingConfig(
        batch_size=32,
        epochs=3,
        optimizer=OptimizerConfig(name="sparse_adagrad", learning_rate=0.2, clip_norm=0.1),
        early_stopping=EarlyStoppingConfig(patience=3),
        checkpoint_steps=3,
        shuffle_buffer=100,
    )


class KilledOnTheWay(Split):
    """Split whose reader kills the whole process at a batch of an epoch."""

    def epoch(self, batch_size: int, **arguments: Any) -> tf.data.Dataset:
        dataset = super().epoch(batch_size, **arguments)
        if arguments["epoch"] != ARGUMENTS.kill_epoch:
            return dataset
        last = ARGUMENTS.kill_step

        def kill(index: np.ndarray) -> np.ndarray:
            if index == last:
                os.kill(os.getpid(), signal.SIGKILL)
            return index

        def passed(index: tf.Tensor, batch: Any) -> Any:
            with tf.control_dependencies([tf.numpy_function(kill, [index], tf.int64)]):
                return tf.nest.map_structure(tf.identity, batch)

        return dataset.enumerate().map(passed)


def main() -> None:
    if ARGUMENTS.replicas > 1:
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * ARGUMENTS.replicas)
        strategy: tf.distribute.Strategy = tf.distribute.MirroredStrategy(
            [f"CPU:{device}" for device in range(ARGUMENTS.replicas)]
        )
    else:
        strategy = tf.distribute.get_strategy()
    folder = Path(ARGUMENTS.folder)
    megabytes = 0 if ARGUMENTS.streamed else 100
    inputs = training_examples.INPUTS
    kind = Split if ARGUMENTS.kill_epoch is None else KilledOnTheWay
    config = configuration()
    trained = train(
        config,
        lambda: training_examples.SmallRanker(ARGUMENTS.dropout),
        kind.read([str(folder / "train" / "part-*")], inputs, megabytes),
        Split.read([str(folder / "validation" / "part-*")], inputs, megabytes),
        key="small",
        backup_folder=ARGUMENTS.backup,
        strategy=strategy,
    )
    np.savez(ARGUMENTS.output, *trained.model.get_weights())
    Path(f"{ARGUMENTS.output}.json").write_text(json.dumps(trained.summary))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("output")
    parser.add_argument("--backup")
    parser.add_argument("--kill-epoch", type=int)
    parser.add_argument("--kill-step", type=int)
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--streamed", action="store_true")
    ARGUMENTS = parser.parse_args()
    main()
